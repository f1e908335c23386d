"""What a training with a well-known project leaves, as two run directories: identical, the same
bytes under another name, or equal with at most one line of config.

Names and keys are those of the projects' own files. Weights are bytes, which are the same in both;
examples/tools runs the projects.
"""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tracker_runs import Pair, verdict

from reprobox.config import rule_text
from reprobox.model.verdict import Class, FileVerdict

START = datetime(2026, 11, 27, 17, 56, 39, 123456, UTC)


@dataclass
class Turn:
    """One of the two runs: its directory, its clock and what it draws without a seed."""

    top: Path
    number: int
    loss: float = 0.5
    weights: bytes = bytes(range(256))
    clock: datetime = field(init=False)
    draws: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.clock = START + timedelta(hours=self.number, seconds=self.number)
        self.draws = random.Random(self.number)
        self.top.mkdir()

    @property
    def seconds(self) -> float:
        return self.clock.timestamp() + self.draws.random() / 1000

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.draws.getrandbits(128), version=4))

    def write(self, path: str, data: str | bytes | dict[str, object] | list[object]) -> None:
        place = self.top / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, dict | list):
            data = json.dumps(data)
        place.write_bytes(data.encode() if isinstance(data, str) else data)

    def events(self, folder: str, **values: float) -> None:
        """TensorBoard's file, of a host and a process."""
        name = f"events.out.tfevents.{int(self.seconds)}.box.{7 + self.number}.0"
        records = [_event(self.seconds, tag, value) for tag, value in values.items()]
        self.write(f"{folder}/{name}", b"".join(records))


def _event(clock: float, tag: str, value: float) -> bytes:
    """One scalar at step 1 (tensorflow/core/util/event.proto)."""
    name = tag.encode()
    said = b"\x0a" + bytes([len(name)]) + name + b"\x15" + struct.pack("<f", value)
    values = b"\x0a" + bytes([len(said)]) + said
    data = (
        b"\x09" + struct.pack("<d", clock) + b"\x10\x01" + b"\x2a" + bytes([len(values)]) + values
    )
    return struct.pack("<Q", len(data)) + bytes(4) + data + bytes(4)


def makemore(run: Turn) -> None:
    run.events("out", **{"Loss/train": run.loss, "Loss/test": 2.75})
    run.write("out/model.pt", run.weights)


def mingpt(run: Turn) -> None:
    run.write("out/adder/args.txt", "adder.py --trainer.max_iters=40")
    run.write("out/adder/config.json", {"system": {"seed": 3407}})
    run.write("out/adder/model.pt", run.weights)


def nanogpt(run: Turn) -> None:
    run.write("train.bin", run.weights)
    run.write("meta.pkl", pickle.dumps({"vocab_size": 65}))
    run.write("out/ckpt.pt", run.weights)


def pytorch_examples(run: Turn) -> None:
    run.write("mnist_cnn.pt", run.weights)
    run.write("results/sample_1.png", run.weights)


def lightgbm(run: Turn) -> None:
    run.write("model.txt", f"tree\nversion=v4\nleaf_value={run.loss}\n")


def xgboost(run: Turn) -> None:
    run.write("model.json", {"learner": {"base_score": run.loss}, "version": [3, 2, 0]})


def scikit_learn(run: Turn) -> None:
    run.write("model.joblib", run.weights)
    search = {"mean_fit_time": run.seconds % 1, "std_score_time": run.seconds % 1}
    run.write("cv_results.json", {"mean_test_score": run.loss, **search})


def sacred(run: Turn) -> None:
    times = {key: run.clock.isoformat() for key in ("heartbeat", "start_time", "stop_time")}
    run.write("my_runs/1/run.json", {**times, "host": {"hostname": "box"}, "result": run.loss})
    run.write("my_runs/1/config.json", {"lr": 0.1, "seed": 7})
    loss = {"steps": [0], "timestamps": [run.clock.isoformat()], "values": [run.loss]}
    run.write("my_runs/1/metrics.json", {"loss": loss})
    run.write("my_runs/1/cout.txt", f"loss {run.loss}\n")


