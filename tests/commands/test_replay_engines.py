"""The whole river on other engines: those of scripts/engines, named in REPROBOX_ENGINES (`make
engines`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from apptainer_program import on_path
from flow_project import Project

from reprobox.engine.docker import DockerEngine

NAMED = dict(
    item.split("=", 1) for item in os.environ.get("REPROBOX_ENGINES", "").split(",") if item
)
pytestmark = [
    pytest.mark.engine,
    pytest.mark.slow,
    pytest.mark.skipif(not NAMED, reason="opt-in: REPROBOX_ENGINES names the engines"),
]
STARTING = ("containerd", "graph", "old", "podman")

ASKS = """\
import json, os
names = ("GIVEN_BY_CDI", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES")
json.dump({name: os.environ.get(name) for name in names}, open("asked.json", "w"))
"""


@pytest.mark.parametrize("name", STARTING)
def test_a_run_of_this_machine_is_replayed_bit_for_bit_on_another_engine(
    name: str, project: Project
) -> None:
    run = project.run()
    said = project("replay", run["id"], "--json", DOCKER_HOST=NAMED[name])
    assert said.code == 0, said.err
    assert said.json["result"] == "identical"
    there = project("run", "config.yaml", "--json", DOCKER_HOST=NAMED[name])
    assert there.json["record"]["outputs"]["manifest"] == run["record"]["outputs"]["manifest"]


def test_one_record_is_the_same_on_docker_podman_and_apptainer(
    project: Project, tmp_path: Path
) -> None:
    """Each makes a run, and each replays those of the others."""
    chosen = {
        "docker": {"REPROBOX_ENGINE": "docker"},
        "podman": {"REPROBOX_ENGINE": "podman", "CONTAINER_HOST": NAMED["podman"]},
        "apptainer": {
            "REPROBOX_ENGINE": "apptainer",
            "REPROBOX_APPTAINER": str(tmp_path / "apptainer"),
            "PATH": on_path(),
        },
    }
    runs = {}
    for name, env in chosen.items():
        said = project("run", "config.yaml", "--json", **env)
        assert said.code == 0, (name, said.err)
        runs[name] = said.json
    engines = {run["record"]["intent"]["engine"]["name"] for run in runs.values()}
    assert len(engines) == 3, engines
    for maker, run in runs.items():
        for name, env in chosen.items():
            said = project("replay", run["id"], "--json", **env)
            assert said.json["result"] == "identical", (maker, name, said.err)


@pytest.fixture
def stub_gpus() -> Iterator[str]:
    """Two devices that only set a variable, described to the engine by CDI; its address."""
    url = NAMED["containerd"]
    spec = Path(url.removeprefix("unix://")).parent / "cdi" / "stub.json"
    edits = {name: {"env": [f"GIVEN_BY_CDI={name}"]} for name in ("0", "1", "all")}
    devices = [{"name": name, "containerEdits": edit} for name, edit in edits.items()]
    spec.write_text(
        json.dumps({"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": devices})
    )
    yield url
    spec.unlink()


def test_gpus_go_by_cdi_where_the_engine_has_only_that(project: Project, stub_gpus: str) -> None:
    text = (project.top / "config.yaml").read_text()
    variables = "{NVIDIA_VISIBLE_DEVICES: all, NVIDIA_DRIVER_CAPABILITIES: 'compute,utility'}"
    project.write(
        "config.yaml", text.replace('python: "3.11"', f'python: "3.11"\n    env: {variables}')
    )
    project.write("train.py", ASKS)
    for verb in ("lock", "build"):
        said = project(verb, DOCKER_HOST=stub_gpus)
        assert said.code == 0, said.err
    project.commit("GPUs")
    assert DockerEngine(stub_gpus).gpus_offered() == "cdi"
    for asked, given in (("all", "all"), ("device=1", "1"), ("1", "0"), ("nvidia.com/gpu=1", "1")):
        said = project("run", "config.yaml", "--json", "--gpus", asked, DOCKER_HOST=stub_gpus)
        assert said.code == 0, said.err
        met = json.loads((Path(said.json["path"]) / "outputs/asked.json").read_bytes())
        assert met["GIVEN_BY_CDI"] == given
        assert met["NVIDIA_DRIVER_CAPABILITIES"] == "compute,utility"
        assert said.json["record"]["intent"]["runspec"]["gpus"] == asked


def test_gpus_are_refused_where_the_engine_has_neither_way(project: Project) -> None:
    url = NAMED["graph"]
    assert project("build", DOCKER_HOST=url).code == 0
    assert DockerEngine(url).gpus_offered() is None
    said = project("run", "config.yaml", "--gpus", "all", DOCKER_HOST=url)
    assert said.code == 125
    assert "neither the NVIDIA runtime hook nor CDI devices" in said.err
    assert project.runs() == []
