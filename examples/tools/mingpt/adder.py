"""A small GPT that learns to add, in the shape of minGPT's adder: settings with overrides on the
command line, a trainer with callbacks, and a work directory with args.txt, config.json, model.pt.
"""

import json
import os
import sys
import time
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

config = {
    "system": {"seed": 3407, "work_dir": "./out/adder"},
    "data": {"ndigit": 2},
    "model": {"n_layer": 2, "n_head": 2, "n_embd": 48},
    "trainer": {"max_iters": 100, "batch_size": 32, "learning_rate": 5e-4},
}
for word in sys.argv[1:]:
    name, _, value = word.removeprefix("--").partition("=")
    group, key = name.split(".")
    config[group][key] = json.loads(value)
work_dir = config["system"]["work_dir"]
os.makedirs(work_dir, exist_ok=True)
with open(os.path.join(work_dir, "args.txt"), "w") as file:
    file.write(" ".join(sys.argv))
with open(os.path.join(work_dir, "config.json"), "w") as file:
    file.write(json.dumps(config, indent=4))
torch.manual_seed(config["system"]["seed"])
system, data, shape, how = (SimpleNamespace(**config[group]) for group in config)


class Additions(Dataset):
    """All sums of two numbers, digit by digit, the result backwards."""

    def __len__(self):
        return 10 ** (2 * data.ndigit)

    def __getitem__(self, place):
        a, b = divmod(place, 10**data.ndigit)
        said = f"{a:0{data.ndigit}}{b:0{data.ndigit}}" + f"{a + b:0{data.ndigit + 1}}"[::-1]
        digits = torch.tensor([int(sign) for sign in said])
        target = digits[1:].clone()
        target[: 2 * data.ndigit - 1] = -1
        return digits[:-1], target


class GPT(nn.Module):
    def __init__(self, width, layers, heads, length):
        super().__init__()
        self.tokens, self.places = nn.Embedding(10, width), nn.Embedding(length, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.1, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10, bias=False)

    def forward(self, digits):
        length = digits.shape[1]
        x = self.tokens(digits) + self.places(torch.arange(length))
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        return self.head(self.blocks(x, mask=mask, is_causal=True))


class Trainer:
    def __init__(self, model, dataset):
        self.model, self.dataset, self.callbacks = model, dataset, []
        self.iter_num, self.iter_dt, self.loss = 0, 0.0, None

    def run(self):
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=how.learning_rate)
        loader = DataLoader(self.dataset, batch_size=how.batch_size, shuffle=True)
        begun = time.time()
        for x, y in loader:
            logits = self.model(x)
            self.loss = functional.cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=-1)
            optimizer.zero_grad(set_to_none=True)
            self.loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimizer.step()
            self.iter_num, self.iter_dt, begun = self.iter_num + 1, time.time() - begun, time.time()
            for callback in self.callbacks:
                callback(self)
            if self.iter_num >= how.max_iters:
                break


def at_the_end_of_a_batch(trainer):
    if trainer.iter_num % 10 == 0:
        took = trainer.iter_dt * 1000
        print(f"iter_dt {took:.2f}ms; iter {trainer.iter_num}: train loss {trainer.loss:.5f}")
    if trainer.iter_num % 20 == 0:
        torch.save(trainer.model.state_dict(), os.path.join(work_dir, "model.pt"))


trainer = Trainer(GPT(shape.n_embd, shape.n_layer, shape.n_head, 8), Additions())
trainer.callbacks.append(at_the_end_of_a_batch)
trainer.run()
