"""A character-level language model, in the shape of makemore: a work directory with TensorBoard's
events, and the best model so far as model.pt.
"""

import argparse
import time

import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset, random_split
from torch.utils.tensorboard import SummaryWriter

parser = argparse.ArgumentParser()
parser.add_argument("-i", "--input-file", default="names.txt")
parser.add_argument("-o", "--work-dir", default="out")
parser.add_argument("--max-steps", type=int, default=100)
parser.add_argument("--seed", type=int, default=3407)
args = parser.parse_args()

torch.manual_seed(args.seed)
with open(args.input_file) as file:
    words = file.read().split()
letters = sorted(set("".join(words)))
code = {letter: place + 1 for place, letter in enumerate(letters)}  # 0 begins and ends a word
context = 4


def examples(word):
    """The letters before each letter of a word, and that letter."""
    line = [0] * context + [code[letter] for letter in word] + [0]
    return [(line[at : at + context], line[at + context]) for at in range(len(word) + 1)]


rows = [row for word in words for row in examples(word)]
data = TensorDataset(
    torch.tensor([before for before, _ in rows]), torch.tensor([after for _, after in rows])
)
train, test = random_split(data, [0.9, 0.1])
model = torch.nn.Sequential(
    torch.nn.Embedding(len(letters) + 1, 16),
    torch.nn.Flatten(),
    torch.nn.Linear(16 * context, 64),
    torch.nn.Tanh(),
    torch.nn.Linear(64, len(letters) + 1),
)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.01)
writer = SummaryWriter(log_dir=args.work_dir)


@torch.inference_mode()
def evaluate(part):
    model.eval()
    losses = [functional.cross_entropy(model(x), y) for x, y in DataLoader(part, batch_size=64)]
    model.train()
    return torch.stack(losses).mean().item()


best, step = None, 0
while step < args.max_steps:
    for x, y in DataLoader(train, batch_size=32, shuffle=True):
        begun = time.time()
        loss = functional.cross_entropy(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        if step % 10 == 0:
            took = (time.time() - begun) * 1000
            print(f"step {step} | loss {loss.item():.4f} | step time {took:.2f}ms")
        if step % 20 == 0:
            now = evaluate(test)
            writer.add_scalar("Loss/train", evaluate(train), step)
            writer.add_scalar("Loss/test", now, step)
            if best is None or now < best:
                torch.save(model.state_dict(), f"{args.work_dir}/model.pt")
                best = now
        if step == args.max_steps:
            break
writer.close()
