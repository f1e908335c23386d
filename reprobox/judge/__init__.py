"""Record against record: which file, which tensor, which step, and why."""
