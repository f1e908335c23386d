"""Declared inputs become pins: what the run will read, by content."""
