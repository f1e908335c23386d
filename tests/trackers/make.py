"""Writes what tests/trackers/files.tar.xz holds, with the real trackers, a small run of each.

    python tests/trackers/make.py DIRECTORY

in an environment with tensorboard, torch, mlflow, wandb, sacred, dvclive, optuna, hydra-core and
lightning. The files that are kept were made with the versions in VERSIONS of files.tar.xz.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

LOSSES = [0.9, 0.5, 0.25]


def tensorboard(top: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(top / "runs")) as writer:
        for step, loss in enumerate(LOSSES):
            writer.add_scalar("train/loss", loss, step)
        writer.add_hparams({"lr": 0.1, "opt": "sgd", "nesterov": True}, {"hparam/acc": 0.75})


def mlflow(top: Path) -> None:
    import mlflow as library

    for uri, name in ((f"file:{top}/mlruns", "file"), (f"sqlite:///{top}/mlflow.db", "sqlite")):
        library.set_tracking_uri(uri)
        library.set_experiment(name)
        with library.start_run(run_name="first"):
            library.log_params({"lr": 0.1, "opt": "sgd"})
            for step, loss in enumerate(LOSSES):
                library.log_metric("loss", loss, step=step)
            library.log_metric("test/accuracy", 0.75)


def wandb(top: Path) -> None:
    import wandb as library

    run = library.init(mode="offline", dir=str(top), project="p", config={"lr": 0.1, "opt": "sgd"})
    for step, loss in enumerate(LOSSES):
        run.log({"loss": loss, "nested": {"acc": step / 4}})
    run.finish()


def sacred(top: Path) -> None:
    from sacred import Experiment
    from sacred.observers import FileStorageObserver

    experiment = Experiment("e", save_git_info=False)
    experiment.observers.append(FileStorageObserver(str(top / "sacred")))
    experiment.add_config(lr=0.1, model={"width": 8})

    @experiment.main
    def main(_run) -> float:  # type: ignore[no-untyped-def]
        for step, loss in enumerate(LOSSES):
            _run.log_scalar("loss", loss, step)
        return 0.75

    experiment.run()


def dvclive(top: Path) -> None:
    from dvclive import Live

    with Live(str(top / "dvclive"), save_dvc_exp=False) as live:
        live.log_params({"lr": 0.1, "opt": "sgd"})
        for loss in LOSSES:
            live.log_metric("train/loss", loss)
            live.next_step()


def optuna(top: Path) -> None:
    import optuna as library

    study = library.create_study(
        storage=f"sqlite:///{top}/optuna.db",
        study_name="s",
        direction="maximize",
        sampler=library.samplers.RandomSampler(seed=0),
    )
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=4)


def hydra(top: Path) -> None:
    program = top / "app.py"
    program.write_text(
        "import hydra\n@hydra.main(version_base=None, config_path='.', config_name='c')\n"
        "def main(cfg): print(cfg.lr)\nmain()\n"
    )
    (top / "c.yaml").write_text("lr: 0.1\nmodel: {width: 8, name: mlp}\nseeds: [1, 2]\n")
    subprocess.run([sys.executable, "app.py", "lr=0.5"], cwd=top, check=True)
    program.unlink()


def lightning(top: Path) -> None:
    import torch
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.loggers import CSVLogger

    class Net(LightningModule):
        def __init__(self, lr: float = 0.1) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(2, 1)

        def training_step(self, batch, _):  # type: ignore[no-untyped-def]
            loss = self.layer(batch).square().mean()
            self.log("train_loss", loss)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)

    torch.manual_seed(0)
    Trainer(
        max_epochs=2,
        logger=CSVLogger(str(top)),
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_checkpointing=False,
    ).fit(Net(), torch.utils.data.DataLoader(torch.ones(4, 2), batch_size=2))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    os.chdir(target)
    for maker in (tensorboard, mlflow, wandb, sacred, dvclive, optuna, hydra, lightning):
        (target / maker.__name__).mkdir()
        maker((target / maker.__name__).absolute())
    with contextlib.suppress(FileNotFoundError), (target / "VERSIONS").open("w") as file:
        for name in ("tensorboard", "mlflow", "wandb", "sacred", "dvclive", "optuna", "hydra-core"):
            file.write(f"{name} {importlib.metadata.version(name)}\n")
