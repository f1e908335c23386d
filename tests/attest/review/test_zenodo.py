"""Zenodo's metadata of an upload."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from review_world import ABOUT, some_facts

from reprobox.attest.review import package, zenodo


@pytest.mark.parametrize(("license_", "kept"), [("Apache-2.0", "apache-2.0"), ("", None)])
def test_zenodos_metadata(license_: str, kept: str | None) -> None:
    about = replace(ABOUT, license=license_, repository="https://example.invalid/x?a=1&b=2")
    found = json.loads(package.files([some_facts()], about, smoke_steps=None)[".zenodo.json"])
    assert found.get("license") == kept
    assert found["creators"] == [{"name": "Ann: A"}, {"name": "Bö"}]
    assert found["upload_type"] == "software"
    assert found["related_identifiers"][0]["identifier"] == about.repository
    ssh = replace(about, repository="git@example.invalid:a/x.git")
    found = json.loads(package.files([some_facts()], ssh, smoke_steps=None)[".zenodo.json"])
    assert "related_identifiers" not in found


def test_a_command_is_text_in_the_description() -> None:
    made = zenodo.metadata(
        [some_facts(command="a <b> & c")],
        title="T",
        authors=(),
        repository="",
        license_="",
        version="1",
    )
    assert "<code>a &lt;b&gt; &amp; c</code>" in json.loads(made)["description"]
