"""A flow with a branch and a join, in the local data store."""

import random

from metaflow import FlowSpec, Parameter, step


class Train(FlowSpec):
    steps = Parameter("steps", default=2)

    @step
    def start(self):
        self.parts = list(range(self.steps))
        self.next(self.train, foreach="parts")

    @step
    def train(self):
        self.loss = random.Random(self.input).random()
        self.next(self.join)

    @step
    def join(self, inputs):
        self.losses = sorted(one.loss for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        with open("model.txt", "w") as file:
            file.write(repr(self.losses))


if __name__ == "__main__":
    Train()
