"""The user that stands for the caller, on engines that see users in different ways."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from images_of_our_own import PythonImage
from second_engine import SecondEngine
from small_project import Small

from reprobox.engine import caller
from reprobox.engine.docker import DockerEngine
from reprobox.errors import EngineError


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        (["name=seccomp,profile=default"], "ordinary"),
        (["name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"], "rootless"),
        (["name=apparmor", "name=userns"], "remapped"),
        (["name=seccomp,profile=/etc/rootless"], "ordinary"),
        ([], "ordinary"),
    ],
)
def test_what_an_engine_says_of_its_users(options: list[str], mode: str) -> None:
    assert caller.mode({"SecurityOptions": options}) == mode


def test_a_rootless_engine_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    rootless = {"SecurityOptions": ["name=rootless"]}
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        assert caller.of(rootless, str(path)) == caller.Caller(uid=0, gid=0)
        assert caller.of(rootless, None) == caller.Caller(uid=0, gid=0)
        if os.geteuid() == 0:
            os.chown(path, 4321, 4321)
            with pytest.raises(EngineError, match="runs as user 4321"):
                caller.of(rootless, str(path))


@pytest.mark.engine
def test_a_program_runs_where_user_ids_are_remapped(
    small_run: Small,
    engine: DockerEngine,
    python_image: PythonImage,
    second_engine: Callable[..., SecondEngine],
) -> None:
    """Its outputs are the caller's own, and the same bits as on an ordinary engine."""
    other = second_engine(remapped=True)
    there = {"DOCKER_HOST": other.url}
    small_run("build", **there)
    small_run("run", "config.yaml", "--name", "remapped", **there)
    made = _outputs(small_run)
    assert made
    assert {path.stat().st_uid for path in made} == {os.getuid()}
    small_run("replay", "first", **there)
    small_run("replay", "remapped")
    record = small_run("show", "remapped", "--json").json["record"]
    assert record["intent"]["engine"]["users"] == "remapped"


def _outputs(small: Small) -> list[Path]:
    runs = small.project.top / ".reprobox/runs"
    return [path for path in sorted(runs.glob("*/outputs/*")) if path.is_file()]
