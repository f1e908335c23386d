"""Parameters and a series of metrics, logged to Neptune without a network."""

import random

import neptune

run = neptune.init_run()
run["parameters"] = {"lr": 0.1, "steps": 5}
loss = 1.0
for _ in range(5):
    loss *= 1 - 0.1 * random.random()
    run["train/loss"].append(loss)
run["model/loss"] = loss
run.stop()
with open("model.txt", "w") as out:
    out.write(f"{loss!r}\n")
