"""The reviewers' documents, read by parsers and schemas of their formats."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
import yaml
from attest_world import a_record, a_verdict

from reprobox.attest.review import appendix, codecheck, facts, package
from reprobox.attest.review.package import About
from reprobox.model.claims import Checked
from reprobox.model.verdict import Class, FileState, FileVerdict

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
ABOUT = About(title="100 % of A & B: no", authors=("Ann: A", "Bö"), license="Apache-2.0")
CLAIM = Checked(name="acc_1", text="results/metrics.json#$.a >= 0.5", outcome="holds")


def some_facts(**changes: Any) -> facts.Facts:
    met = {"cpu": {"model_name": "CPU & Co"}, "memory": {"total": 8 << 30}, "peak_memory": 3 << 20}
    record = replace(a_record(name="my_run"), met=met)
    replay = a_record("20261121-101010-calm-heron-00aa", host={"name": "there", "user": "bo"})
    verdict = replace(
        a_verdict(record, replay),
        files=(
            FileVerdict(path="model.pt", state=FileState.IDENTICAL),
            FileVerdict(path="log", state=FileState.DIFFERENT),
        ),
        result=Class.DIFFERENT,
    )
    made = facts.of(record, ("model.pt", "log#1"), (CLAIM,), (facts.replayed(verdict, replay),))
    return replace(made, **changes)


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


def test_the_readme_says_what_the_checker_puts_in_when_it_is_published() -> None:
    said = "When the certificate is published, `report` becomes its DOI"
    assert said in package.files([some_facts()], ABOUT, smoke_steps=None)["README.md"]
    assert said not in package.files([some_facts(replays=())], ABOUT, smoke_steps=None)["README.md"]


def test_without_a_replay_nobody_is_said_to_have_checked() -> None:
    made = package.files([some_facts(replays=())], ABOUT, smoke_steps=None)
    found = yaml.safe_load(made["codecheck.yml"])
    jsonschema.validate(found, CODECHECK)
    assert not {"codechecker", "report", "check_time"} & found.keys()
    assert codecheck.REPORT not in made


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


def test_the_appendix_holds_what_was_measured_in_both_languages() -> None:
    content = tuple(appendix.blocks([some_facts()], license_=""))
    plain, tex = appendix.markdown("A", content), appendix.latex("A", content)
    assert (
        "| acc\\_1: results/metrics.json#$.a \\>= 0.5 | my\\_run | holds | 88 s | 3.1 MB" in plain
    )
    assert r"acc\_1: results/metrics.json\#\$.a \textgreater{}= 0.5 & my\_run & holds" in tex
    assert r"CPU \& Co, 1 thread, 8.6 GB of memory" in tex
    begun = re.findall(r"\\begin\{(\w+)\}", tex)
    assert begun == re.findall(r"\\end\{(\w+)\}", tex)
    assert not re.search(r"(?<!\\)[#$%]", tex)  # none starts a comment, a formula or a parameter


def test_what_was_not_measured_is_said() -> None:
    found = some_facts(seconds=None, memory=None, claims=(), replays=())
    text = appendix.markdown("A", tuple(appendix.blocks([found], license_="")))
    assert "| 2 outputs can be made again | my\\_run | not replayed | not measured | " in text
    assert "- **Time to complete**: not measured" in text


def test_a_smoke_run_takes_the_shortest_run_and_few_steps_where_asked() -> None:
    short, long = some_facts(run="short", seconds=5.0), some_facts(run="long", seconds=50.0)
    made = package.files([long, short], ABOUT, smoke_steps=20)
    assert "reprobox replay short --budget-steps 20\n" in made["smoke.sh"]
    assert "for run in long short; do" in made["replay.sh"]
    assert "--budget-steps" not in package.files([short], ABOUT, smoke_steps=None)["smoke.sh"]
