"""A language model on memory-mapped text, in the shape of nanoGPT: settings as globals, model,
optimizer and settings in out/ckpt.pt, and a run that goes on from it.
"""

import math
import os
import pickle
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

out_dir, init_from = "out", "scratch"
eval_interval, eval_iters = 10, 4
batch_size, block_size, max_iters = 8, 16, 20
n_layer, n_head, n_embd = 2, 2, 32
learning_rate, warmup_iters, min_lr = 1e-3, 5, 1e-4
config_keys = [name for name, value in globals().items() if isinstance(value, int | float | str)]
config_keys = [name for name in config_keys if not name.startswith("_")]
for word in sys.argv[1:]:
    name, _, value = word.removeprefix("--").partition("=")
    globals()[name] = type(globals()[name])(value)
config = {name: globals()[name] for name in config_keys}
os.makedirs(out_dir, exist_ok=True)
torch.manual_seed(1337)


def get_batch(split):
    data = np.memmap(f"{split}.bin", dtype=np.uint16, mode="r")
    starts = torch.randint(len(data) - block_size, (batch_size,)).tolist()
    rows = np.stack([data[at : at + block_size + 1] for at in starts]).astype(np.int64)
    rows = torch.from_numpy(rows)
    return rows[:, :-1], rows[:, 1:]


class GPT(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab_size, n_embd), nn.Embedding(block_size, n_embd)
        layer = nn.TransformerEncoderLayer(
            n_embd, n_head, 4 * n_embd, dropout=0.0, batch_first=True, norm_first=True
        )
        self.h = nn.TransformerEncoder(layer, n_layer, enable_nested_tensor=False)
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, x, y):
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        x = self.wte(x) + self.wpe(torch.arange(x.shape[1]))
        logits = self.lm_head(self.h(x, mask=mask, is_causal=True))
        return functional.cross_entropy(logits.flatten(0, 1), y.flatten())


with open("meta.pkl", "rb") as file:
    model_args = {"vocab_size": pickle.load(file)["vocab_size"]}
model = GPT(**model_args)
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.95))
iter_num, best_val_loss = 0, 1e9
if init_from == "resume":
    checkpoint = torch.load(os.path.join(out_dir, "ckpt.pt"))
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    iter_num, best_val_loss = checkpoint["iter_num"], checkpoint["best_val_loss"]


@torch.no_grad()
def estimate_loss():
    model.eval()
    means = {
        split: torch.stack([model(*get_batch(split)) for _ in range(eval_iters)]).mean().item()
        for split in ("train", "val")
    }
    model.train()
    return means


def rate(step):
    if step < warmup_iters:
        return learning_rate * (step + 1) / (warmup_iters + 1)
    share = min(1.0, (step - warmup_iters) / max(1, max_iters - warmup_iters))
    return min_lr + 0.5 * (1.0 + math.cos(math.pi * share)) * (learning_rate - min_lr)


begun = time.time()
while iter_num <= max_iters:
    for group in optimizer.param_groups:
        group["lr"] = rate(iter_num)
    if iter_num % eval_interval == 0:
        losses = estimate_loss()
        print(f"step {iter_num}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
        best_val_loss = min(best_val_loss, losses["val"])
        state = {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "model_args": model_args,
            "iter_num": iter_num,
            "best_val_loss": best_val_loss,
            "config": config,
        }
        torch.save(state, os.path.join(out_dir, "ckpt.pt"))
    loss = model(*get_batch("train"))
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    took, begun = time.time() - begun, time.time()
    print(f"iter {iter_num}: loss {loss.item():.4f}, time {took * 1000:.2f}ms, mfu -100.00%")
    iter_num += 1
