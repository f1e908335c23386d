"""Git becomes a Source: found clean, pinned, kept and exported from the object database; the only
room that calls git.
"""
