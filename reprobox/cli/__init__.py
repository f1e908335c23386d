"""The command line: typer and rich, one error boundary, one renderer."""
