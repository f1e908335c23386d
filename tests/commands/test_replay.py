"""Same bits, and why not: profiles, forecasts, rules, trails, preflights and planted causes, by the
real command line.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flow_project import TOP, Project, Said

from reprobox.model import observed
from reprobox.runtime import profiles

pytestmark = [pytest.mark.engine, pytest.mark.slow]

WRITE = "reprobox.command=[python,write.py,config.yaml]"


@pytest.fixture(scope="session")
def lab(base_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A repository with the programs of benchmarks/planted, in the image of examples/digits; the
    tests share it.
    """
    top = tmp_path_factory.mktemp("lab")
    shutil.copytree(TOP / "benchmarks" / "planted", top, dirs_exist_ok=True)
    shutil.copy(TOP / "examples" / "digits" / "requirements.txt", top)
    rows = [
        [(row * 7919 + column * 31) % 255 / 64 for column in range(256)] + [row % 4]
        for row in range(32)
    ]
    (top / "local").mkdir()
    (top / "local" / "table.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    project = Project(top, {**base_env, "PLANT": "calm"})
    project.write(".gitignore", "local/\n")
    project.git("init", "-q")
    for verb in ("lock", "build"):
        said = project(verb)
        assert said.code == 0, said.err
    project.commit("the programs")
    return project


def line(text: str) -> str:
    """Where the planted program says this, as a run sees it."""
    lines = (TOP / "benchmarks" / "planted" / "train.py").read_text().splitlines()
    (number,) = [number for number, found in enumerate(lines, 1) if text in found]
    return f"/work/train.py:{number}"


def notes(said: Said) -> str:
    return "\n".join(said.json["notes"])


def containers(project: Project) -> str:
    done = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=dev.reprobox.store={project.top}/.reprobox"],
        capture_output=True,
        text=True,
    )
    return done.stdout


# ---- what was planted is what is named


EXPECTED = {
    "ulp": (
        "step 6, parameters 3.weight",
        "nothing that was recorded differs, and 3.weight diverges at step 6",
        "",
    ),
    "window": (
        "step 6, parameters 3.weight",
        "config",
        f"aten.add_.Tensor at {line('+= bits')}: inputs",
    ),
    "entropy": (
        "step 1, parameters 0.weight",
        f"draw without a seed: os.urandom at {line('os.urandom')}",
        "",
    ),
    "clock": ("step 1, parameters", "seed of generator shuffle at /work/train.py in main", ""),
    "order": ("report.json: $.words", "PYTHONHASHSEED is random", ""),
    "time": ("report.json: $.finished", "a time in report.json at $.finished", ""),
    "temporary": ("report.json: $.scratch", "a temporary path in report.json at $.scratch", ""),
    "escaped": (
        "report.json: $.child",
        "a process outside the profile: /opt/venv/bin/python -I -c import random",
        "",
    ),
    "byte": ("blob.bin: byte 1234", "one byte of blob.bin at offset 1234", ""),
    "threads": (
        "step 1, parameters 1.bias",
        "threads",
        f"aten.native_layer_norm_backward.default at {line('loss.backward')}: kernel",
    ),
    "seed": ("step 1, parameters 0.weight", "seed", ""),
    "input": ("step 1, parameters 0.weight", "input /work/data/table.csv", ""),
}


