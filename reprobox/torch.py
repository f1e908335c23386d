"""`reprobox.torch`: for programs that want to help themselves; needs torch and nothing else.

    from reprobox.torch import assert_same, generator, log

    loader = DataLoader(data, shuffle=True, generator=generator("shuffle"))
    log(step, {"hidden": hidden})
    assert_same(model.state_dict(), torch.load("golden.pt"), ulp=2)

It works inside of a run, where reprobox itself need not be installed (the runtime brings a copy of
this file), and outside of one, where `log` does nothing.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

__all__ = ["assert_same", "difference", "generator", "in_run", "log", "seed"]

_SHOWN = 5


def in_run() -> bool:
    """Whether this process is a run of reprobox."""
    return bool(os.environ.get("REPROBOX_PROFILE"))


def seed(name: str = "") -> int:
    """A seed below 2**63 that the run's own seed and a name decide; outside of a run, that of
    `seed: 0`.
    """
    text = f"{os.environ.get('REPROBOX_SEED', '0')}/{name}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(name: str = "", device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for one purpose, such as "shuffle": other purposes draw without moving it."""
    made = torch.Generator(device=device)
    made.manual_seed(seed(name))
    return made


def log(step: int, tensors: Mapping[str, torch.Tensor]) -> bool:
    """Writes fingerprints of tensors to the run's trail, so that a comparison can name the first
    step at which they differ.

    Returns:
        Whether something was written: in a run whose config says `trail`.
    """
    if os.environ.get("REPROBOX_TRAIL") is None or not os.environ.get("REPROBOX_OUT"):
        return False
    trail = importlib.import_module("reprobox_trail")
    trail.log(step, {name: _bytes(tensor) for name, tensor in tensors.items()})
    return True


def assert_same(
    a: Any, b: Any, *, ulp: int = 0, atol: float = 0.0, rtol: float = 0.0, name: str = ""
) -> None:
    """Raises AssertionError with what differs first, where, and by how much.

    Args:
        a: a tensor, a number, text, or a mapping or sequence of them, such as a state_dict.
        b: what it should be.
        ulp: so many representable numbers apart count as the same.
        atol: so far apart counts as the same, plus `rtol` times the size of the number in `b`.
        name: of the two, for the message.
    """
    if found := difference(a, b, ulp=ulp, atol=atol, rtol=rtol, name=name):
        raise AssertionError(found)


def difference(
    a: Any, b: Any, *, ulp: int = 0, atol: float = 0.0, rtol: float = 0.0, name: str = ""
) -> str:
    """What `assert_same` would say; "" where both are the same. Without a tolerance, the same means
    the same bits.
    """
    found = list(_differences(a, b, name, _Rule(ulp, atol, rtol)))
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "\n".join([*found[:_SHOWN], *more])


class _Rule:
    def __init__(self, ulp: int, atol: float, rtol: float) -> None:
        self.ulp, self.atol, self.rtol = ulp, atol, rtol
        self.exact = not (ulp or atol or rtol)


def _differences(a: Any, b: Any, name: str, rule: _Rule) -> Iterator[str]:
    here = f"{name}: " if name else ""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        yield from (here + text for text in _tensors(a.detach(), b.detach(), rule))
    elif isinstance(a, Mapping) and isinstance(b, Mapping):
        yield from (f"{_inner(name, key)}: only in a" for key in a if key not in b)
        yield from (f"{_inner(name, key)}: only in b" for key in b if key not in a)
        for key in a:
            if key in b:
                yield from _differences(a[key], b[key], _inner(name, key), rule)
    elif _is_sequence(a) and _is_sequence(b):
        if len(a) != len(b):
            yield f"{here}{len(a)} items in a, {len(b)} in b"
        for index, (left, right) in enumerate(zip(a, b, strict=False)):
            yield from _differences(left, right, f"{name}[{index}]", rule)
    elif isinstance(a, float) and isinstance(b, float):
        left, right = (torch.tensor(value, dtype=torch.float64) for value in (a, b))
        yield from (here + text for text in _tensors(left, right, rule))
    elif type(a) is not type(b) or a != b:
        yield f"{here}{a!r} in a, {b!r} in b"


def _inner(name: str, key: object) -> str:
    return f"{name}.{key}" if name else str(key)


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _tensors(a: torch.Tensor, b: torch.Tensor, rule: _Rule) -> Iterator[str]:
    if a.dtype != b.dtype or a.shape != b.shape:
        yield f"{a.dtype} {list(a.shape)} in a, {b.dtype} {list(b.shape)} in b"
        return
    left, right = _plain(a), _plain(b)
    differs = _bits(left) != _bits(right)
    if not rule.exact:
        differs &= ~_close(left, right, rule)
    count = int(differs.sum())
    if count:
        yield _sentence(left, right, differs, count)


def _sentence(a: torch.Tensor, b: torch.Tensor, differs: torch.Tensor, count: int) -> str:
    first = tuple(int(index) for index in differs.nonzero()[0])
    x, y = a[first], b[first]
    apart = f" ({int(_ulps(x, y)):,} ulp)" if a.is_floating_point() else ""
    distance = (a[differs].to(torch.float64) - b[differs].to(torch.float64)).abs()
    finite = distance[distance.isfinite()]
    most = f", at most {float(finite.max()):.3g} apart" if finite.numel() else ""
    verb = "value differs" if a.numel() == 1 else "values differ"
    return (
        f"first at {list(first)}: {x.item()!r} in a, {y.item()!r} in b{apart}; "
        f"{count:,} of {a.numel():,} {verb}{most}"
    )


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """On the CPU, dense, contiguous; complex numbers as pairs."""
    if tensor.is_quantized:
        tensor = tensor.int_repr()
    tensor = tensor.to_dense() if tensor.layout != torch.strided else tensor
    tensor = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
    return tensor.cpu().resolve_neg().contiguous()


_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.view(_INTEGERS[tensor.element_size()])


def _close(a: torch.Tensor, b: torch.Tensor, rule: _Rule) -> torch.Tensor:
    x, y = a.to(torch.float64), b.to(torch.float64)
    close = (x - y).abs() <= rule.atol + rule.rtol * y.abs()
    close &= y.isfinite()
    close |= (x == y) | (x.isnan() & y.isnan())
    if rule.ulp and a.is_floating_point():
        close |= (_ulps(a, b) <= rule.ulp) & x.isfinite() & y.isfinite()
    return close


def _ulps(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """How many representable numbers apart: exact for numbers of one sign, near enough for others
    (as many as an int64 holds).
    """
    x, y = _ordered(a), _ordered(b)
    one_sign = (x < 0) == (y < 0)
    far = (x.to(torch.float64) - y.to(torch.float64)).abs().clamp(max=2.0**62).to(torch.int64)
    return torch.where(one_sign, (x - y).abs(), far)


def _ordered(tensor: torch.Tensor) -> torch.Tensor:
    """An integer for each number, in the order of the numbers."""
    width = 8 * tensor.element_size()
    bits = _bits(tensor).to(torch.int64)
    if width < 64:
        bits = bits & ((1 << width) - 1)
        negative = bits >= 1 << (width - 1)
        size = bits & ((1 << (width - 1)) - 1)
    else:
        negative = bits < 0
        size = bits & (2**63 - 1)
    return torch.where(negative, -size, size)


def _bytes(tensor: torch.Tensor) -> bytes:
    plain = _plain(tensor.detach())
    return ctypes.string_at(plain.data_ptr(), plain.numel() * plain.element_size())
