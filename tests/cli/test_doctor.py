"""`reprobox doctor`: what it prints and answers where nothing is executed."""

from __future__ import annotations

import pytest
from desk import Desk


def test_keys_of_the_json_are_names(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/engine.sock")
    found = desk("doctor", "--json")
    assert {"cpu_code", "engine", "engines"} <= found.json().keys()
    assert "nonexistent" in found.out, "an engine that does not answer is named"
