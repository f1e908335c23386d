"""What gpu_visit.py runs under torch; standard library and torch alone.

    python gpu_visit_program.py nets DEVICE STEPS seeded|free   every net: digest, median step
    python gpu_visit_program.py graphs DEVICE STEPS             torch.compile and CUDA graphs
    python gpu_visit_program.py ranks DEVICE BACKEND KIND       one rank, started by torchrun
    python gpu_visit_program.py trail DEVICE                    the trail's hash: CPU against device

Each prints one JSON object as its last line. A net that torch refuses under a profile gives the
refusal in the place of its digest; one that fails gives the error, and the others go on.
"""

import contextlib
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own pages write it
from torch import nn

_WARM = 5
Step = Callable[[int], torch.Tensor]
"""One step's loss by its number."""


def digest(tensors: list[torch.Tensor]) -> str:
    """sha256 over the bytes of tensors, 16 hex digits."""
    whole = hashlib.sha256()
    for tensor in tensors:
        plain = tensor.detach().cpu().contiguous()
        whole.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()[:16]


def rows(count: int, *shape: int, device: str) -> torch.Tensor:
    """The same numbers on every machine and in every run, without a generator."""
    number = count
    for one in shape:
        number *= one
    values = (torch.arange(number, dtype=torch.float64) * 7919 % 10007).sin().float()
    return values.reshape(count, *shape).to(device)


def whole_numbers(count: int, below: int, device: str) -> torch.Tensor:
    """Repeating indices below a bound."""
    return (torch.arange(count) * 7919 % 10007 % below).to(device)


class Training:
    """A module, its optimizer and what a step is."""

    def __init__(self, module: nn.Module, device: str, loss: Callable[[nn.Module], torch.Tensor]):
        self.module = module.to(device)
        self.optimizer = torch.optim.Adam(self.module.parameters(), 1e-3)
        self._loss = loss

    def step(self) -> None:
        """Forward, backward, update."""
        self.optimizer.zero_grad()
        self._loss(self.module).backward()
        self.optimizer.step()

    def digest(self) -> str:
        """Of the parameters and buffers."""
        return digest(list(self.module.state_dict().values()))


def cnn(device: str) -> Training:
    """Strided and transposed convolutions, pooling, batch norm, dropout."""
    net = nn.Sequential(
        *(nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 128, 3, stride=2, padding=1), nn.BatchNorm2d(128), nn.ReLU()),
        *(nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1), nn.Dropout(0.1)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)),
    )
    data, labels = rows(64, 3, 32, 32, device=device), whole_numbers(64, 10, device)
    return Training(net, device, lambda module: F.cross_entropy(module(data), labels))


class Attention(nn.Module):
    """Embedding (its backward adds atomically on a GPU), causal attention, a head."""

    def __init__(self, backend: str = "") -> None:
        super().__init__()
        self.embed, self.qkv, self.head = (
            nn.Embedding(1000, 256),
            nn.Linear(256, 768),
            nn.Linear(256, 1000),
        )
        self.backend = backend

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens (batch, length) to logits (batch, length, 1000)."""
        batch, length = tokens.shape
        parts = self.qkv(self.embed(tokens)).chunk(3, dim=2)
        q, k, v = (part.reshape(batch, length, 4, 64).transpose(1, 2) for part in parts)
        with self._chosen():
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.head(mixed.transpose(1, 2).reshape(batch, length, 256))

    def _chosen(self) -> Any:
        if not self.backend:
            return contextlib.nullcontext()
        from torch.nn.attention import SDPBackend, sdpa_kernel

        return sdpa_kernel(getattr(SDPBackend, self.backend))


def attention(device: str, backend: str = "", half: bool = False) -> Training:
    """A language model's loss; a back end of SDPA can be asked for."""
    tokens = whole_numbers(16 * 128, 1000, device).reshape(16, 128)

    def loss(module: nn.Module) -> torch.Tensor:
        with torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=half):
            logits = module(tokens)
        return F.cross_entropy(logits.float().flatten(0, 1), tokens.flatten())

    return Training(Attention(backend), device, loss)


