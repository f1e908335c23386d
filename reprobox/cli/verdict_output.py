"""Writes a verdict in the format that was asked for."""

from __future__ import annotations

import sys
from typing import Any

from reprobox.cli import tables
from reprobox.cli.messages import Talk
from reprobox.cli.verdict_format import Format
from reprobox.model.verdict import Verdict
from reprobox.views import verdict as view


def write(talk: Talk, found: Verdict, form: Format, **more: Any) -> None:
    """Writes it on stdout; `more` are further keys of its JSON."""
    if form is Format.JSON:
        talk.data({**view.as_json(found), **more})
    elif form is Format.TEXT:
        tables.draw(talk, view.sections(found))
    else:
        from reprobox.views import ci

        sys.stdout.write(ci.FORMATS[form.value]([found]))