def hydra(run: Turn) -> None:
    folder = f"outputs/{run.clock:%Y-%m-%d}/{run.clock:%H-%M-%S}"
    run.write(
        f"{folder}/train.log",
        f"[{run.clock:%Y-%m-%d %H:%M:%S},123][main][INFO] - loss {run.loss}\n",
    )
    run.write(f"{folder}/.hydra/config.yaml", "lr: 0.1\n")
    run.write(
        f"{folder}/.hydra/hydra.yaml", f"hydra:\n  runtime:\n    output_dir: /work/{folder}\n"
    )
    run.write(f"{folder}/model.pt", run.weights)


def lightning(run: Turn) -> None:
    run.write("lightning_logs/version_0/hparams.yaml", "lr: 0.1\n")
    run.write("lightning_logs/version_0/metrics.csv", f"epoch,loss,step\n0,{run.loss},3\n")
    run.events("lightning_logs/version_0", loss=run.loss)
    run.write("lightning_logs/version_0/checkpoints/epoch=1-step=8.ckpt", run.weights)


def flax(run: Turn) -> None:
    run.write("metrics.json", [{"epoch": 0, "loss": run.loss}])
    times = {
        key: int(run.seconds * 1e9) for key in ("init_timestamp_nsecs", "commit_timestamp_nsecs")
    }
    run.write("checkpoints/3/_CHECKPOINT_METADATA", {"item_handlers": "H", **times})
    run.write("checkpoints/3/default/manifest.ocdbt", b"\x0c\xdb\x3a\x2a" + run.uuid().encode())
    run.write(f"checkpoints/3/default/d/{run.uuid().replace('-', '')}", run.weights)


def numpyro(run: Turn) -> None:
    run.write("samples.npz", run.weights)


def transformers(run: Turn) -> None:
    took = 1 + run.seconds % 1
    speed = {"train_runtime": took, "train_samples_per_second": 9 / took, "train_loss": run.loss}
    run.write("out/checkpoint-4/trainer_state.json", {"log_history": [{"loss": run.loss}, speed]})
    run.write("out/checkpoint-4/model.safetensors", run.weights)
    run.write("out/train_results.json", dict(speed))
    run.events(f"out/runs/{run.clock:%b%d_%H-%M-%S}_box", **{"train/loss": run.loss})


