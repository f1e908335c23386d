"""Outputs taken out of the store: the bytes that were recorded, or an error; nothing of the user's
own is replaced.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from flow_project import Project

pytestmark = pytest.mark.engine

PROGRAM = """\
import os
os.makedirs("results/deep", exist_ok=True)
os.makedirs("empty/inner")
open("results/deep/a.pt", "wb").write(b"a" * 3_000_000)
open("results/b.txt", "w").write("b")
open("tool.sh", "w").write("#!/bin/sh")
os.chmod("tool.sh", 0o755)
os.symlink("results/b.txt", "link")
os.symlink("/etc/passwd", "out")
open(b"na\\xffme\\n 1", "w").write("odd")
"""


@pytest.fixture
def made(project: Project) -> Project:
    project.write("train.py", PROGRAM)
    project.commit("outputs")
    project.run()
    return project


def listed(top: Path) -> set[bytes]:
    found = (os.fsencode(path.relative_to(top)) for path in top.rglob("*"))
    return set(found)


def test_all_outputs_are_copied_with_their_modes_and_links(made: Project, tmp_path: Path) -> None:
    there = tmp_path / "new" / "place"
    said = made("get", "latest", "-o", str(there))
    assert said.code == 0, said.err
    assert listed(there) == {
        *(
            b"results",
            b"results/deep",
            b"results/deep/a.pt",
            b"results/b.txt",
            b"tool.sh",
            b"link",
            b"out",
        ),
        *(b"na\xffme\n 1", b"empty", b"empty/inner"),
    }
    assert (there / "results/deep/a.pt").read_bytes() == b"a" * 3_000_000
    assert (there / "tool.sh").stat().st_mode & 0o777 == 0o755
    assert [os.readlink(there / name) for name in ("link", "out")] == [
        "results/b.txt",
        "/etc/passwd",
    ]
    assert "7 outputs, 3.0 MB" in said.err
    assert len(said.out.splitlines()) == 7


def test_patterns_are_those_of_a_config(made: Project, tmp_path: Path) -> None:
    said = made("get", "latest", "*.pt", "results/b.txt", "-o", str(tmp_path / "x"), "--json")
    assert [file["path"] for file in said.json["outputs"]] == ["results/b.txt", "results/deep/a.pt"]
    assert said.json["directory"] == str(tmp_path / "x")
    assert listed(tmp_path / "x") == {
        b"results",
        b"results/deep",
        b"results/deep/a.pt",
        b"results/b.txt",
    }
    said = made("get", "latest", "result/b.txt", "-o", str(tmp_path / "y"))
    assert (said.code, "did you mean results/b.txt?" in said.err) == (2, True), said.err
    assert not (tmp_path / "y").exists()


def test_nothing_of_the_users_is_replaced_or_written_through(made: Project, tmp_path: Path) -> None:
    there, far = tmp_path / "x", tmp_path / "far"
    there.mkdir()
    far.mkdir()
    (there / "tool.sh").write_text("mine")
    said = made("get", "latest", "-o", str(there))
    assert (said.code, "tool.sh already" in said.err) == (2, True), said.err
    assert listed(there) == {b"tool.sh"}
    (there / "results").symlink_to(far)
    said = made("get", "latest", "results/", "-o", str(there))
    assert (said.code, list(far.iterdir())) == (2, []), said.err
    (tmp_path / "way").symlink_to(far)
    assert made("get", "latest", "results/", "-o", str(tmp_path / "way")).code == 0
    assert (far / "results/b.txt").read_text() == "b"
    assert made("get", "latest", "link", "-o", str(there / "tool.sh")).code == 2


def test_what_was_changed_in_the_store_does_not_come_out(made: Project, tmp_path: Path) -> None:
    stored = Path(made("show", "--json").json["path"]) / "outputs" / "results"
    for directory in (stored, stored / "deep"):
        directory.chmod(0o755)
    file = stored / "deep/a.pt"
    file.chmod(0o644)
    file.write_bytes(b"b" * 3_000_000)
    said = made("get", "latest", "*.pt", "-o", str(tmp_path / "x"))
    assert (said.code, "is not what was recorded" in said.err) == (53, True), said.err
    assert listed(tmp_path / "x") == {b"results", b"results/deep"}
    file.unlink()
    assert made("get", "latest", "*.pt", "-o", str(tmp_path / "y")).code == 53
