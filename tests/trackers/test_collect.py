"""Files that the real trackers wrote (make.py), read as parameters, metrics and series."""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
import sys
import tarfile
from pathlib import Path

import pytest

from reprobox.trackers.collect import Request, Value, Values, read
from reprobox.trackers.reading import MAX_POINTS

FILES = Path(__file__).with_name("files.tar.xz")
LOSSES = ((0.0, 0.9), (1.0, 0.5), (2.0, 0.25))


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("trackers")
    with tarfile.open(FILES) as archive:
        archive.extractall(top, filter="data")
    return top


def paths_of(root: Path) -> tuple[str, ...]:
    return tuple(
        sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    )


def values_of(root: Path, declared: dict[str, str] | None = None) -> Values:
    (found,) = read([Request(root=root, files=paths_of(root), declared=declared or {})])
    return found


def numbers(found: Values, kind: str = "metric") -> dict[str, float | str]:
    return {one.name: one.value for one in found.values if one.kind == kind}


def series(found: Values) -> dict[str, tuple[tuple[float, float], ...]]:
    return {one.name: one.points for one in found.series}


def near(points: tuple[tuple[float, float], ...]) -> bool:
    return [step for step, _ in points] == [0, 1, 2] and [
        value for _, value in points
    ] == pytest.approx([0.9, 0.5, 0.25], rel=1e-6)


def test_tensorboard(written: Path) -> None:
    found = values_of(written / "tensorboard")
    (loss,) = (one for one in found.series if one.name.endswith("train/loss"))
    assert near(loss.points)
    params = {name.rpartition("/")[2]: value for name, value in numbers(found, "param").items()}
    assert params == {"lr": 0.1, "opt": "sgd", "nesterov": 1.0}
    assert [v for n, v in numbers(found).items() if n.endswith("hparam/acc")] == [0.75]
    assert found.faults == ()


@pytest.mark.parametrize("only", ["mlruns", "mlflow.db"])
def test_mlflow(written: Path, only: str) -> None:
    root = written / "mlflow"
    files = tuple(path for path in paths_of(root) if path.startswith(only))
    (found,) = read([Request(root=root, files=files, declared={})])
    assert numbers(found) == {"loss": 0.25, "test/accuracy": 0.75}
    assert numbers(found, "param") == {"lr": 0.1, "opt": "sgd"}
    assert series(found)["loss"] == LOSSES


def test_wandb(written: Path) -> None:
    found = values_of(written / "wandb")
    assert series(found)["loss"] == LOSSES
    assert numbers(found)["nested.acc"] == 0.5
    assert {"lr": 0.1, "opt": "sgd"}.items() <= numbers(found, "param").items()


def test_sacred(written: Path) -> None:
    found = values_of(written / "sacred")
    assert series(found)["loss"] == LOSSES
    assert numbers(found)["result"] == 0.75
    assert {"lr": 0.1, "model.width": 8}.items() <= numbers(found, "param").items()


def test_dvclive(written: Path) -> None:
    found = values_of(written / "dvclive")
    assert series(found)["train/loss"] == LOSSES
    assert numbers(found, "param") == {"lr": 0.1, "opt": "sgd"}


def test_optuna(written: Path) -> None:
    found = values_of(written / "optuna")
    assert numbers(found)["trials"] == 4
    best = numbers(found)["best_value"]
    assert best == max(value for _, value in series(found)["value"])
    assert numbers(found, "param")["best.x"] == best


JOURNAL = """\
{"op_code":0,"worker_id":"w","study_name":"search","directions":[2]}
{"op_code":4,"worker_id":"w","study_id":0,"datetime_start":"2026-11-28T04:34:45.338366+00:00"}
{"op_code":5,"worker_id":"w","trial_id":0,"param_name":"x","param_value_internal":0.5,\
"distribution":"{\\"name\\": \\"FloatDistribution\\", \\"attributes\\": {\\"low\\": 0.0}}"}
{"op_code":5,"worker_id":"w","trial_id":0,"param_name":"model","param_value_internal":1,\
"distribution":"{\\"name\\": \\"CategoricalDistribution\\", \\"attributes\\": \
{\\"choices\\": [\\"mlp\\", \\"cnn\\"]}}"}
{"op_code":6,"worker_id":"w","trial_id":0,"state":1,"values":[2.5]}
{"op_code":4,"worker_id":"w","study_id":0}
{"op_code":6,"worker_id":"w","trial_id":1,"state":2,"values":null}
{"op_code":4,"worker_id":"w","study_id":0}
{"op_code":6,"worker_id":"w","trial_id":2,"state":1,"values":[1.5]}
{"op_code":6,"wor"""
"""As Optuna 5.0 writes it (shortened), with a line that a kill cut off."""


def test_a_journal_of_optuna(tmp_path: Path) -> None:
    write(tmp_path, {"optuna_journal_storage.log": JOURNAL, "journal.log": "my own notes\n"})
    found = values_of(tmp_path)
    assert numbers(found) == {"value": 1.5, "best_value": 2.5, "trials": 2}
    assert series(found)["value"] == ((0, 2.5), (2, 1.5))
    assert numbers(found, "param") == {"best.x": 0.5, "best.model": "cnn"}
    assert found.faults == ()


