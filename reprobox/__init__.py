"""reprobox: run a past machine-learning experiment again, bit for bit, from its record."""
