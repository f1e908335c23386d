"""Logistic regression in plain Python, so that no package has to be installed."""

import argparse
import json
import math
import random

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--seed", type=int, default=0)
arguments = parser.parse_args()

random.seed(arguments.seed)
points = [(random.gauss(0, 1), random.gauss(0, 1)) for _ in range(200)]
labels = [float(x + 2 * y + random.gauss(0, 1) > 0) for x, y in points]
a = b = 0.0
with open("log.jsonl", "w") as log:
    for step in range(10):
        loss = 0.0
        for (x, y), label in zip(points, labels, strict=True):
            guess = 1 / (1 + math.exp(-(a * x + b * y)))
            loss -= math.log(guess if label else 1 - guess) / len(points)
            a -= arguments.lr * (guess - label) * x / len(points)
            b -= arguments.lr * (guess - label) * y / len(points)
        log.write(json.dumps({"step": step, "loss": loss}) + "\n")
right = sum(
    (a * x + b * y > 0) == bool(label) for (x, y), label in zip(points, labels, strict=True)
)
with open("metrics.json", "w") as file:
    json.dump({"accuracy": right / len(points), "final_loss": loss}, file)
print(f"loss {loss:.4f}")
