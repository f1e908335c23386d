"""Values become sections of text and tables, without I/O; for the terminal and the page alike."""
