"""One module a file format: a file becomes named leaves."""
