"""Runs that earlier versions wrote (tests/kept/make.py), read by this one: a record is worth what
later versions make of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from flow_project import TOP, Project, make_project

KEPT = sorted((TOP / "tests/kept").glob("*.rbx"))


@pytest.fixture(params=KEPT, ids=lambda path: path.stem)
def imported(request: pytest.FixtureRequest, tmp_path: Path, base_env: dict[str, str]) -> Project:
    """A repository of somebody else, with a store of its own, that took the file in."""
    (tmp_path / "theirs").mkdir()
    project = make_project(
        tmp_path / "theirs", {**base_env, "REPROBOX_HOME": str(tmp_path / "store")}
    )
    said = project("import", str(request.param))
    assert said.code == 0, said.err
    return project


def test_there_is_one_for_this_version() -> None:
    version = next(
        line.split('"')[1]
        for line in (TOP / "pyproject.toml").read_text().splitlines()
        if line.startswith("version = ")
    )
    assert f"reprobox-{version}" in [path.stem for path in KEPT]


def runs(project: Project) -> list[str]:
    """The run and its replay."""
    return sorted(row["id"] for row in project("ls", "--json", "-n", "0").json)


def test_it_is_whole_and_says_what_it_said(imported: Project) -> None:
    assert imported("fsck", "--json").json[0]["faults"] == []
    run, replay = runs(imported)
    said = imported("show", run, "--json").json
    intent = said["record"]["intent"]
    assert (said["record"]["exit"]["code"], intent["name"], intent["tags"]) == (
        0,
        "kept",
        ["golden"],
    )
    assert intent["runspec"]["argv"] == ["python", "train.py", "config.yaml"]
    assert [one["path"] for one in said["outputs"]] == [
        "out/caf\udce9\n.txt", "out/link", "out/metrics.json", "out/time.log", ("out/with "
                                                                               "space/model.bin"),
    ]  # fmt: skip
    assert imported("logs", run).out.startswith("step 0 loss ")
    assert imported("show", replay, "--json").json["record"]["intent"]["replay_of"] == run


def test_it_is_verified_and_compared_with_its_replay(imported: Project) -> None:
    run, replay = runs(imported)
    assert [imported("verify", one).code for one in (run, replay)] == [0, 0]
    said = imported("diff", run, replay, "--json")
    assert said.code == 0, said.err
    assert [file["state"] for file in said.json["files"]] == [
        "identical",
        "identical",
        "identical",
        "ignored",
        "identical",
    ]


def test_it_is_handed_on_as_it_came(imported: Project, tmp_path: Path) -> None:
    said = imported(
        "export",
        *runs(imported),
        "--with",
        "code,inputs,outputs",
        "-o",
        str(tmp_path / "again.rbx"),
    )
    assert said.code == 0, said.err
    (tmp_path / "third").mkdir()
    third = make_project(
        tmp_path / "third", {**imported.env, "REPROBOX_HOME": str(tmp_path / "their store")}
    )
    assert third("import", str(tmp_path / "again.rbx")).code == 0
    digests = [
        [project("show", run, "--json").json["digest"] for run in runs(project)]
        for project in (imported, third)
    ]
    assert digests[0] == digests[1]
