"""Documents for reviewers of a paper's artifact, made from runs and verdicts."""
