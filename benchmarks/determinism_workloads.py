"""Small trainings and single operations whose digests are compared between CPU models; run by
determinism.py and by the tests.

`python determinism_workloads.py WORKLOAD [steps]` prints one JSON object: name to digest, and CPU
seconds. Workloads: mlp, cnn, transformer, nets, ops, numpy, all, speed, resnet. It sets no seed of
its own: that is the profile's part. Data are exact (integers scaled by powers of two), so only the
code differs.
"""

import hashlib
import json
import sys
import time

POSITIVE = ("sqrt", "log", "log2", "log10", "rsqrt", "reciprocal", "lgamma", "digamma")
SIGNED = (
    "asin",
    "acos",
    "atan",
    "tan",
    "exp",
    "sin",
    "cos",
    "tanh",
    "erf",
    "erfc",
    "erfinv",
    "sigmoid",
    "log1p",
    "expm1",
)


def digest(array) -> str:
    """16 hex of the sha256 of an array's or tensor's bytes."""
    if hasattr(array, "detach"):
        array = array.detach().contiguous().cpu()
        array = array.float().numpy() if str(array.dtype) == "torch.bfloat16" else array.numpy()
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]


def exact(torch, *shape):
    """A tensor of multiples of 1/64 between -2 and 2, the same on every CPU."""
    count = 1
    for size in shape:
        count *= size
    return ((torch.arange(count) * 7919 % 257).float().sub(128).div(64)).reshape(shape)


def mlp(torch):
    """A classifier on 64 inputs."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.LayerNorm(256),
        nn.Linear(256, 256),
        nn.Tanh(),
        nn.Linear(256, 10),
    )
    return model, exact(torch, 64, 64), torch.arange(64) % 10


def cnn(torch):
    """Two convolutions on 16 by 16 pictures."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.GELU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip
    return model, exact(torch, 16, 3, 16, 16), torch.arange(16) % 10


def transformer(torch):
    """Two encoder layers on 8 sequences of 32 tokens."""
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(
                64, 4, 128, dropout=0.1, activation="gelu", batch_first=True
            )
            self.embed, self.body, self.head = (
                nn.Embedding(100, 64),
                nn.TransformerEncoder(layer, 2),
                nn.Linear(64, 10),
            )

        def forward(self, tokens):
            return self.head(self.body(self.embed(tokens)).mean(1))

    return Net(), torch.arange(8 * 32).reshape(8, 32) * 31 % 100, torch.arange(8) % 10


def resnet(torch):
    """A residual network of the size of ResNet-18 (11 million parameters) on 16 pictures of 128 by
    128.
    """
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, before, after, stride):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(before, after, 3, stride, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                nn.Conv2d(after, after, 3, 1, 1, bias=False),
                nn.BatchNorm2d(after),
            )
            self.past = nn.Identity()
            if stride > 1:
                self.past = nn.Sequential(
                    nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
                )

        def forward(self, x):
            return torch.relu(self.body(x) + self.past(x))

    widths = (64, 128, 256, 512)
    blocks = [
        Block(before if first else width, width, 2 if first and width > 64 else 1)
        for before, width in zip((64, *widths), widths, strict=False)
        for first in (True, False)
    ]
    model = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, 1000),
    )
    return model, exact(torch, 16, 3, 128, 128), torch.arange(16) * 61 % 1000


def train(torch, make, steps):
    """Adam for some steps; digest of all weights and of the loss."""
    model, data, target = make(torch)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(data), target)
        loss.backward()
        optimizer.step()
    whole = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    return {"weights": digest(whole), "loss": digest(loss)}


def ops(torch):
    """Single operations on exact inputs."""
    found = {}
    unit = exact(torch, 4096) / 4
    positive = unit.abs() + 0.0625
    for kind in ("float32", "float64"):
        dtype = getattr(torch, kind)
        for name in POSITIVE + SIGNED:
            source = positive if name in POSITIVE else unit
            found[f"{name}.{kind}"] = digest(getattr(torch, name)(source.to(dtype)))
        left, right = exact(torch, 96, 300).to(dtype) / 3, exact(torch, 300, 64).to(dtype) / 7
        found[f"mm.{kind}"] = digest(left @ right)
        found[f"mv.{kind}"] = digest(left @ right[:, 0])
        found[f"softmax.{kind}"] = digest(torch.softmax(left, 1))
        found[f"sum.{kind}"] = digest(left.sum(1))
        found[f"norm.{kind}"] = digest(left.norm())
        found[f"solve.{kind}"] = digest(
            torch.linalg.solve(left[:, :96] + 4 * torch.eye(96, dtype=dtype), right[:96])
        )
    pictures = exact(torch, 4, 8, 12, 12)
    found["conv2d"] = digest(torch.nn.functional.conv2d(pictures, exact(torch, 16, 8, 3, 3) / 5))
    found["gelu"] = digest(torch.nn.functional.gelu(unit))
    found["layer_norm"] = digest(torch.nn.functional.layer_norm(exact(torch, 32, 128) / 3, (128,)))
    heads = exact(torch, 2, 4, 32, 16) / 3
    found["attention"] = digest(
        torch.nn.functional.scaled_dot_product_attention(heads, heads, heads)
    )
    found["rand"] = digest(torch.rand(1000))
    found["randn"] = digest(torch.randn(1000))
    return {**found, **narrow(torch)}


