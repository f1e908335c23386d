"""An experiment with a seed of its own, a metric and an artifact, in the file observer."""

import random

from sacred import Experiment
from sacred.observers import FileStorageObserver

experiment = Experiment("example")
experiment.observers.append(FileStorageObserver("my_runs"))


@experiment.config
def config():
    steps = 3  # noqa: F841 - Sacred reads the local variables
    seed = 7  # noqa: F841


@experiment.automain
def main(steps, _run):
    loss = 1.0
    for step in range(steps):
        loss *= random.uniform(0.5, 1.0)
        _run.log_scalar("loss", loss, step)
    with open("model.txt", "w") as file:
        file.write(repr(loss))
    experiment.add_artifact("model.txt")
    return loss
