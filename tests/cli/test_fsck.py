"""`reprobox fsck`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_damage_is_named_and_answered_with_one(desk: Desk) -> None:
    assert desk("fsck", "--project", "--json").code == 0
    (record,) = (desk.top / ".reprobox").rglob(f"*{desk.first}/record.json")
    record.chmod(0o644)
    record.write_bytes(record.read_bytes().replace(b'"code":0', b'"code":9'))
    found = desk("fsck", "--project")
    assert found.code & 1
    assert desk.first in found.out
    assert desk.second not in found.out
