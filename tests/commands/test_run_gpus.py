"""--gpus, as far as it goes without a GPU: a whole run on an engine of the test's own, which finds
a stub of NVIDIA's hook.

The hook stands in for hardware that is not here; the engine, the run and its record are real.
`tests/engine/gpu/test_nvidia.py` has the whole grammar; here it is `reprobox run` that asks.
"""

from __future__ import annotations

import os
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


def test_the_request_arrives(
    project: Project, second_engine: Callable[..., SecondEngine], tmp_path: Path
) -> None:
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
        unseen = f"GPUs were asked for ({asked}) and none was observed in the container"
        assert unseen in said.err
        assert unseen in project("show", DOCKER_HOST=url).out
    forecast = project("doctor", "latest", "--json", DOCKER_HOST=url).json
    assert forecast["forecast"] == "numbers-may-differ"
    project.write(
        "train.py",
        "import sys\n"
        "sys.exit('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB.')\n",
    )
    project.commit()
    for words, expected in ((("--gpus", "all"), "The GPU had not enough free memory."), ((), "")):
        said = project("run", "config.yaml", *words, "--json", DOCKER_HOST=url)
        assert said.code == 1
        message = said.json["record"]["exit"].get("message", "")
        assert message.partition(" Next: ")[0] == expected
        shown = project("show", said.json["id"], DOCKER_HOST=url).out
        assert ("The GPU had not enough" in shown) == bool(expected)


SMI = """#!/bin/sh
# Answers as nvidia-smi does, one line for each GPU, for the fields that it is asked for.
for word; do case $word in --query-gpu=*) fields=${word#--query-gpu=} ;; esac; done
number=0
while [ $number -lt %(count)s ]; do
  line=""
  for field in $(echo "$fields" | tr , " "); do
    case $field in
      uuid) value=GPU-$number ;;
      name) value="%(name)s" ;;
      driver_version) value=%(driver)s ;;
      memory.total) value=%(memory)s ;;
      compute_cap) value=%(capability)s ;;
      mig.mode.current) value=%(mig)s ;;
      *) value="[N/A]" ;;
    esac
    line="$line${line:+, }$value"
  done
  echo "$line"
  number=$((number + 1))
done
"""
RECORDED = {
    "name": "NVIDIA H100 80GB HBM3",
    "driver": "550.54.15",
    "memory": "81559",
    "capability": "9.0",
    "mig": "Disabled",
    "count": "2",
}
OTHERS = {
    "GPU name: recorded NVIDIA H100 80GB HBM3, here NVIDIA A100-SXM4-80GB": {
        "name": "NVIDIA A100-SXM4-80GB"
    },
    "GPU driver_version: recorded 550.54.15, here 580.65.06": {"driver": "580.65.06"},
    "GPU memory_total: recorded 81559, here 40960": {"memory": "40960"},
    "GPU compute_cap: recorded 9.0, here 8.0": {"capability": "8.0"},
    "GPU mig_mode_current: recorded Disabled, here Enabled": {"mig": "Enabled"},
    "GPUs: recorded 2, here 1": {"count": "1"},
    "the record used a GPU and there is none here": {"count": "0"},
}


def _stub(directory: Path, **values: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / "nvidia-smi").write_text(SMI % {**RECORDED, **values})
    (directory / "nvidia-smi").chmod(0o755)


def test_the_forecast_names_what_differs_between_the_gpus_of_the_record_and_those_here(
    project: Project, second_engine: Callable[..., SecondEngine], tmp_path: Path
) -> None:
    """Two programs stand in for `nvidia-smi`, one in the container and one on the host; run, record
    and forecast are real.
    """
    hook = tmp_path / "bin" / "nvidia-container-runtime-hook"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\ncat > /dev/null\n")
    hook.chmod(0o755)
    url = second_engine(first_on_path=hook.parent).url
    _stub(project.top / "tools")
    config = (project.top / "config.yaml").read_text()
    project.write(
        "config.yaml",
        config
        + "  env: {PATH: /work/tools:/opt/venv/bin:/usr/local/bin:/usr/bin:/bin}\n  gpus: all\n",
    )
    project.commit("GPUs")
    here = tmp_path / "here"
    _stub(here)
    outside = {"DOCKER_HOST": url, "PATH": f"{here}:{os.environ['PATH']}"}
    for verb in ("lock", "build"):
        assert project(verb, **outside).code == 0
    said = project("run", "config.yaml", "--json", **outside)
    assert said.code == 0, said.err
    record = said.json["record"]
    assert [gpu["name"] for gpu in record["met"]["gpus"]] == [RECORDED["name"]] * 2

    found = project("doctor", record["intent"]["id"], "--json", **outside).json
    assert (found["forecast"], found["recorded"]) == ("same-bits", found["here"])
    for reason, change in OTHERS.items():
        _stub(here, **change)
        found = project("doctor", record["intent"]["id"], "--json", **outside).json
        assert (found["forecast"], found["reasons"]) == ("numbers-may-differ", [reason])
        assert reason in project("doctor", record["intent"]["id"], **outside).out
    (here / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    found = project("doctor", record["intent"]["id"], "--json", **outside).json
    assert found["reasons"] == ["the record used a GPU and there is none here"]
