"""`reprobox schema`."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON Schema of a config, for editors and other programs.

    `reprobox init` and `reprobox lock` keep a copy in .reprobox/config.schema.json.

    Example:  reprobox schema > config.schema.json
    """
    from reprobox.config.schema import text

    typer.echo(text(), nl=False)
