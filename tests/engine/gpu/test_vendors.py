"""The table of GPU vendors."""

from __future__ import annotations

from reprobox.engine.gpu.vendors import DEFAULT, VENDORS


def test_each_is_filed_under_its_own_name_and_its_devices_are_told_apart() -> None:
    assert [one.name for one in VENDORS.values()] == list(VENDORS)
    kinds = [one.cdi_kind for one in VENDORS.values()]
    assert len(set(kinds)) == len(kinds)
    assert all(kind.count("/") == 1 for kind in kinds)
    assert DEFAULT in VENDORS.values()
