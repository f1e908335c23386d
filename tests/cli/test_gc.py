"""`reprobox gc`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_nothing_is_reclaimable_where_every_object_is_needed(desk: Desk) -> None:
    found = desk("gc", "--project", "--json").json()
    assert [(item["store"], item["objects"]) for item in found] == [
        (str(desk.top / ".reprobox"), [])
    ]
    assert desk("fsck", "--project").code == 0


def test_a_duration_that_is_none(desk: Desk) -> None:
    found = desk("gc", "--keep-removed", "soon")
    assert (found.code, found.out) == (2, "")
    assert "--keep-removed: not a duration: 'soon'" in found.err
    assert found.err.endswith("next: reprobox gc --help\n")
