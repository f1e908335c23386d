"""`reprobox note`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_a_note_is_shown_with_its_run(desk: Desk) -> None:
    assert desk("note", "first", "too high", "--json").json() == {
        "id": desk.first,
        "note": "too high",
    }
    assert [note["text"] for note in desk("show", "first", "--json").json()["notes"]] == [
        "too high"
    ]
    assert desk("show", "second", "--json").json()["notes"] == []