def narrow(torch):
    """bfloat16, half precision and 8-bit integers: what newer CPUs have instructions of their own
    for (BF16, FP16, VNNI, AMX).
    """
    found = {}
    functional = torch.nn.functional
    for kind in ("bfloat16", "float16"):
        left, right = (
            (exact(torch, *shape) / 3).to(getattr(torch, kind)) for shape in ((128, 320), (320, 64))
        )
        found[f"mm.{kind}"] = digest(left @ right)
        found[f"linear.{kind}"] = digest(functional.linear(left, right.T.contiguous()))
        found[f"softmax.{kind}"] = digest(torch.softmax(left, 1))
        found[f"gelu.{kind}"] = digest(functional.gelu(left))
        pictures, kernel = (
            exact(torch, 4, 8, 12, 12).to(left.dtype),
            (exact(torch, 16, 8, 3, 3) / 5).to(left.dtype),
        )
        found[f"conv2d.{kind}"] = digest(functional.conv2d(pictures, kernel))
        heads = (exact(torch, 2, 4, 32, 16) / 3).to(left.dtype)
        found[f"attention.{kind}"] = digest(
            functional.scaled_dot_product_attention(heads, heads, heads)
        )
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer = torch.nn.Linear(320, 64)
        out = layer(exact(torch, 128, 320))
    out.float().square().sum().backward()
    found |= {"autocast": digest(out), "autocast.gradient": digest(layer.weight.grad)}
    found["int8"] = digest(
        torch._int_mm(
            (exact(torch, 64, 96) * 60).to(torch.int8), (exact(torch, 96, 32) * 60).to(torch.int8)
        )
    )
    return found


def numpy_only():
    """NumPy: elementwise functions, random numbers, matrix products."""
    import numpy as np

    grid = np.arange(1, 5000, dtype=np.float64) / 1024
    found = {
        name: digest(getattr(np, name)(grid))
        for name in ("exp", "log", "sin", "cos", "tanh", "sqrt", "cbrt", "log1p")
    }
    found |= {
        f"{name}.f4": digest(getattr(np, name)(grid.astype(np.float32)))
        for name in ("exp", "log", "sin", "cos", "tanh")
    }
    matrix = (np.arange(200 * 200, dtype=np.float64) * 7919 % 257 / 3).reshape(200, 200)
    found["dot"] = digest(matrix @ matrix.T)
    found["dot.f4"] = digest(matrix.astype(np.float32) @ matrix.T.astype(np.float32))
    found["svd"] = digest(np.linalg.svd(matrix[:40, :40] + np.eye(40))[1])
    found["normal"] = digest(np.random.normal(size=1000))
    found["pow"] = digest(grid**1.7)
    return found


NETS = {"mlp": mlp, "cnn": cnn, "transformer": transformer}


def everything(torch, steps):
    """All but the larger nets, in one process: starting torch in the emulator takes longer than
    computing.
    """
    return {**numpy_only(), **ops(torch), **train(torch, mlp, steps)}


def nets(torch, steps):
    """The digests of all three trainings."""
    return {
        f"{name}.{key}": value
        for name, make in NETS.items()
        for key, value in train(torch, make, steps).items()
    }


def speed(torch, steps, chosen=NETS):
    """Milliseconds of processor time a step, after a warm-up; the least of five rounds."""
    found = {}
    for name, make in chosen.items():
        model, data, target = make(torch)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        rounds = []
        for _ in range(6):
            began = time.process_time()
            for _ in range(steps):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(data), target).backward()
                optimizer.step()
            rounds.append((time.process_time() - began) / steps * 1000)
        found[name] = round(min(rounds[1:]), 3)
    return found


MANY = {
    "all": everything,
    "everything": lambda torch, steps: {**numpy_only(), **ops(torch), **nets(torch, steps)},
    "nets": nets,
    "speed": speed,
    "resnet": lambda torch, steps: speed(torch, steps, {"resnet": resnet}),
    "ops": lambda torch, _: ops(torch),
}


def main() -> None:
    """Runs one workload and prints what it found."""
    name, steps = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10
    if name == "numpy":
        found, before = numpy_only(), 0.0
    else:
        import torch

        before = time.process_time()
        found = MANY[name](torch, steps) if name in MANY else train(torch, NETS[name], steps)
    print(json.dumps({"found": found, "cpu_seconds": round(time.process_time() - before, 3)}))


if __name__ == "__main__":
    main()
