"""codecheck.yml, read by a parser and held against its specification."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonschema
import pytest
import yaml
from review_world import ABOUT, some_facts

from reprobox.attest.review import codecheck, package
from reprobox.model.claims import Checked

NAME = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "ORCID": {"type": "string", "pattern": r"^(\d{4}-){3}\d{3}[\dX]$"},
    },
}


URL = {"type": "string", "pattern": r"^[a-z]+://[^/]"}


CODECHECK: dict[str, Any] = {
    # What the page codecheck.org.uk/spec/config/1.0 demands, and what CODECHECK's own R package
    # holds a file to (validate_codecheck_yml) before its register has a number for it; neither is a
    # schema. Fields that the page does not name may be added, so none is.
    "type": "object",
    "required": ["version", "manifest", "paper"],
    "additionalProperties": False,
    "properties": {
        "version": {"const": "https://codecheck.org.uk/spec/config/1.0/"},
        "manifest": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "pattern": "^[^/]"},
                    "comment": {"type": "string"},
                },
            },
        },
        "paper": {
            "type": "object",
            "required": ["title", "authors"],
            "properties": {
                "title": {"type": "string", "minLength": 1},
                "authors": {"type": "array", "minItems": 1, "items": NAME},
                "reference": {"type": "string"},
            },
        },
        "codechecker": {"type": "array", "minItems": 1, "items": NAME},
        "report": {"type": "string"},
        "summary": {"type": "string"},
        "repository": {"anyOf": [URL, {"type": "array", "items": URL}]},
        "source": {"type": "string"},
        "certificate": {"type": "string", "pattern": r"^\d{4}-\d{3}$"},
        "check_time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"},
    },
    "dependentRequired": {"codechecker": ["report"], "report": ["codechecker"]},
}


def test_codecheck_yml_has_what_its_specification_demands() -> None:
    made = package.files([some_facts()], ABOUT, smoke_steps=None)
    text = made["codecheck.yml"]
    assert text.startswith("%YAML 1.1\n---\n")
    found = yaml.safe_load(text)
    jsonschema.validate(found, CODECHECK)
    assert [one["file"].rpartition("/")[2] for one in found["manifest"]] == ["model.pt", "log#1"]
    assert found["paper"] == {
        "title": ABOUT.title,
        "authors": [{"name": "Ann: A"}, {"name": "Bö"}],
    }
    assert found["codechecker"] == [{"name": "bo@there"}]
    assert found["report"] in made
    assert found["summary"] == "my_run: outputs differed (1 of 2 files the same)"
    assert "certificate" not in found  # the register gives its number
    assert "**different**" in made[found["report"]]


@pytest.mark.parametrize(
    ("remote", "kept"),
    [
        ("https://example.invalid/a/x", True),
        ("ssh://git@example.invalid/a/x.git", True),
        ("git@example.invalid:a/x.git", False),
        ("/srv/git/x.git", False),
        ("", False),
    ],
)
def test_a_repository_is_a_url(remote: str, kept: bool) -> None:
    made = package.files([some_facts()], replace(ABOUT, repository=remote), smoke_steps=None)
    found = yaml.safe_load(made["codecheck.yml"])
    jsonschema.validate(found, CODECHECK)
    assert found.get("repository") == (remote if kept else None)


def test_names_that_yaml_does_not_take_as_they_are_come_back() -> None:
    names = ("a\x7fb", "c\x85d", "e\u2028f", "g\ufeffh", "\U0001f600", 'i"\\j', "k: #l", "\tm\n")
    made = package.files([some_facts(outputs=names)], ABOUT, smoke_steps=None)
    found = yaml.safe_load(made["codecheck.yml"])
    assert [one["file"].split("outputs/")[1] for one in found["manifest"]] == list(names)


def test_without_a_replay_nobody_is_said_to_have_checked() -> None:
    made = package.files([some_facts(replays=())], ABOUT, smoke_steps=None)
    found = yaml.safe_load(made["codecheck.yml"])
    jsonschema.validate(found, CODECHECK)
    assert not {"codechecker", "report", "check_time"} & found.keys()
    assert codecheck.REPORT not in made


def test_the_certificate_says_of_each_claim_what_became_of_it() -> None:
    claim = Checked(name="acc", text="m#$.a > 1", outcome="fails", why="it is 0.5")
    text = codecheck.certificate([some_facts(claims=(claim,))], title="T")
    assert "- claim *acc*: fails (it is 0.5); `m#$.a > 1`" in text
    without = codecheck.certificate([some_facts(claims=(), replays=())], title="T")
    assert without.endswith("No replay of this run was judged.\n")
