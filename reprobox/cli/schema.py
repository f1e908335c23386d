"""`reprobox schema`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class What(StrEnum):
    """Documents that have a schema."""

    CONFIG = "config"
    VERDICT = "verdict"


def schema(
    what: Annotated[What, typer.Argument(help="config or verdict.")] = What.CONFIG,
) -> None:
    """Print the JSON Schema of a config, for editors and other programs.

    With `verdict`, that of a stored verdict; its `format` names the version.

    `reprobox init` and `reprobox lock` keep a copy in .reprobox/config.schema.json.

    Example:  reprobox schema > config.schema.json
    """
    if what is What.VERDICT:
        from reprobox.model import codec
        from reprobox.model.verdict import Verdict

        typer.echo(codec.schema(Verdict), nl=False)
        return
    from reprobox.config.schema import text

    typer.echo(text(), nl=False)