def test_a_choice_in_a_storage_of_optuna_is_what_was_chosen(tmp_path: Path, written: Path) -> None:
    place = tmp_path / "optuna.db"
    place.write_bytes((written / "optuna" / "optuna.db").read_bytes())
    choices = '{"name": "CategoricalDistribution", "attributes": {"choices": ["mlp", "cnn"]}}'
    with contextlib.closing(sqlite3.connect(place)) as database, database:
        database.execute(
            "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) "
            "SELECT trial_id, 'model', 1.0, ? FROM trials",
            (choices,),
        )
    assert numbers(values_of(tmp_path), "param")["best.model"] == "cnn"


def test_what_mlflow_writes_for_nan_and_infinity(tmp_path: Path, written: Path) -> None:
    """A loss that diverged would be the best one as 0, which MLflow's database has for NaN."""
    place = tmp_path / "mlflow.db"
    place.write_bytes((written / "mlflow" / "mlflow.db").read_bytes())
    with contextlib.closing(sqlite3.connect(place)) as database, database:
        database.execute("UPDATE metrics SET value = 0, is_nan = 1 WHERE key = 'loss'")
        largest = sys.float_info.max
        database.execute("UPDATE metrics SET value = ? WHERE key = 'test/accuracy'", (-largest,))
    found = numbers(values_of(tmp_path))
    assert math.isnan(float(found["loss"]))
    assert found["test/accuracy"] == -math.inf
    with contextlib.closing(sqlite3.connect(place)) as database, database:
        database.execute("UPDATE runs SET lifecycle_stage = 'deleted'")
    assert values_of(tmp_path).values == ()


def test_the_last_checkpoint_of_transformers_counts(tmp_path: Path) -> None:
    def state(last: int) -> str:
        rows = [{"step": step, "loss": 1 / step} for step in range(100, last + 1, 100)]
        return json.dumps({"log_history": rows})

    for step in (500, 1000, 1500):
        write(tmp_path, {f"out/checkpoint-{step}/trainer_state.json": state(step)})
    found = values_of(tmp_path, {"early": "out/checkpoint-500/trainer_state.json#loss"})
    assert numbers(found) == {"loss": 1 / 1500, "early": 1 / 500}
    assert len(series(found)["loss"]) == 15
    write(tmp_path, {"out/trainer_state.json": state(1600)})  # by Trainer.save_state, at the end
    assert numbers(values_of(tmp_path)) == {"loss": 1 / 1600}
    write(tmp_path, {"other/checkpoint-7/trainer_state.json": state(200)})
    assert numbers(values_of(tmp_path)) == {"out/loss": 1 / 1600, "other/loss": 1 / 200}


def test_event_files_of_one_directory_follow_each_other(tmp_path: Path, written: Path) -> None:
    """As after a resume: the second file's last value is the run's."""
    (first,) = (written / "tensorboard" / "runs").glob("events.out.tfevents.*.0")
    data = first.read_bytes()
    write(tmp_path, {"config.json": "{}"})
    (tmp_path / "events.out.tfevents.1795811111.vm.1.0").write_bytes(data)
    once = values_of(tmp_path)
    (tmp_path / "events.out.tfevents.1795819999.vm.2.0").write_bytes(data)
    found = values_of(tmp_path, {"loss": "events*#train/loss"})
    (points,) = (one.points for one in found.series if one.name == "train/loss")
    assert points == 2 * series(once)["train/loss"]
    assert numbers(found)["loss"] == numbers(found)["train/loss"] == 0.25
    (source,) = {one.source for one in found.values if one.name == "train/loss"}
    assert source == "events.out.tfevents.1795819999.vm.2.0"
    assert found.faults == ()


def test_what_wandb_notes_of_the_machine_is_no_metric(tmp_path: Path) -> None:
    files = "wandb/offline-run-20261127_202523-cztmpxs2/files"
    summary = '{"loss": 0.25, "_step": 2, "_runtime": 1.5, "_wandb": {"runtime": 1}}'
    write(
        tmp_path,
        {
            f"{files}/wandb-summary.json": summary,
            f"{files}/wandb-metadata.json": '{"cpu_count": 8, "disk": {"/": {"total": 1}}}',
        },
    )
    assert numbers(values_of(tmp_path)) == {"loss": 0.25}


def test_hydra(written: Path) -> None:
    found = values_of(written / "hydra")
    assert numbers(found, "param") == {"lr": 0.5, "model.width": 8, "model.name": "mlp"}


