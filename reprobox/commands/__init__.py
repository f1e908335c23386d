"""One module a command, named as the command: the only place where rooms meet."""
