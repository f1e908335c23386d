"""Runs and objects on disk: published whole, never edited, found again after any crash; the index
beside them is a cache.
"""
