"""What is hashed for an input is what the run sees: partly tracked directories, other names for
them, submodules, links that lead out, and data that another process writes meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from flow_project import Project

SEES = """
import os, pathlib
found = {}
for folder, directories, files in os.walk("data", followlinks=True):
    for name in files:
        path = pathlib.Path(folder, name)
        found[os.path.relpath(path, "data")] = path.read_text()
    if not directories and not files:
        found[os.path.relpath(folder, "data") + "/"] = ""
pathlib.Path("seen.json").write_text(__import__("json").dumps(found, sort_keys=True))
"""


def sees(project: Project) -> dict[str, str]:
    """What the program saw in data/."""
    record = project.run()
    place = project.top / ".reprobox" / "runs" / record["id"] / "outputs" / "seen.json"
    found: dict[str, str] = json.loads(place.read_text())
    return found


def prepare(project: Project, inputs: str, program: str = SEES) -> None:
    text = (project.top / "config.yaml").read_text()
    project.write("config.yaml", text.replace("[data/numbers.txt]", inputs))
    project.write("train.py", program)


@pytest.mark.parametrize("inputs", ["[data]", "{data: linked}"])
def test_a_partly_tracked_directory_is_the_hosts(project: Project, inputs: str) -> None:
    prepare(project, inputs)
    project.write(".gitignore", "data/*\n!data/.gitkeep\n!data/numbers.txt\n")
    project.write("data/.gitkeep", "")
    project.write("data/train.csv", str(project.top))  # bytes that no store has
    (project.top / "linked").symlink_to("data")
    project.commit()
    assert sees(project).keys() == {".gitkeep", "numbers.txt", "train.csv"}
    project.write("data/train.csv", "2")
    said = project("replay", "latest")
    assert said.code == 13
    assert "1 changed (train.csv)" in said.err
    project.write("data/train.csv", str(project.top))
    assert project("replay", "latest").code == 0


def test_a_tracked_directory_is_the_commits_under_any_name(project: Project) -> None:
    prepare(project, "{data: source}")
    project.git("mv", "data", "source")
    project.commit()
    assert sees(project) == {"numbers.txt": "1\n2\n3\n"}
    # What the work tree has by now does not matter: the commit is what is mounted.
    project.write("source/numbers.txt", "4")
    assert project("replay", "latest").code == 0


def test_a_submodule_with_ignored_files_is_the_hosts(project: Project, tmp_path: Path) -> None:
    inner = Project(tmp_path / "inner", project.env)
    inner.top.mkdir()
    inner.git("init", "-q")
    inner.write(".gitignore", "big.bin\n")
    inner.write("small.txt", "small")
    inner.commit()
    prepare(project, "{data: module}")
    project.git(
        "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.top), "module"
    )
    project.commit()
    assert sees(project).keys() == {".gitignore", "small.txt"}
    project.write("module/big.bin", "big")
    assert sees(project).keys() == {".git", ".gitignore", "small.txt", "big.bin"}


def test_links_as_git_annex_makes_them_are_followed(project: Project, tmp_path: Path) -> None:
    prepare(project, "[data]")
    store = project.top / ".git" / "annex" / "objects"
    store.mkdir(parents=True)
    (store / "key").write_text("behind")
    (store / "key").chmod(0o444)
    (project.top / "data" / "annexed").symlink_to("../.git/annex/objects/key")
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "x").write_text(str(tmp_path))
    (project.top / "data" / "disk").symlink_to(disk)
    project.commit()
    expected = {"numbers.txt": "1\n2\n3\n", "annexed": "behind", "disk/x": str(tmp_path)}
    assert sees(project) == expected
    (disk / "x").write_text("others")
    assert project("replay", "latest").code == 13
    (disk / "x").unlink()
    disk.rmdir()
    said = project("run", "config.yaml")
    assert said.code == 125
    assert "data/disk" in said.err
    assert "is not there" in said.err


def test_a_tracked_link_to_a_directory_elsewhere_is_mounted(
    project: Project, tmp_path: Path
) -> None:
    prepare(project, "[data]")
    project.git("rm", "-rq", "data")
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "x").write_text(str(tmp_path))  # bytes that no store has
    (project.top / "data").symlink_to(disk)
    project.commit()
    assert sees(project) == {"x": str(tmp_path)}
    assert project("replay", "latest").code == 0
    (disk / "x").write_text("2")
    assert project("replay", "latest").code == 13


WAITS = """
import os, time
open("up", "w").close()
while not os.path.exists("data/go"):
    time.sleep(0.05)
open("seen", "w").write("the same")
"""


def test_an_input_that_is_written_while_the_run_reads_it(project: Project) -> None:
    prepare(project, "[data]", WAITS)
    project.write(".gitignore", "data/go\ndata/x\n")
    project.write("data/x", "old")
    project.commit()
    words = [sys.executable, "-m", "reprobox.cli.main", "run", "config.yaml"]
    with subprocess.Popen(
        words, cwd=project.top, env=project.env, stderr=subprocess.PIPE, text=True
    ) as process:
        runs = project.top / ".reprobox" / "runs"
        while process.poll() is None and not list(runs.glob("*/work/up")):
            time.sleep(0.05)
        project.write("data/x", "new")
        project.write("data/go", "")
        _, err = process.communicate()
    changed = "input /work/data changed while the run used it: 1 changed (x); 1 new (go)"
    assert process.returncode == 0
    assert changed in err
    assert changed in project("show", "latest").out
    record = project("show", "latest", "--json").json
    text = json.dumps(record)
    assert '"inputs_changed"' in text
    project.write("data/x", "old")
    os.unlink(project.top / "data" / "go")
    # The program would wait for ever; the recorded bytes are there, and its first words are enough.
    first = project.runs()[0]
    project.write("train.py", "open('seen', 'w').write('the same')\n")
    project.commit()
    project.run()
    said = project("diff", first, "latest", "--json")
    verdict = said.json
    assert said.code != 0
    assert "identical" not in (verdict["result"], verdict.get("verdict"))
    assert any(changed in note for note in verdict["notes"])


def test_empty_directories_travel(project: Project, tmp_path: Path) -> None:
    prepare(project, "[data]")
    project.write(".gitignore", "data/x\n")
    project.write("data/x", "1")
    (project.top / "data" / "classes" / "ant").mkdir(parents=True)
    project.commit()
    assert sees(project).keys() == {"numbers.txt", "x", "classes/ant/"}
    assert project("export", "latest", "-o", str(tmp_path / "b.rbx")).code == 0
    there = Project(tmp_path / "there", project.env)
    there.top.mkdir()
    assert there("import", str(tmp_path / "b.rbx")).code == 0
    said = there("replay", "latest")
    assert said.code == 0, said.err
    assert there("fsck").code == 0
