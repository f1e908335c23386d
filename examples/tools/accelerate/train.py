"""The usual loop of Accelerate, on the CPU."""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.utils.data import DataLoader, TensorDataset

set_seed(3)
accelerator = Accelerator(cpu=True)
data = torch.randn(64, 4)
net = torch.nn.Linear(4, 1)
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
loader = DataLoader(TensorDataset(data, data.sum(1, keepdim=True)), batch_size=8, shuffle=True)
net, optimizer, loader = accelerator.prepare(net, optimizer, loader)
for inputs, targets in loader:
    loss = torch.nn.functional.mse_loss(net(inputs), targets)
    accelerator.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
accelerator.save_model(net, "model")
