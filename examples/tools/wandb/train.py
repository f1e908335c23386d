"""An offline run with a config and a metric of some steps."""

import random

import wandb

with wandb.init(project="example", config={"lr": 0.1}) as run:
    loss = 1.0
    for _ in range(5):
        loss *= random.uniform(0.5, 1.0)
        run.log({"loss": loss})
with open("loss.txt", "w") as file:
    file.write(repr(loss))
