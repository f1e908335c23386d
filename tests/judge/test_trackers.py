"""What real trackers leave, run twice: never *different*, with at most one line of config."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tracker_runs import tracker_python, twice, verdict

from reprobox.model.verdict import Class

TENSORBOARD = """
from tensorboardX import SummaryWriter
with SummaryWriter() as writer:
    for step in range(5):
        writer.add_scalar("loss", 1 / (step + 1), step)
"""
HYDRA = """
import logging, hydra
@hydra.main(version_base=None, config_path=None)
def main(config):
    logging.getLogger(__name__).info("loss %s", 0.5)
    open("model.txt", "w").write("weights")
main()
"""
SACRED = """
from sacred import Experiment, SETTINGS
from sacred.observers import FileStorageObserver
SETTINGS.CAPTURE_MODE = "sys"
ex = Experiment("small", save_git_info=False)
ex.observers.append(FileStorageObserver("my_runs"))
@ex.config
def config():
    lr, seed = 0.1, 7
@ex.main
def main(_run, lr):
    for step in range(3):
        _run.log_scalar("loss", lr / (step + 1), step)
    print("loss", lr)
    return lr
ex.run()
"""
MLFLOW = """
import mlflow
mlflow.set_tracking_uri("file:./mlruns")
mlflow.set_experiment("small")
with mlflow.start_run(run_name="one"):
    mlflow.log_param("lr", 0.1)
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_text("weights", "model.txt")
"""
WANDB = """
import wandb
with wandb.init(project="small", mode="offline", config={"lr": 0.1}) as run:
    for step in range(3):
        run.log({"loss": 1 / (step + 1)})
"""
TRAINER = """
import json, os, time
begun = time.time()
folder = time.strftime("runs/%b%d_%H-%M-%S_box")
os.makedirs(folder)
time.sleep(0.01)
took = time.time() - begun
last = {"train_runtime": took, "train_samples_per_second": 9 / took, "train_loss": 0.5, "epoch": 1}
json.dump({"log_history": [{"loss": 0.5, "step": 1}, last]}, open("trainer_state.json", "w"))
json.dump(last, open("train_results.json", "w"))
json.dump(last, open("all_results.json", "w"))
open("model.safetensors", "wb").write((2).to_bytes(8, "little") + b"{}")
"""
PLAIN = """
import datetime, json, os, pickle, time, uuid
os.makedirs(f"exp-{uuid.uuid4()}")
now = datetime.datetime.now()
with open(f"log_{now:%Y%m%d-%H%M%S}.csv", "w") as file:
    file.write("step,loss\\\\n1,0.5\\\\n2,0.25\\\\n")
pickle.dump({"w": [1.0, 2.0]}, open(f"ckpt-{int(time.time())}.pkl", "wb"))
""".replace("\\\\n", "\\n")


@pytest.mark.parametrize(
    ("program", "words", "without", "presets", "result"),
    [
        (TENSORBOARD, (), Class.DIFFERENT, ["tensorboard"], Class.EQUAL_UNDER_RULE),
        (HYDRA, (), Class.DIFFERENT, ["hydra"], Class.EQUAL_UNDER_RULE),
        (
            HYDRA,
            ("--multirun", "+lr=0.1,0.2"),
            Class.DIFFERENT,
            ["hydra"],
            Class.EQUAL_UNDER_RULE,
        ),
        (SACRED, (), Class.DIFFERENT, ["sacred"], Class.EQUAL_UNDER_RULE),
        (MLFLOW, (), Class.DIFFERENT, ["mlflow"], Class.EQUAL_UNDER_RULE),
        (WANDB, (), Class.DIFFERENT, ["wandb"], Class.EQUAL_UNDER_RULE),
    ],
    ids=["tensorboard", "hydra", "multirun", "sacred", "mlflow", "wandb"],
)
def test_a_tracker_is_equal_under_its_preset(
    tmp_path: Path,
    program: str,
    words: tuple[str, ...],
    without: Class,
    presets: list[str],
    result: Class,
) -> None:
    pair = twice(tmp_path, program, tracker_python(), *words)
    found = pair.judged(presets)
    telling = {
        file.path: (file.state, file.detail) for file in found if not file.state.implies.same
    }
    assert verdict(found) is result, telling
    assert verdict(pair.judged([])) is without


@pytest.mark.parametrize(
    ("program", "presets", "result"),
    [
        (TRAINER, ["transformers"], Class.EQUAL_UNDER_RULE),
        (PLAIN, [], Class.RENAMED),
    ],
    ids=["transformers", "plain"],
)
def test_a_program_is_the_same(
    tmp_path: Path, program: str, presets: list[str], result: Class
) -> None:
    pair = twice(tmp_path, program, Path(sys.executable))
    found = pair.judged(presets)
    telling = {
        file.path: (file.state, file.detail) for file in found if not file.state.implies.same
    }
    assert verdict(found) is result, telling


@pytest.mark.parametrize(
    ("program", "presets"),
    [(TENSORBOARD, "tensorboard"), (HYDRA, "hydra"), (SACRED, "sacred"), (MLFLOW, "mlflow")],
)
def test_a_number_that_differs_is_found_under_the_preset(
    tmp_path: Path, program: str, presets: str
) -> None:
    """The same program with another loss in its second run."""
    noisy = "import os\nnoise = 0.5 if os.path.exists('../left') else 1\n" + program.replace(
        "1 / (step + 1)", "noise / (step + 1)"
    ).replace("lr / (step", "noise * lr / (step").replace('"loss %s", 0.5', '"loss %s", noise')
    pair = twice(tmp_path, noisy, tracker_python())
    assert verdict(pair.judged([presets])) is Class.DIFFERENT
