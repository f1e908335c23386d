"""`reprobox verify`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_an_unknown_run(desk: Desk) -> None:
    found = desk("verify", "nosuch", "--json")
    assert (found.code, found.json()["code"]) == (50, 50)


def test_a_damaged_output_is_named(desk: Desk) -> None:
    for place in (desk.top / ".reprobox").rglob(f"*{desk.first}/outputs/weights.txt"):
        place.chmod(0o644)
        place.write_bytes(b"0.6\n")
    found = desk("verify", "first")
    assert found.code != 0
    assert "weights.txt" in found.out + found.err