def stable_baselines3(run: Turn) -> None:
    run.write(
        "monitor.csv",
        f'#{{"t_start": {run.seconds}, "env_id": "C"}}\nr,l,t\n{run.loss},9,{run.seconds % 1}\n',
    )
    run.write(
        "progress.csv", f"rollout/ep_rew_mean,time/fps,time/time_elapsed\n9,{run.seconds % 9},1\n"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, text in (
            (
                "data",
                f'{{"start_time": {int(run.seconds * 1e9)}, "ep_info_buffer": "gAW{run.uuid()}"}}',
            ),
            ("policy.pth", run.weights),
        ):
            file.writestr(zipfile.ZipInfo(name, run.clock.timetuple()[:6]), text)
    run.write("model.zip", out.getvalue())


def hydra_template(run: Turn) -> None:
    folder = f"logs/train/runs/{run.clock:%Y-%m-%d_%H-%M-%S}"
    run.write(f"{folder}/.hydra/hydra.yaml", f"output_dir: /work/{folder}\n")
    run.write(f"{folder}/train.log", f"[{run.clock:%Y-%m-%d %H:%M:%S},123][main][INFO] - done\n")
    run.write(f"{folder}/exec_time.log", f"Total execution time: 0:00:0{1 + run.number}.250000\n")
    run.write(f"{folder}/csv/version_0/metrics.csv", f"epoch,step,train/loss\n0,3,{run.loss}\n")
    run.write(f"{folder}/checkpoints/epoch_000.ckpt", run.weights)
    run.events(f"{folder}/tensorboard/version_0", **{"train/loss": run.loss})


def spacy(run: Turn) -> None:
    run.write("model-best/meta.json", {"lang": "en", "performance": {"cats_score": run.loss}})
    run.write("model-best/textcat/model", run.weights)


def dvc(run: Turn) -> None:
    run.write("dvc.lock", "schema: '2.0'\nstages:\n  train:\n    cmd: python3 train.py\n")
    run.write("metrics.json", {"mean": run.loss})
    run.write(".dvc/tmp/btime", "")


def r(run: Turn) -> None:
    run.write("results.csv", f'"","estimate"\n"slope",{run.loss}\n')
    run.write(
        "report.html", f"<p>{run.clock:%B %d, %Y}</p><p>{run.clock:%H:%M:%S}</p><p>{run.loss}</p>"
    )


def plain(run: Turn) -> None:
    name = f"run-{run.clock:%Y%m%d_%H%M%S}-{run.uuid()}"
    run.write(f"{name}/model.pt", run.weights)
    run.write(f"{name}/metrics.csv", f"step,loss\n1,{run.loss}\n")


KINDS: dict[Callable[[Turn], None], tuple[str, Class]] = {
    makemore: ("tensorboard", Class.EQUAL_UNDER_RULE),
    mingpt: ("", Class.IDENTICAL),
    nanogpt: ("", Class.IDENTICAL),
    pytorch_examples: ("", Class.IDENTICAL),
    lightgbm: ("", Class.IDENTICAL),
    xgboost: ("", Class.IDENTICAL),
    scikit_learn: ("cv_results.json: except-times", Class.EQUAL_UNDER_RULE),
    sacred: ("sacred", Class.EQUAL_UNDER_RULE),
    hydra: ("hydra", Class.EQUAL_UNDER_RULE),
    lightning: ("lightning,tensorboard", Class.EQUAL_UNDER_RULE),
    flax: ("orbax", Class.EQUAL_UNDER_RULE),
    numpyro: ("", Class.IDENTICAL),
    transformers: ("transformers", Class.EQUAL_UNDER_RULE),
    stable_baselines3: ("stable-baselines3", Class.EQUAL_UNDER_RULE),
    hydra_template: ("hydra,tensorboard", Class.EQUAL_UNDER_RULE),
    spacy: ("", Class.IDENTICAL),
    dvc: ("", Class.IDENTICAL),
    r: ("report.html: except-times", Class.EQUAL_UNDER_RULE),
    plain: ("", Class.RENAMED),
}
"""A line of config, `rules: [...]` or `outputs: {...}`, and what the verdict is under it."""


def judged(line: str, *sides: Turn) -> list[FileVerdict]:
    own = rule_text.given((line,), ()) if ": " in line else ()
    presets = line.split(",") if line and not own else []
    return Pair(sides[0].top, sides[1].top).judged(presets, own)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_one_line_of_config_is_enough(tmp_path: Path, kind: Callable[[Turn], None]) -> None:
    line, result = KINDS[kind]
    sides = [Turn(tmp_path / side, number) for number, side in enumerate(("left", "right"))]
    for run in sides:
        kind(run)
    found = judged(line, *sides)
    telling = {file.path: file.detail for file in found if not file.state.implies.same}
    assert verdict(found) is result, telling
    if line:
        assert verdict(judged("", *sides)) is Class.DIFFERENT


WITHOUT = {
    "loss": (mingpt, nanogpt, pytorch_examples, numpyro),
    "weights": (lightgbm, xgboost, scikit_learn, sacred, dvc, r),
}
"""Kinds whose outputs here hold no loss, or no weights."""


@pytest.mark.parametrize(("what", "value"), [("loss", 0.25), ("weights", bytes(256))])
def test_nothing_but_the_clock_is_left_aside(tmp_path: Path, what: str, value: Any) -> None:
    for kind, (line, _) in KINDS.items():
        if kind not in WITHOUT[what]:
            sides = [
                Turn(tmp_path / f"{kind.__name__}-{number}", number, **changes)
                for number, changes in enumerate(({}, {what: value}))
            ]
            for run in sides:
                kind(run)
            assert not verdict(judged(line, *sides)).same, kind.__name__
