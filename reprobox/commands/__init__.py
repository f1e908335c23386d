"""One module a command, named as the command: the only place that uses several rooms."""
