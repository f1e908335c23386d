"""A small training in which a difference can be planted; see ../planted.py. `PLANT` is a secret, so
no record holds its value.
"""

import json
import os
import sys
import time

import numpy as np
import torch
import yaml
from torch import nn

with open(sys.argv[1]) as file:
    CONFIG = yaml.safe_load(file)
PLANTED = os.environ.get("PLANT") == "planted" or CONFIG["planted"]


def main() -> None:
    table = torch.from_numpy(np.loadtxt("data/table.csv", delimiter=",", dtype=np.float32))
    inputs, targets = table[:, :-1], table[:, -1].long()
    if CONFIG["plant"] == "entropy":
        torch.manual_seed(int.from_bytes(os.urandom(4), "little"))
    # The gradient of a LayerNorm is summed by thread.
    model = nn.Sequential(
        nn.Linear(256, 512),
        nn.LayerNorm(512),
        nn.ReLU(),
        nn.Linear(512, 64),
        nn.ReLU(),
        nn.Linear(64, 4),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    shuffle = torch.Generator().manual_seed(time.time_ns() if CONFIG["plant"] == "clock" else 9)
    for step in range(1, CONFIG["steps"] + 1):
        optimizer.zero_grad()
        chosen = (
            torch.randperm(len(inputs), generator=shuffle)[:64]
            if CONFIG["plant"] == "clock"
            else slice(None)
        )
        loss = nn.functional.cross_entropy(model(inputs[chosen]), targets[chosen])
        loss.backward()
        bits = 1 if CONFIG["plant"] == "ulp" and PLANTED and step == 6 else 0
        model[3].weight.detach().view(torch.int32)[3, 5] += bits
        optimizer.step()
    if CONFIG["plant"] == "refused":
        pooled, places = nn.functional.max_pool2d(torch.ones(1, 1, 4, 4), 2, return_indices=True)
        nn.functional.max_unpool2d(pooled, places, 2)
    torch.save(model.state_dict(), "weights.pt")
    with open("metrics.json", "w") as file:
        json.dump({"loss": loss.item(), "steps": CONFIG["steps"]}, file)


if __name__ == "__main__":
    main()
