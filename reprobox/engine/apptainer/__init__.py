"""Apptainer as an engine: images as directories, containers as directories, and no daemon."""
