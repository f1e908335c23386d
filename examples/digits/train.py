"""A plain torch training: reads its config, trains a small network on 8x8 digits, writes a
checkpoint, metrics and a plot.

It knows nothing of reprobox: `python train.py config.yaml` works anywhere torch, numpy, matplotlib
    and pyyaml do.
"""

import json
import sys
from pathlib import Path

import matplotlib
import numpy as np
import torch
import yaml
from torch import nn

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def load(path: str, test_fraction: float) -> list[torch.Tensor]:
    """Images as (N, 1, 8, 8) floats in 0..1 and labels as (N,) ints, shuffled and split."""
    table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32)
    order = np.random.permutation(len(table))
    images = torch.from_numpy(table[order, :64]).reshape(-1, 1, 8, 8) / 16
    labels = torch.from_numpy(table[order, 64]).long()
    cut = int(len(table) * (1 - test_fraction))
    return [images[:cut], labels[:cut], images[cut:], labels[cut:]]


def network(hidden: int, dropout: float) -> nn.Module:
    """Two convolutions and two linear layers."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, 10),
    )


def main() -> None:
    config = yaml.safe_load(Path(sys.argv[1]).read_text())
    train_x, train_y, test_x, test_y = load(config["data"], config["test_fraction"])
    model = network(config["hidden"], config["dropout"])
    optimizer = torch.optim.Adam(model.parameters(), lr=config["learning_rate"])
    losses, accuracies = [], []
    for epoch in range(config["epochs"]):
        model.train()
        total = 0.0
        for batch in torch.randperm(len(train_x)).split(config["batch_size"]):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(train_x[batch]), train_y[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        model.eval()
        with torch.no_grad():
            accuracy = (model(test_x).argmax(1) == test_y).float().mean().item()
        losses.append(total / len(train_x))
        accuracies.append(accuracy)
        print(f"epoch {epoch + 1:2d}  loss {losses[-1]:.4f}  test accuracy {accuracy:.4f}")

    results = Path("results")
    results.mkdir(exist_ok=True)
    torch.save(model.state_dict(), results / "model.pt")
    (results / "metrics.json").write_text(
        json.dumps({"loss": losses, "accuracy": accuracies}, indent=1)
    )
    figure, axis = plt.subplots()
    axis.plot(losses, label="training loss")
    axis.plot(accuracies, label="test accuracy")
    axis.set_xlabel("epoch")
    axis.legend()
    figure.savefig(results / "curve.png")


if __name__ == "__main__":
    main()
