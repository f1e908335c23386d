"""The table of the docs that says how each format is read and what is left out, from FORMATS.

python tests/support/format_table.py    writes it into docs/determinism.md
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from reprobox.judge.formats.format import Format
from reprobox.judge.formats.registry import FORMATS

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
PAGE = Path(__file__).parents[2] / "docs" / "determinism.md"
BEGIN, END = "<!-- formats -->", "<!-- end of formats -->"


def table() -> str:
    """The rows, one a format."""
    rows = [
        "| files | format | read by | left out under `content` | not checked |",
        "|---|---|---|---|---|",
    ]
    for one in FORMATS:
        left_out = "; ".join(one.left_out.values()) or "nothing"
        not_checked = one.not_checked or "nothing"
        rows.append(f"| {one.files} | {one.name} | {_reader(one)} | {left_out} | {not_checked} |")
    return "\n".join(rows)


def _reader(one: Format) -> str:
    """Which code reads a format, and from which version on."""
    if not one.extra:
        return one.by
    extras = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    bound = next(text for text in extras[one.extra] if text.startswith(one.by.lower()))
    return f"{bound.replace('>=', ' ')} or newer (`reprobox[{one.extra}]`)"


def written(page: str) -> str:
    """The page with the table in its place."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
