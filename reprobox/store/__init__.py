"""Runs and objects on disk: published whole, never edited, found again after any crash; the index
next to them is a cache.
"""
