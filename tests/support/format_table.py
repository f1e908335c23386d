"""The table of the docs that says how each format is read and what is left out, from FORMATS.

python tests/support/format_table.py    writes it into docs/determinism.md
"""

from __future__ import annotations

from pathlib import Path

from reprobox.judge.formats.registry import FORMATS

PAGE = Path(__file__).parents[2] / "docs" / "determinism.md"
BEGIN, END = "<!-- formats -->", "<!-- end of formats -->"


def table() -> str:
    """The rows, one a format."""
    rows = ["| files | format | read by | left out under `content` |", "|---|---|---|---|"]
    for one in FORMATS:
        left_out = "; ".join(one.left_out.values()) or "nothing"
        rows.append(f"| {one.files} | {one.name} | {one.by} | {left_out} |")
    return "\n".join(rows)


def written(page: str) -> str:
    """The page with the table in its place."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
