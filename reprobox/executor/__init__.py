"""Where a run executes: laid out, started, watched, collected, recorded; and completed after a
crash.
"""
