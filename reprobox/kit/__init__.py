"""Tools without a domain word: canonical JSON and digests, atomic files, deterministic tar,
processes.
"""
