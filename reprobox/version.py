"""The version of this reprobox, written into every record (a test holds it equal to
pyproject.toml).
"""

__version__ = "0.1.0"
