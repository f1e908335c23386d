"""A classifier in the shape of flax's examples: NNX modules, optax, metrics for each epoch, and a
checkpoint that Orbax writes.
"""

import json
import pathlib

import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint
from flax import nnx


class Net(nnx.Module):
    def __init__(self, rngs):
        self.hidden = nnx.Linear(8, 16, rngs=rngs)
        self.dropout = nnx.Dropout(0.2, rngs=rngs)
        self.out = nnx.Linear(16, 3, rngs=rngs)

    def __call__(self, x):
        return self.out(self.dropout(nnx.relu(self.hidden(x))))


model = Net(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adamw(1e-2), wrt=nnx.Param)
draws = np.random.default_rng(0)
images = draws.normal(size=(240, 8)).astype("float32")
labels = images[:, :3].argmax(axis=1)


@nnx.jit
def train_step(model, optimizer, x, y):
    def loss_of(model):
        logits = model(x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits

    (loss, logits), gradients = nnx.value_and_grad(loss_of, has_aux=True)(model)
    optimizer.update(model, gradients)
    return loss, jnp.mean(logits.argmax(axis=1) == y)


history = []
for epoch in range(3):
    order = draws.permutation(len(images))
    steps = [
        train_step(model, optimizer, images[rows], labels[rows]) for rows in np.split(order, 6)
    ]
    loss, accuracy = (float(np.mean(values)) for values in zip(*steps, strict=True))
    history.append({"epoch": epoch, "loss": loss, "accuracy": accuracy})
    print(history[-1])
with open("metrics.json", "w") as file:
    json.dump(history, file)
_, parameters, _ = nnx.split(model, nnx.Param, ...)
place = pathlib.Path("checkpoints").absolute()
with orbax.checkpoint.CheckpointManager(place) as manager:
    manager.save(3, args=orbax.checkpoint.args.StandardSave(nnx.to_pure_dict(parameters)))
    manager.wait_until_finished()
