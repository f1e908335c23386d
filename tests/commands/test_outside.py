"""Files that a program leaves outside of its work tree: named, collected when asked for, compared."""

from __future__ import annotations

import pytest
from flow_project import Project

pytestmark = pytest.mark.engine

LEAVES = """
import os, pathlib, sys, time
pathlib.Path("metrics.json").write_text("1")
pathlib.Path("/tmp/results").mkdir()
pathlib.Path("/tmp/results/model.pt").write_text(str(time.time_ns()))
pathlib.Path("linked").joinpath("through").write_text("1")
pathlib.Path("~/best.pt").expanduser().write_text("12345")
pathlib.Path("/dev/shm/shared").write_text("123")
sys.stderr.write(str(time.time_ns()))
"""


def test_they_are_named_and_collected_where_the_config_says_so(project: Project) -> None:
    project.write("train.py", LEAVES)
    (project.top / "linked").symlink_to("/dev/shm")
    project.commit()
    said = project("run", "config.yaml")
    assert said.code == 0, said.err
    named = "4 files left outside of the work tree and not kept: /tmp/results/model.pt (19 B)"
    assert named in said.err
    assert '`outputs: {"/tmp/results/": bytes}`' in said.err
    said = project("replay", "latest")
    assert said.code == 0, said.err
    assert named in said.out
    assert "stderr differs" in said.out
    assert "4 files left" in project("show", "latest").out
    text = (project.top / "config.yaml").read_text()
    rules = '{"/tmp/results/": bytes, "/dev/shm/": ignore, "<stderr>": bytes}'
    project.write("config.yaml", f"{text}  outputs: {rules}\n")
    project.commit()
    record = project.run()
    outputs = project.top / ".reprobox/runs" / record["id"] / "outputs"
    assert (outputs / "@/tmp/results/model.pt").read_text().isdigit()
    said = project("replay", "latest", "--json")
    assert said.code == 1
    verdict = said.json
    states = {file["path"]: file["state"] for file in verdict["files"]}
    assert states == {"metrics.json": "identical", "@/tmp/results/model.pt": "different"}
    assert verdict["stderr_equal"] is False
    assert all("1 file left outside of the work tree" in note for note in verdict["notes"][:2])
    assert all("/home/reprobox/best.pt (5 B)" in note for note in verdict["notes"][:2])