def test_lightning(written: Path) -> None:
    found = values_of(written / "lightning")
    assert [step for step, _ in series(found)["train_loss"]] == [0, 1, 2, 3]
    assert numbers(found, "param") == {"lr": 0.1}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "results/metrics.json",
            '{"test": {"accuracy": 0.5, "n": 3}}',
            {"test.accuracy", "test.n"},
        ),
        ("m.json", '{"name": "x", "flag": true, "none": null, "loss": 1}', {"loss"}),
        ("m.json", '{"losses": [1, 2.5]}', {"losses"}),
        ("m.json", '[{"epoch": 1, "loss": 2}, {"epoch": 2, "loss": 1}]', {"loss"}),
        ("log.jsonl", '{"step": 1, "loss": 2}\n{"step": 2, "loss": 1}\n{"st', {"loss"}),
        ("log.csv", "epoch,loss,note\n1,2.0,a\n2,1.0,b\n", {"loss"}),
        ("summary.csv", "acc,model\n0.5,mlp\n", {"acc"}),
        (
            "r.csv",
            "   epoch,   train/loss\n       1,      2.0\n       2,      1.0\n",
            {"train/loss"},
        ),
        ("train_loss.tsv", "loss\tacc\n1\t2\n3\t4\n", {"loss", "acc"}),
        ("predictions.csv", "x,y\n1,2\n3,4\n", set()),
        ("data.csv", "1,2\n3,4\n", set()),
        ("3/metrics.json", '{"accuracy": 0.5}', {"accuracy"}),
        ("weights.json", json.dumps({str(n): n for n in range(500)}), set()),
        (
            "out/trainer_state.json",
            (
                '{"best_metric": 0.5, "log_history": [{"step": 5, "loss": 1.0, "epoch": 1},'
                ' {"step": 5, "eval_loss": 2.0}]}'
            ),
            {"loss", "epoch", "eval_loss", "best_metric"},
        ),
    ],
)
def test_files_by_shape(tmp_path: Path, name: str, text: str, expected: set[str]) -> None:
    write(tmp_path, {name: text})
    assert set(numbers(values_of(tmp_path))) == expected


def test_a_file_named_as_parameters_holds_parameters(tmp_path: Path) -> None:
    write(tmp_path, {"config.json": '{"lr": 0.1, "net": {"kind": "mlp"}}'})
    found = values_of(tmp_path)
    assert numbers(found) == {}
    assert numbers(found, "param") == {"lr": 0.1, "net.kind": "mlp"}


def test_a_number_in_an_integer_too_large_for_a_double_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"m.json": '{"huge": 1' + "0" * 400 + ', "ok": 1}'})
    assert numbers(values_of(tmp_path)) == {"ok": 1}


def test_declared_metrics(tmp_path: Path, written: Path) -> None:
    write(
        tmp_path,
        {"r/metrics.json": '{"test": [{"acc": 0.5}], "a.b": 2}', "log.csv": "step,l\n1,3\n"},
    )
    found = values_of(
        tmp_path,
        {
            "accuracy": "r/metrics.json#$.test[0].acc",
            "dotted": 'metrics.json#$["a.b"]',
            "loss": "log*#l",
            "gone": "absent.json#$.x",
            "none": "r/metrics.json#$.nothing",
            "shape": "metrics.json",
        },
    )
    mine = {one.name: one.value for one in found.values if one.source == ""}
    assert mine == {"accuracy": 0.5, "dotted": 2, "loss": 3}
    assert [fault.partition(":")[0] for fault in found.faults] == ["gone", "none", "shape"]
    events = values_of(written / "tensorboard" / "runs", {"loss": "events*.0#train/loss"})
    assert Value(kind="metric", name="loss", source="", value=0.25) in events.values


def test_damaged_files_are_faults_and_nothing_else_is_lost(tmp_path: Path) -> None:
    write(tmp_path, {"m.json": '{"ok": 1}', "events.out.tfevents.1.h": "junk", "mlflow.db": "junk"})
    write(tmp_path, {"run-1/run-1.wandb": "junk", "plots/metrics/x.tsv": "", "log.jsonl": "junk\n"})
    (tmp_path / "deep.json").write_text("[" * 100_000)
    found = values_of(tmp_path)
    assert numbers(found) == {"ok": 1}
    faulty = {fault.partition(":")[0] for fault in found.faults}
    assert {"mlflow.db", "run-1/run-1.wandb", "log.jsonl"} <= faulty


def test_a_file_that_takes_too_much_costs_its_own_run_only(tmp_path: Path) -> None:
    for name, text in (
        ("small", '{"a": 1}'),
        ("large", '{"b": "' + "x" * (60 << 20) + '", "c": 1}'),
    ):
        write(tmp_path / name, {"m.json": text})
    from reprobox.kit.limited_child import Limits

    requests = [
        Request(root=tmp_path / name, files=("m.json",), declared={}) for name in ("small", "large")
    ]
    small, large = read(requests, Limits(memory=100 << 20))
    assert numbers(small) == {"a": 1}
    assert large.values == ()
    assert "reader ended" in large.faults[0] or "MemoryError" in large.faults[0]


def test_a_long_series_is_thinned_with_its_ends(tmp_path: Path) -> None:
    rows = "\n".join(json.dumps({"step": n, "loss": n / 2}) for n in range(12_000))
    write(tmp_path, {"log.jsonl": rows + "\n"})
    points = series(values_of(tmp_path))["loss"]
    assert len(points) == MAX_POINTS
    assert points[0] == (0, 0)
    assert points[-1] == (11_999, 5999.5)
