"""What a Slurm cluster offers, read from sinfo(1) and the configuration that scontrol(1) shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reprobox.executor.scheduler import Partition

FORMAT = "%P|%a|%l|%F|%c|%m|%G"
"""Of `sinfo -o`: partition, availability, time limit, nodes by state, CPUs and memory of a node,
and GRES.
"""
LIMITS = ("MaxArraySize", "MaxJobCount", "KillWait", "PreemptMode", "SelectType", "TaskPlugin")
"""Of `scontrol show config`: what decides how runs are packed, ended and confined."""


def partitions(text: str) -> Iterator[Partition]:
    """Reads what `sinfo -h -o FORMAT` printed: a line for each kind of node in a partition."""
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if len(fields) != 7:
            continue
        name, state, limit, nodes, cpus, memory, gres = fields
        counts = [int(one) for one in nodes.split("/") if one.isdigit()]
        yield Partition(
            name=name.removesuffix("*"),
            default=name.endswith("*"),
            state=state,
            time_limit=limit,
            nodes=counts[3] if len(counts) == 4 else 0,
            idle=counts[1] if len(counts) == 4 else 0,
            cpus=_number(cpus),
            memory=_number(memory) << 20,
            gpus=tuple(_gpus(gres)),
        )


def _number(text: str) -> int:
    """A number, which is the least of several where a `+` follows."""
    digits = text.rstrip("+")
    return int(digits) if digits.isdigit() else 0


def _gpus(gres: str) -> Iterator[str]:
    """The GPUs of a node: `4 h100` for `gpu:h100:4(S:0-1)`; other resources are left out."""
    depth, start = 0, 0
    parts = []
    for at, letter in enumerate(gres):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append(gres[start:at])
            start = at + 1
    for part in [*parts, gres[start:]]:
        words = part.partition("(")[0].split(":")
        if words[0] == "gpu":
            count = words[-1] if words[-1].isdigit() and len(words) > 1 else "1"
            model = words[1] if len(words) > 1 and not words[1].isdigit() else "of no named model"
            yield f"{count} {model}"


def limits(config: Mapping[str, str]) -> dict[str, str]:
    """The limits of a cluster, as it names them."""
    return {name: config[name] for name in LIMITS if name in config}
