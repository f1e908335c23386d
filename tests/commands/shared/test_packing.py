"""What is refused before it is packed: a record whose fields were changed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from desk import Desk

from reprobox.kit import canon
from reprobox.store.project import open_project


def forge(desk: Desk, *at: str, value: Any) -> None:
    """Changes a field of the first run's record, and all that quotes it."""
    run = desk.top / ".reprobox/runs" / desk.first
    document = json.loads(open_project(desk.top).record_bytes(desk.first))
    inner = document
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    digest = canon.digest_bytes(canon.canonical(document))
    for name, text in (
        ("record.json", canon.canonical(document)),
        ("record.sha256", f"{digest}\n".encode()),
    ):
        (run / name).chmod(0o600)
        (run / name).write_bytes(text)


@pytest.mark.parametrize("value", ["outside", "../outside", "--output=outside", "d" * 41, ""])
def test_no_file_is_made_by_the_name_of_a_commit_that_is_none(
    desk: Desk, tmp_path: Path, value: str
) -> None:
    outside = tmp_path / "outside"
    forge(desk, "intent", "source", "commit", value=str(outside) if value == "outside" else value)
    made = tmp_path / "bundle.tar.zst"
    said = desk("export", desk.first, "-o", str(made))
    assert (said.code, "which is none" in said.err) == (53, True), said.err
    assert not outside.exists()
    assert not made.exists()
    assert not list((desk.top / ".reprobox/tmp").iterdir())
