"""JSON files by their shape, and what Sacred and transformers write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tracker_values import LOSSES, numbers, series, values_of, write


def test_sacred(written: Path) -> None:
    found = values_of(written / "sacred")
    assert series(found)["loss"] == LOSSES
    assert numbers(found)["result"] == 0.75
    assert {"lr": 0.1, "model.width": 8}.items() <= numbers(found, "param").items()


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
