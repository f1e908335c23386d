"""`reprobox schema`: what it prints and answers where nothing is executed."""

from __future__ import annotations

from desk import Desk


def test_each_schema_is_a_document_of_its_own(desk: Desk) -> None:
    config, verdict = desk("schema").json(), desk("schema", "verdict").json()
    assert desk("schema", "config").json() == config
    assert "reprobox" in config["properties"]
    assert {"result", "files"} <= verdict["$defs"]["Verdict"]["properties"].keys()


def test_a_document_that_has_none(desk: Desk) -> None:
    assert desk("schema", "record").code == 2
