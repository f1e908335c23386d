"""One module a lock format that people already have."""
