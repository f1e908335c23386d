"""gc where runs were imported: everything that their replays need stays, in whatever form it came."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from pathlib import Path

import pytest
from flow_project import Project
from small_project import Small, elsewhere

from reprobox.kit import canon

pytestmark = pytest.mark.engine


def collected(there: Project, *words: str) -> list[str]:
    """Ages everything by forty days and collects; what went from the shared store."""
    home, old = Path(there.env["REPROBOX_HOME"]), time.time() - 40 * 86400
    for top in (home / "objects", there.top / ".reprobox" / "objects"):
        for folder, _, names in os.walk(top):
            for name in names:
                os.utime(os.path.join(folder, name), (old, old))
    said = there("gc", "--yes", "--json", *words)
    assert said.code == 0, said.err
    return [item["digest"] for item in said.json[1]["objects"]]


def stray(there: Project) -> str:
    """An object that nobody needs."""
    data = secrets.token_bytes(1000)
    digest = canon.digest_bytes(data)
    path = Path(there.env["REPROBOX_HOME"]) / "objects/sha256" / digest[7:9] / digest[9:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return digest


@pytest.mark.parametrize(("part", "tier"), [("image", "archive"), ("lock", "composed")])
def test_what_an_imported_run_needs_outlives_gc(
    part: str, tier: str, small_run: Small, tmp_path: Path
) -> None:
    tree = tmp_path / "inputs of the run"
    (tree / "inner").mkdir(parents=True)
    (tree / "inner" / "x").write_text(secrets.token_hex(40))
    (tree / "table.csv").write_text(secrets.token_hex(40))
    config = (small_run.project.top / "config.yaml").read_text()
    asked = json.dumps({"deep": str(tree), "table.csv": str(tree / "table.csv")})
    small_run.project.write("config.yaml", f"{config}  inputs: {asked}\n")
    small_run.project.commit("inputs")
    small_run("run", "config.yaml", "--name", "second")
    small_run(
        "export", "second", "-o", str(tmp_path / "b"), "--with", f"code,inputs,outputs,{part}"
    )
    small_run.forget_image()
    shutil.rmtree(tree)
    there = elsewhere(small_run, tmp_path)
    said = there("import", str(tmp_path / "b"))
    assert said.code == 0, said.err
    nobodys = stray(there)
    assert collected(there) == [nobodys]
    said = there("replay", "second", "--json")
    assert said.code == 0, said.err
    assert (said.json["result"], said.json["image_tier"]) == ("identical", tier)


def test_what_only_a_removed_import_needed_goes(small_run: Small, tmp_path: Path) -> None:
    small_run("export", "first", "-o", str(tmp_path / "b"), "--with", "code,outputs,image")
    there = elsewhere(small_run, tmp_path)
    assert there("import", str(tmp_path / "b")).code == 0
    assert collected(there) == []
    assert there("rm", "first").code == 0
    assert collected(there) == []
    assert len(collected(there, "--keep-removed", "0")) == 1


@pytest.mark.parametrize("verb", ["lock", "build"])
def test_a_lock_below_the_top_is_known_without_a_run_and_drops_out_when_it_is_deleted(
    verb: str, small_run: Small
) -> None:
    project = small_run.project
    below = project.top / "sub"
    below.mkdir()
    for name in ("config.yaml", "reprobox.lock"):
        (project.top / name).rename(below / name)
    shutil.copy(project.top / "base.tar", below)
    small_run("rm", "first")
    # What `lock` itself had noted is gone too, so that each verb is tried alone.
    roots = Path(project.env["REPROBOX_HOME"]) / "roots"
    (noted,) = (link for link in roots.iterdir() if not link.exists())
    noted.unlink()
    small_run(verb, "sub/config.yaml")
    assert collected(project) == []
    (below / "reprobox.lock").rename(project.top / "reprobox.lock.put-away")
    assert len(collected(project, "--keep-removed", "0")) > 0
    (project.top / "reprobox.lock.put-away").rename(project.top / "reprobox.lock")