def lstm(device: str) -> Training:
    """Two layers with dropout between them."""
    net, head = nn.LSTM(64, 128, 2, dropout=0.1, batch_first=True), nn.Linear(128, 10)
    data, labels = rows(32, 50, 64, device=device), whole_numbers(32, 10, device)
    both = nn.ModuleList([net, head])
    return Training(
        both, device, lambda two: F.cross_entropy(two[1](two[0](data)[0][:, -1]), labels)
    )


def bag(device: str) -> Training:
    """EmbeddingBag: its backward adds rows in the order in which threads come."""
    net = nn.ModuleList([nn.EmbeddingBag(1000, 64, mode="sum"), nn.Linear(64, 10)])
    tokens = whole_numbers(256 * 40, 1000, device).reshape(256, 40)
    labels = whole_numbers(256, 10, device)
    return Training(net, device, lambda two: F.cross_entropy(two[1](two[0](tokens)), labels))


def scatter(device: str) -> Training:
    """index_add and scatter_add, as graph networks use them."""
    net = nn.ModuleList([nn.Linear(64, 64), nn.Linear(64, 10)])
    edges, nodes = rows(20000, 64, device=device), whole_numbers(20000, 500, device)
    labels = whole_numbers(500, 10, device)

    def loss(two: nn.Module) -> torch.Tensor:
        messages = two[0](edges)
        summed = torch.zeros(500, 64, device=device).index_add(0, nodes, messages)
        summed = summed.scatter_add(0, nodes[:, None].expand(-1, 64), messages)
        return F.cross_entropy(two[1](summed), labels)

    return Training(net, device, loss)


def eight_bit(device: str) -> Training:
    """A linear layer whose forward product is in float8_e4m3, where torch has it."""
    net = nn.Linear(256, 256)
    data = rows(512, 256, device=device)

    def loss(module: nn.Module) -> torch.Tensor:
        scale = torch.ones((), device=device)
        left, right = data.to(torch.float8_e4m3fn), module.weight.to(torch.float8_e4m3fn)
        made = torch._scaled_mm(left, right.t(), scale, scale, out_dtype=torch.bfloat16)
        return (module(data) * made.detach().float()).square().mean()

    return Training(net, device, loss)


def in_tf32(make: Callable[[str], Training]) -> Callable[[str], Training]:
    """The same training with TF32 products allowed."""

    def made(device: str) -> Training:
        training = make(device)
        inner = training.step

        def step() -> None:
            before = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision("high")
            try:
                inner()
            finally:
                torch.set_float32_matmul_precision(before)

        training.step = step  # type: ignore[method-assign]
        return training

    return made


NETS: dict[str, Callable[[str], Training]] = {
    "cnn": cnn,
    "attention": attention,
    "attention, math": lambda device: attention(device, "MATH"),
    "attention, efficient": lambda device: attention(device, "EFFICIENT_ATTENTION"),
    "attention, bf16": lambda device: attention(device, half=True),
    "attention, bf16, flash": lambda device: attention(device, "FLASH_ATTENTION", half=True),
    "attention, bf16, cudnn": lambda device: attention(device, "CUDNN_ATTENTION", half=True),
    "lstm": lstm,
    "embedding bag": bag,
    "index_add, scatter_add": scatter,
    "cnn, TF32": in_tf32(cnn),
    "attention, TF32": in_tf32(attention),
    "float8": eight_bit,
}


def milliseconds(device: str, step: Callable[[], None], steps: int) -> list[float]:
    """Time of each step: CUDA events on a GPU, the clock elsewhere."""
    found: list[float] = []
    for _ in range(steps):
        if device.startswith("cuda"):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            step()
            end.record()
            end.synchronize()
            found.append(begin.elapsed_time(end))
        else:
            begun = time.perf_counter()
            step()
            found.append((time.perf_counter() - begun) * 1000)
    return found


