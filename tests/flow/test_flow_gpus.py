"""--gpus, as far as it goes without a GPU: a whole run on an engine of the test's own, which finds a stub of NVIDIA's hook.

The hook stands in for hardware that is not here; the engine, the run and its record are real. `tests/engine/test_engine_gpus.py`
has the whole grammar; here it is `reprobox run` that asks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flow_project import Project
from second_engine import SecondEngine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

HOOK = """#!/bin/sh
# Docker calls it before the program starts, with the container's state on stdin; the bundle's config holds the environment.
bundle=$(sed 's/.*"bundle":"\\([^"]*\\)".*/\\1/')
sed 's/.*"\\(NVIDIA_VISIBLE_DEVICES=[^"]*\\)".*/\\1/' "$bundle/config.json" > %s
"""


def test_the_request_arrives(project: Project, second_engine: Callable[..., SecondEngine], tmp_path: Path) -> None:
    log, hook = tmp_path / "asked", tmp_path / "bin" / "nvidia-container-runtime-hook"
    hook.parent.mkdir()
    hook.write_text(HOOK % log)
    hook.chmod(0o755)
    url = second_engine(first_on_path=hook.parent).url
    said = project("build", DOCKER_HOST=url)
    assert said.code == 0, said.err
    for asked, arrives in (("all", "all"), ("1", "0"), ("device=0", "0")):
        log.unlink(missing_ok=True)
        said = project("run", "config.yaml", "--json", "--gpus", asked, DOCKER_HOST=url)
        assert said.code == 0, said.err
        assert log.read_text() == f"NVIDIA_VISIBLE_DEVICES={arrives}"
        record = said.json["record"]
        assert record["intent"]["runspec"]["gpus"] == asked
        assert record["met"]["gpus"] == []
