"""Spec to lock: bases, system packages and wheels, each by hash, and the bytes of all of them
fetched into the store.
"""