def measured(device: str, training: Training, steps: int) -> dict[str, Any]:
    """The digest after the steps, and the median step without the first ones."""
    times = milliseconds(device, training.step, steps)
    return {
        "digest": training.digest(),
        "ms": statistics.median(times[min(_WARM, len(times) - 1) :]),
    }


def kept(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a part gave, or why it gave nothing."""
    try:
        return work()
    except Exception as error:  # one part's failure must not lose the others
        return {"error": f"{type(error).__name__}: {error}".partition("\n")[0][:300]}


def nets(device: str, steps: int, seeding: str) -> dict[str, Any]:
    """Every net of NETS."""

    def one(make: Callable[[str], Training]) -> dict[str, Any]:
        if seeding == "seeded":
            torch.manual_seed(7)
        return measured(device, make(device), steps)

    return {name: kept(lambda make=make: one(make)) for name, make in NETS.items()}


def graphs(device: str, steps: int) -> dict[str, Any]:
    """torch.compile of the attention net, and the cnn's step captured as a CUDA graph."""

    def compiled() -> dict[str, Any]:
        torch.manual_seed(7)
        training = attention(device)
        training.module.compile()
        return measured(device, training, steps)

    def captured() -> dict[str, Any]:
        torch.manual_seed(7)
        training = cnn(device)
        training.optimizer = torch.optim.SGD(training.module.parameters(), 1e-2)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                training.step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            training.step()
        times = milliseconds(device, graph.replay, steps)
        return {"digest": training.digest(), "ms": statistics.median(times)}

    return {"torch.compile": kept(compiled), "CUDA graph": kept(captured)}


def ranks(device: str, backend: str, kind: str) -> dict[str, Any]:
    """One rank of DistributedDataParallel or FullyShardedDataParallel."""
    import torch.distributed as dist

    dist.init_process_group(backend)
    torch.manual_seed(1)
    net: nn.Module = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 8)).to(device)
    if kind == "fsdp":
        from torch.distributed.fsdp import FullyShardedDataParallel

        net = FullyShardedDataParallel(net, device_id=torch.device(device))
    else:
        net = nn.parallel.DistributedDataParallel(net)
    data = rows(128, 64, device=device) * (dist.get_rank() + 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(10):
        optimizer.zero_grad()
        net(data).square().mean().backward()
        optimizer.step()
    found = digest(list(net.parameters()))
    rank = dist.get_rank()
    dist.destroy_process_group()
    return {"rank": rank, "digest": found}


def _samples() -> Iterator[tuple[str, torch.Tensor]]:
    for name in ("float32", "float64", "float16", "bfloat16", "int64", "int8", "bool"):
        values = rows(1 << 20, device="cpu") * 100
        yield name, values.to(getattr(torch, name))
    yield "float32, odd length", rows((1 << 20) + 3, device="cpu")
    yield "float32, transposed", rows(1024, 1025, device="cpu").t()
    yield "complex64", torch.view_as_complex(rows(1 << 19, 2, device="cpu"))


def trail(device: str) -> dict[str, Any]:
    """The trail's fingerprint of equal bits on the CPU and on the device, and its cost there. The
    payload is on PYTHONPATH.
    """
    import reprobox_trail

    hasher = reprobox_trail.Hasher(torch)
    same = {
        name: hasher.many([tensor]) == hasher.many([tensor.to(device)])
        for name, tensor in _samples()
    }
    large = torch.zeros(64 << 20, device=device)
    times = milliseconds(device, lambda: hasher.many([large]), 8)
    return {"equal": same, "ms for 256 MiB": statistics.median(times[2:])}


def main() -> None:
    name, *rest = sys.argv[1:]
    work: dict[str, Callable[[], dict[str, Any]]] = {
        "nets": lambda: nets(rest[0], int(rest[1]), rest[2]),
        "graphs": lambda: graphs(rest[0], int(rest[1])),
        "ranks": lambda: ranks(*rest),
        "trail": lambda: trail(rest[0]),
    }
    print(json.dumps(work[name]()), flush=True)


if __name__ == "__main__":
    main()
