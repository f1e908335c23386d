"""Statements by the real commands: who made a run, who confirmed it elsewhere, and what cannot be
checked.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from flow_project import Project

pytestmark = pytest.mark.engine


def a_person(folder: Path, name: str) -> tuple[Path, str]:
    """A key, and the line that allows it."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)],
        check=True,
    )
    return (
        folder / name,
        f"{name}@example.invalid {(folder / name).with_suffix('.pub').read_text()}",
    )


def test_a_reviewer_confirms_and_the_author_sees_it(project: Project, tmp_path: Path) -> None:
    ann, ann_line = a_person(tmp_path, "ann")
    bo, bo_line = a_person(tmp_path, "bo")
    (tmp_path / "signers").write_text(ann_line + bo_line)
    project.git("config", "gpg.ssh.allowedSignersFile", str(tmp_path / "signers"))
    run = project.run()["id"]
    assert project("attest", run, "--key", str(ann)).code == 0
    assert (
        project("export", run, "-o", str(tmp_path / "b"), "--with", "code,outputs,inputs").code == 0
    )

    (tmp_path / "there").mkdir()
    there = Project(tmp_path / "there", project.env)
    assert there("import", str(tmp_path / "b")).code == 0
    replayed = there("replay", run, "--json")
    assert replayed.code == 0, replayed.err
    made = there("attest", "latest", "--key", str(bo), "--json")
    assert made.code == 0, made.err
    assert [one["run"] == run for one in json.loads(made.out)] == [False, True]
    again = there("attest", "latest", "--key", str(bo), "--json")
    assert again.out == made.out
    assert there("export", run, "-o", str(tmp_path / "back"), "--with", "none").code == 0

    came = project("import", str(tmp_path / "back"))
    assert came.code == 0, came.err
    said = json.loads(project("show", run, "--json").out)["statements"]
    assert [(one["kind"], one["who"], one["result"], one["trusted"]) for one in said] == [
        ("made", ["ann@example.invalid"], "recorded", True),
        ("replayed", ["bo@example.invalid"], "identical", True),
    ]
    shown = project("show", run).out
    assert "confirmed   bo@example.invalid" in shown
    (tmp_path / "signers").write_text(ann_line)
    assert "not verified" in project("show", run).out


def test_verify_a_statement_with_its_exit_codes(project: Project, tmp_path: Path) -> None:
    ann, ann_line = a_person(tmp_path, "ann")
    _, bo_line = a_person(tmp_path, "bo")
    run = project.run()["id"]
    made = project("attest", run, "--key", str(ann))
    statement = Path(made.out.strip())
    (tmp_path / "ann signers").write_text(ann_line)
    (tmp_path / "bo signers").write_text(bo_line)
    good = project("verify", str(statement), "--signers", str(tmp_path / "ann signers"))
    assert good.code == 0, good.out
    assert "signed by ann@example.invalid" in good.out
    assert project("verify", str(statement)).code == 4
    wrong = project("verify", str(statement), "--signers", str(tmp_path / "bo signers"))
    assert (wrong.code, "not listed" in wrong.out) == (1, True)
    (tmp_path / "cut").write_bytes(statement.read_bytes()[:-5])
    assert project("verify", str(tmp_path / "cut")).code == 62
    assert project("rm", run).code == 0
    (tmp_path / "kept").write_bytes(b"")


def test_a_statement_about_a_run_that_is_not_here_is_told(project: Project, tmp_path: Path) -> None:
    ann, ann_line = a_person(tmp_path, "ann")
    (tmp_path / "signers").write_text(ann_line)
    run = project.run()["id"]
    data = Path(project("attest", run, "--key", str(ann)).out.strip()).read_bytes()
    (tmp_path / "statement.json").write_bytes(data)
    assert project("rm", run).code == 0
    said = project(
        "verify", str(tmp_path / "statement.json"), "--signers", str(tmp_path / "signers")
    )
    assert said.code == 4
    assert "no run here has this record" in said.out


def test_formats_of_others(project: Project, tmp_path: Path) -> None:
    run = project.run()["id"]
    for kind in ("intoto", "cyclonedx", "crate"):
        said = project("attest", run, "--format", kind, "-o", str(tmp_path / kind))
        assert said.code == 0, said.err
    assert (
        json.loads((tmp_path / "intoto").read_text())["_type"] == "https://in-toto.io/Statement/v1"
    )
    assert json.loads((tmp_path / "cyclonedx").read_text())["specVersion"] == "1.7"
    assert (tmp_path / "crate" / "outputs" / "model.bin").is_file()


def test_without_a_key_it_is_said_how_to_get_one(project: Project) -> None:
    project.run()
    said = project("attest", "latest")
    assert said.code == 2
    assert "ssh-keygen" in said.err
