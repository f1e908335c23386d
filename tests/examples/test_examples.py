"""The examples, from a fresh repository to a verdict, as a user would; each in an image of its own
with real packages.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from flow_project import TOP, Project

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def example(name: str, top: Path, env: dict[str, str]) -> Project:
    shutil.copytree(TOP / "examples" / name, top, dirs_exist_ok=True)
    project = Project(top, env)
    project.git("init", "-q")
    project.write(".gitignore", "__pycache__/\n")
    for verb in ("lock", "build"):
        said = project(verb)
        assert said.code == 0, said.err
    project.commit("the example, locked")
    return project


def files(project: Project) -> dict[str, str]:
    return {file["path"]: file["state"] for file in project("replay", "--json").json["files"]}


def test_digits_trains_with_torch_and_replays_bit_for_bit(
    tmp_path: Path, base_env: dict[str, str]
) -> None:
    project = example("digits", tmp_path, base_env)
    record = project.run("epochs=4")
    metrics = json.loads((Path(record["path"]) / "outputs/results/metrics.json").read_bytes())
    assert metrics["accuracy"][-1] > 0.85
    assert files(project) == dict.fromkeys(
        ("results/curve.png", "results/metrics.json", "results/model.pt"), "identical"
    )
    other = project.run("epochs=4", "reprobox.seed=8")
    said = project("diff", record["id"], other["id"], "--json")
    assert said.code == 1
    (weights,) = [file for file in said.json["files"] if file["path"] == "results/model.pt"]
    assert weights["detail"]["first"]["name"] == "0.weight"
    assert any("seed" in cause["what"] for cause in said.json["causes"])


def test_wine_needs_no_torch(tmp_path: Path, base_env: dict[str, str]) -> None:
    project = example("wine", tmp_path, base_env)
    record = project.run("trees=50")
    assert record["record"]["intent"]["runspec"]["argv"][-1] == "50"
    packages = json.dumps(record["record"]["met"]["packages"])
    assert "scikit" in packages
    assert "torch" not in packages
    assert files(project) == dict.fromkeys(
        ("metrics.json", "model.joblib", "predictions.csv"), "identical"
    )
