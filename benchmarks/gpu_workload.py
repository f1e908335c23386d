"""One training on a device, as anybody would write it; run by gpu.py.

`python gpu_workload.py cnn|transformer DEVICE STEPS seeded|free` prints a JSON object: the sha256
over all weights, and seconds of the steps after the first ten. The seed, where there is one, is the
program's own.
"""

import hashlib
import json
import sys
import time

import torch
from torch import nn


def cnn() -> tuple[nn.Module, tuple[int, ...]]:
    """Strided and transposed convolutions: what cuDNN chooses algorithms for."""
    down = [nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)]
    middle = [nn.Conv2d(64, 128, 3, stride=2, padding=1), nn.BatchNorm2d(128), nn.ReLU()]
    up = [
        nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1),
        nn.Dropout(0.1),
        nn.AdaptiveAvgPool2d(1),
    ]
    return nn.Sequential(*down, *middle, *up, nn.Flatten(), nn.Linear(64, 10)), (64, 3, 32, 32)


class Transformer(nn.Module):
    """Embedding (its backward adds atomically on a GPU), two encoder layers, a head."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(256, 8, 1024, dropout=0.1, batch_first=True)
        self.embed, self.body, self.head = (
            nn.Embedding(1000, 256),
            nn.TransformerEncoder(layer, 2),
            nn.Linear(256, 10),
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens (batch, length) to logits (batch, 10)."""
        return self.head(self.body(self.embed(tokens)).mean(1))


def main() -> None:
    name, device, steps, seeding = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    if seeding == "seeded":
        torch.manual_seed(7)
    model, shape = cnn() if name == "cnn" else (Transformer(), (32, 64))
    model.to(device)
    data = torch.randn(shape) if name == "cnn" else torch.randint(0, 1000, shape)
    data, labels = data.to(device), (torch.arange(shape[0]) % 10).to(device)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    begun = 0.0
    for step in range(steps):
        if step == min(10, steps - 1):
            torch.cuda.synchronize() if device.startswith("cuda") else None
            begun = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data), labels).backward()
        optimizer.step()
    torch.cuda.synchronize() if device.startswith("cuda") else None
    seconds = time.perf_counter() - begun
    tensors = [
        tensor.detach().cpu().contiguous().numpy().tobytes()
        for tensor in model.state_dict().values()
    ]
    weights = hashlib.sha256(b"".join(tensors))
    print(json.dumps({"weights": weights.hexdigest(), "seconds": seconds}))


if __name__ == "__main__":
    main()