@pytest.fixture(scope="session")
def told(base_env: dict[str, str]) -> dict[str, dict[str, str]]:
    """The table of benchmarks/planted.py, made by its one command."""
    done = subprocess.run(
        [sys.executable, TOP / "benchmarks" / "planted.py", "--json"],
        env=base_env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


@pytest.mark.parametrize("plant", EXPECTED)
def test_the_first_cause_is_the_plant(told: dict[str, dict[str, str]], plant: str) -> None:
    row, (first, cause, operation) = told[plant], EXPECTED[plant]
    assert row["result"] == "different"
    assert row["first"].startswith(first)
    assert row["cause"].startswith(cause)
    assert row["operation"] == operation


def test_every_plant_of_the_table_is_expected(told: dict[str, dict[str, str]]) -> None:
    assert told.keys() == EXPECTED.keys()


# ---- profiles, and what they did not reach


@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_a_profile_is_asked_for_recorded_and_replayed(project: Project, profile: str) -> None:
    record = project.run(f"reprobox.profile={profile}")["record"]
    asked = record["intent"]["runspec"]
    assert (asked["profile"], asked["env"]["REPROBOX_PROFILE"]) == (profile, profile)
    assert [one["profile"] for one in record["met"]["processes"]] == [profile]
    assert project("doctor", "--json").json["profiles"] == dict.fromkeys(profiles.PROFILES, "ok")
    seen = project("doctor", "latest", "--json").json
    assert (seen["profile"], seen["promise"], seen["in the way"]) == (
        profile,
        profiles.promise(profile),
        [],
    )
    assert seen["forecast"] == ("unknown" if profile == "observe" else "same-bits")
    said = project("replay", "--json")
    assert said.code == (1 if profile == "observe" else 0)
    assert said.json["forecast"]["held"] == (None if profile == "observe" else True)


ESCAPES: dict[str, tuple[str, str, str]] = {
    "isolated": (
        "[python3, -I, train.py, config.yaml]",
        "",
        "python3 -I train.py config.yaml: no process of it was reached",
    ),
    "no python": (
        "[sh, -c, echo x > out.txt]",
        "",
        "sh -c echo x > out.txt: no process of it was reached",
    ),
    "child": (
        "[python3, train.py]",
        (
            "import subprocess; subprocess.run(['python3', '-E', '-c', '1']); "
            "subprocess.run(['true']); open('x', 'w').write('y')"
        ),
        "python3 -E -c 1: it left no marker",
    ),
}


@pytest.mark.parametrize("way", ESCAPES)
def test_a_process_that_escaped_is_said(
    project: Project, change: Callable[[str, str], str], way: str
) -> None:
    command, program, expected = ESCAPES[way]
    if program:
        change("train.py", program)
    said = project("run", "config.yaml", f"reprobox.command={command}")
    assert said.code == 0, said.err
    assert f"outside profile same-machine: {expected}" in said.err
    assert expected in "\n".join(project("doctor", "latest", "--json").json["reasons"])
    said = project("replay", "--json")
    assert expected in notes(said)
    assert (said.json["forecast"]["sameness"], said.json["forecast"]["held"]) == ("unknown", None)


def test_a_run_that_was_reached_says_nothing(project: Project) -> None:
    assert "outside" not in project("run", "config.yaml").err


# ---- forecasts


def test_a_forecast_comes_first_and_the_verdict_says_whether_it_held(
    project: Project, change: Callable[[str, str], str]
) -> None:
    project.run()
    said = project("replay")
    assert said.err.index("forecast: the same bits (same dispatch class: ") < said.err.index(
        "careful"
    )
    assert "the forecast held: the same bits" in said.out
    change("train.py", "import time; open('when', 'w').write(str(time.time_ns()))")
    project.run()
    said = project("replay", "--json")
    assert (said.code, said.json["forecast"]["sameness"], said.json["forecast"]["held"]) == (
        1,
        "same-bits",
        False,
    )
    assert "the forecast did not hold: the same bits" in notes(said)


def test_as_recorded_sets_the_recorded_class_and_says_so(project: Project) -> None:
    made = project.run()
    knobs = profiles.as_recorded(profiles.dispatch_class(observed.read(made["record"]["met"])))
    said = project("replay", "--as-recorded", "--json")
    assert said.code == 0, said.err
    again = project("show", "latest", "--json").json["record"]["intent"]
    before = made["record"]["intent"]
    assert again["runspec"]["env"] == {**before["runspec"]["env"], **knobs}
    assert again["identity"] != before["identity"]
    assert f"so its identity is {again['identity']}, not {before['identity']}" in notes(said)
    assert said.json["forecast"]["sameness"] == "same-bits-as-recorded"
    project.run("reprobox.profile=portable-any")
    said = project("replay", "--as-recorded")
    assert said.code == 2
    assert "cannot be combined with profile portable-any" in said.err


# ---- declared rules


def test_a_declared_rule_gives_equal_under_it_and_never_identical(lab: Project) -> None:
    loose = "{'*.json': {compare: content, rtol: 1e-6}, '*.log': ignore, 'w.pt': {compare: tensors, ulp: 2}}"
    wanted = ["reprobox.command=[python,loose.py]", "reprobox.trail=false"]
    lab.write(
        "loose.py",
        """
import json, os, torch
planted = os.environ["PLANT"] == "planted"
json.dump({"loss": 0.25 + 1e-9 * planted, "name": "adam"}, open("metrics.json", "w"))
open("train.log", "w").write(f"planted {planted}")
torch.save({"w": torch.ones(4).view(torch.int32).add_(int(planted)).view(torch.float32)}, "w.pt")
open("same.txt", "w").write("same")
""",
    )
    lab.commit("loose outputs")
    made = lab.run(*wanted, f"+reprobox.outputs={loose}")["id"]
    said = lab("replay", made, "--json", PLANT="planted")
    assert (said.code, said.json["result"]) == (0, "equal-under-rule"), said.err
    states = {file["path"]: file["state"] for file in said.json["files"]}
    assert states == {
        "metrics.json": "equal-under-rule",
        "w.pt": "equal-under-rule",
        "train.log": "ignored",
        "same.txt": "identical",
    }
    text = lab("diff", made, "latest").out
    assert (
        "equal under a declared rule: 1 of 4 bit-identical, 2 equal under their rule, 1 ignored"
        in text
    )
    strict = (
        "{'*.json': {compare: content, rtol: 1e-12}, '*.log': ignore, 'w.pt': {compare: tensors}}"
    )
    made = lab.run(*wanted, f"+reprobox.outputs={strict}")["id"]
    said = lab("replay", made, "--json", PLANT="planted")
    assert (said.code, said.json["result"]) == (1, "different")
    far = {
        file["path"]: file["detail"] for file in said.json["files"] if file["state"] == "different"
    }
    assert (far["w.pt"]["first"]["name"], far["w.pt"]["ulp"]) == ("w", 1)
    assert far["metrics.json"]["first"]["name"] == "$.loss"


# ---- loud failure


def test_an_operation_without_a_deterministic_form_fails_with_its_name_its_line_and_the_way_out(
    lab: Project,
) -> None:
    said = lab("run", "config.yaml", "plant=refused", "steps=1", "--json")
    assert said.code == 1
    place = line("max_unpool2d")
    assert (
        f"max_unpooling2d_forward_out at {place} has no deterministic form, and profile "
        "same-machine refuses" in said.err
    )
    assert "set `profile: observe`" in said.err
    (process,) = said.json["record"]["met"]["processes"]
    assert process["refused"] == {"operation": "max_unpooling2d_forward_out", "place": place}
    assert (
        lab("run", "config.yaml", "plant=refused", "steps=1", "reprobox.profile=observe").code == 0
    )


# ---- preflight


def left(lab: Project) -> tuple[list[str], str, str]:
    return lab.runs(), lab.git("for-each-ref", "refs/reprobox"), containers(lab)


def test_check_passes_what_is_reproducible_and_leaves_nothing(lab: Project) -> None:
    before = left(lab)
    said = lab("check", "config.yaml", "steps=100000", "--steps", "3", "--json")
    assert said.code == 0, said.err
    assert (said.json["result"], said.json["steps"], said.json["whole"], said.json["same"]) == (
        "identical",
        3,
        False,
        True,
    )
    assert left(lab) == before


def test_check_names_step_tensor_and_cause_before_the_long_job(lab: Project) -> None:
    said = lab("check", "config.yaml", "plant=entropy", "steps=100000", "--steps", "2", "--json")
    assert said.code == 1, said.err
    found = said.json
    assert (found["verdict"]["trail"]["step"], found["verdict"]["trail"]["tensors"][0]) == (
        1,
        "0.weight",
    )
    assert (
        found["verdict"]["causes"][0]["what"]
        == f"draw without a seed: os.urandom at {line('os.urandom')}"
    )
    assert found["operation"]["state"] == "different"


PREFLIGHT_CAUSES = {
    "time": "a time in report.json at $.finished",
    "temporary": "a temporary path in report.json at $.scratch",
    "order": "PYTHONHASHSEED is random",
    "escaped": "a process outside the profile",
}


@pytest.mark.parametrize("plant", PREFLIGHT_CAUSES)
def test_a_preflight_runs_a_program_without_steps_whole_and_names_the_cause(
    lab: Project, plant: str
) -> None:
    loose = ["+reprobox.env.PYTHONHASHSEED=random"] if plant == "order" else []
    said = lab("check", "config.yaml", WRITE, f"plant={plant}", *loose)
    assert said.code == 1, said.err
    assert "report.json: different" in said.out
    causes = [line for line in said.out.splitlines() if line.startswith("possible cause: ")]
    assert causes[0].startswith(f"possible cause: {PREFLIGHT_CAUSES[plant]}")
    assert said.out.endswith("preflight: the whole program differs in two containers\n")


def test_run_with_a_preflight_stops_before_the_run_or_goes_on(lab: Project) -> None:
    before = left(lab)
    said = lab("run", "config.yaml", WRITE, "plant=time", "--preflight", "2")
    assert said.code == 125
    assert "the preflight's two runs differ, so the run was not started" in said.err
    assert "a time in report.json at $.finished" in said.err
    assert left(lab) == before
    said = lab("run", "config.yaml", WRITE, "--preflight", "2", "--json")
    assert said.code == 0, said.err
    assert lab.runs() == [said.json["id"], *before[0]]


# ---- explain


def test_explain_of_equal_runs_runs_nothing(lab: Project) -> None:
    first, second = (lab.run(WRITE)["id"] for _ in range(2))
    said = lab("explain", first, second, "--json")
    assert (said.code, said.json["first"], said.json["operation"]) == (0, None, None)
    assert lab.runs()[:2] == [second, first]


def test_explain_makes_the_trail_that_was_not_asked_for(lab: Project) -> None:
    first, second = (
        lab.run("reprobox.trail=false", "steps=3", f"reprobox.seed={seed}")["id"] for seed in (1, 2)
    )
    said = lab("explain", first, second)
    assert said.code == 1, said.err
    assert "with a trail at each step: first divergence: step 1, parameters 0.weight" in said.out
    assert "running both again whole, with a trail at each step" in said.err
    assert lab.runs()[:2] == [second, first]


# ---- other programs


def twice(project: Project, *overrides: str) -> dict[str, Any]:
    made = project.run(*overrides)["id"]
    said = project("replay", made, "--json")
    assert said.code == 0, said.out + said.err
    assert said.json["result"] == "identical"
    return {file["path"]: file for file in said.json["files"]}


def test_a_dataloader_with_workers_is_identical(lab: Project) -> None:
    lab.write(
        "workers.py",
        """
import random
import numpy as np, torch
from torch.utils.data import DataLoader, Dataset

class Noisy(Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, index):
        return torch.tensor([index, random.random(), np.random.rand(), torch.rand(()).item()], dtype=torch.float64)

if __name__ == "__main__":
    for way in ("fork", "spawn"):
        loader = DataLoader(Noisy(), batch_size=8, shuffle=True, num_workers=2, multiprocessing_context=way)
        rows = torch.cat(list(loader))
        assert len(rows.unique(dim=0)) == 64 == len(rows[:, 1].unique())
        np.save(f"{way}.npy", rows.numpy())
""",
    )
    lab.commit("a loader")
    assert twice(lab, "reprobox.command=[python,workers.py]").keys() == {"fork.npy", "spawn.npy"}


def test_lightgbm_and_scikit_learn_are_identical(tmp_path: Path, base_env: dict[str, str]) -> None:
    project = Project(tmp_path, base_env)
    project.git("init", "-q")
    project.write(
        "config.yaml",
        """\
reprobox:
  command: [python, fit.py]
  environment:
    base: debian:bookworm
    python: "3.11"
    apt: [libgomp1]
    requirements: [lightgbm==4.6.*, scikit-learn==1.7.*]
  threads: 2
  memory: 2g
""",
    )
    project.write(
        "fit.py",
        """
import joblib, lightgbm
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

x, y = load_breast_cancer(return_X_y=True)
model = lightgbm.LGBMClassifier(n_estimators=20, bagging_fraction=0.7, bagging_freq=1, feature_fraction=0.7, verbose=-1).fit(x, y)
model.booster_.save_model("lightgbm.txt")
joblib.dump(RandomForestClassifier(20, n_jobs=2).fit(x, y), "forest.joblib")
joblib.dump(KMeans(4, n_init=2).fit(x), "kmeans.joblib")
joblib.dump(MLPClassifier((16,), max_iter=20, tol=0, n_iter_no_change=100).fit(x / 100, y), "mlp.joblib")
""",
    )
    for verb in ("lock", "build"):
        said = project(verb)
        assert said.code == 0, said.err
    project.commit("fit")
    assert twice(project).keys() == {"lightgbm.txt", "forest.joblib", "kmeans.joblib", "mlp.joblib"}
