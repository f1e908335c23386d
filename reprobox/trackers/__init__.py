"""Files that trackers and training scripts leave in a run become parameters, metrics and series."""
