"""The note of what was laid out for a run: read whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.executor import export_manifest
from reprobox.kit import canon
from reprobox.model.source import Exported

DIGEST = canon.digest_bytes(b"x")
ITEMS = (
    Exported(path="a/b", kind="file", mode=0o755, size=0, sha256=DIGEST),
    Exported(path="odd\udcff\nname", kind="link", mode=0o777, size=0, sha256=DIGEST),
)


@pytest.mark.parametrize("items", [ITEMS, ()])
def test_what_was_written_is_read(tmp_path: Path, items: tuple[Exported, ...]) -> None:
    export_manifest.write(tmp_path, items)
    assert export_manifest.read(tmp_path) == items


def test_a_note_that_is_torn_or_absent_is_none(tmp_path: Path) -> None:
    assert export_manifest.read(tmp_path) is None
    export_manifest.write(tmp_path, ITEMS)
    path = tmp_path / export_manifest.NAME
    whole = path.read_bytes()
    for torn in (b"", whole[:-1], whole[1:], whole.replace(b"493", b"420"), bytes(len(whole))):
        path.write_bytes(torn)
        assert export_manifest.read(tmp_path) is None
