"""`reprobox logs`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_streams_stay_apart_and_byte_exact(desk: Desk) -> None:
    found = desk("logs", "first", "--json").json()
    assert found["stdout"] == {"base64": "ZXBvY2ggMQr/", "text": None}
    assert found["stderr"] == {"base64": None, "text": "a warning\n"}
    assert desk("logs", "first").err == "a warning\n"


def test_an_unknown_run(desk: Desk) -> None:
    assert desk("logs", "nosuch").code == 50
