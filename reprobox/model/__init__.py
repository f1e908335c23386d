"""The nouns: frozen values without I/O, each with one canonical JSON form whose digest names it."""
