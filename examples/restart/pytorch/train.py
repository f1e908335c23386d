"""A training that saves all its state on SIGTERM, and continues with --resume."""

import random
import signal
import sys

import torch
import yaml
from torch.utils.data import DataLoader, TensorDataset

STEPS, EPOCH = 15, 5
with open(sys.argv[1]) as file:
    forget = yaml.safe_load(file)["forget"]
net = torch.nn.Sequential(
    torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.2), torch.nn.Linear(16, 2)
)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)
scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=3)
data = TensorDataset(torch.arange(160.0).reshape(20, 8) / 100, torch.arange(20) % 2)
order = torch.Generator()
preempted = []
signal.signal(signal.SIGTERM, lambda *_: preempted.append(True))


def save(step):
    parts = {"net": net, "optimizer": optimizer, "scheduler": scheduler, "scaler": scaler}
    states = {name: part.state_dict() for name, part in parts.items()}
    generators = {"torch": torch.get_rng_state(), "random": random.getstate()}
    torch.save({**states, **generators, "step": step}, "last.pt")


def load():
    kept = torch.load("last.pt")
    for name, part in (("net", net), ("optimizer", optimizer)):
        part.load_state_dict(kept[name])
    for name, part in (("scheduler", scheduler), ("scaler", scaler)):
        if forget != name:
            part.load_state_dict(kept[name])
    return kept


kept = load() if "--resume" in sys.argv else None
step = kept["step"] if kept else 0
while step < STEPS:
    order.manual_seed(step // EPOCH)
    batches = iter(DataLoader(data, batch_size=4, shuffle=True, generator=order))
    if forget != "loader":
        for _ in range(step % EPOCH):
            next(batches)
    if kept and forget != "generator":
        torch.set_rng_state(kept["torch"])
        random.setstate(kept["random"])
    kept = None
    for inputs, target in batches:
        optimizer.zero_grad()
        noisy = inputs + random.random() / 100
        loss = torch.nn.functional.cross_entropy(net(noisy), target)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        step += 1
        if preempted:
            save(step)
            sys.exit(0)
        if step == STEPS:
            break
torch.save(net.state_dict(), "final.pt")
