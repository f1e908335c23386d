"""One copy of runs between two ends: bundles, remote stores, this project."""
