"""NCCL's settings, checked before a run: NCCL itself passes over a value that it does not know, and
then chooses an algorithm by its own measurements.

The values are those of "Environment Variables" in the NCCL user guide
(https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_ALGORITHMS = frozenset(
    {"tree", "ring", "collnet", "collnetdirect", "collnetchain", "nvls", "nvlstree", "pat"}
)
_PROTOCOLS = frozenset({"ll", "ll128", "simple"})
_FUNCTIONS = frozenset({"broadcast", "reduce", "allgather", "reducescatter", "allreduce"})
_LISTS = {"NCCL_ALGO": _ALGORITHMS, "NCCL_PROTO": _PROTOCOLS}
_ONE_OF = {
    "NCCL_NTHREADS": frozenset({"64", "128", "256", "512"}),
    "NCCL_DEBUG": frozenset({"version", "warn", "info", "trace", "abort"}),
    "NCCL_P2P_LEVEL": frozenset({"loc", "nvl", "pix", "pxb", "phb", "sys", *"012345"}),
    "NCCL_P2P_DISABLE": frozenset("01"),
    "NCCL_SHM_DISABLE": frozenset("01"),
    "NCCL_IB_DISABLE": frozenset("01"),
    "NCCL_NVLS_ENABLE": frozenset("012"),
}
_NUMBERS = frozenset(
    {
        "NCCL_MIN_NCHANNELS",
        "NCCL_MAX_NCHANNELS",
        "NCCL_MIN_CTAS",
        "NCCL_MAX_CTAS",
        "NCCL_BUFFSIZE",
    }
)


def faults(env: Mapping[str, str]) -> Iterator[str]:
    """What NCCL would not understand in an environment, a sentence each."""
    for name, value in sorted(env.items()):
        if known := _LISTS.get(name):
            yield from (
                f"{name}={value}: {word!r} is not one of {', '.join(sorted(known))}"
                for word in _words(value)
                if word not in known
            )
        elif (allowed := _ONE_OF.get(name)) and value.lower() not in allowed:
            yield f"{name}={value}: it is not one of {', '.join(sorted(allowed))}"
        elif name in _NUMBERS and not re.fullmatch(r"[1-9]\d{0,9}", value):
            yield f"{name}={value}: it is not a number"


def _words(value: str) -> Iterator[str]:
    """The names in `ring,tree`, `^tree` and `ring;allreduce:tree,ring`; a function that NCCL does
    not have stays in front of its first name, which then is none.
    """
    for part in value.lower().split(";"):
        function, colon, rest = part.partition(":")
        names = rest if colon and function.strip() in _FUNCTIONS else part
        yield from (name.strip() for name in names.strip().removeprefix("^").split(","))
