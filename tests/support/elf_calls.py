"""Who calls a function of a shared library, and with which text: read from the machine code, so
that no caller can hide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from reprobox.kit import proc

_CHUNK = 1 << 24
_BEFORE = 160
"""Bytes of code before a call in which its argument is loaded."""
_LEA = re.compile(rb"[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d]")


def texts_given_to(library: Path, function: str) -> list[set[str]]:
    """Per direct call of the function in the library: the texts whose addresses are loaded shortly
    before.

    Args:
        function: how its mangled name begins, as the dynamic symbols have it.
    """
    code = np.memmap(library, dtype=np.uint8, mode="r")
    sections = _sections(library)
    targets = _entries(library, function, sections, code)
    return [
        _texts(code, place, sections[".rodata"])
        for place in _calls(code, sections[".text"], targets)
    ]


def _sections(library: Path) -> dict[str, tuple[int, int]]:
    """Address and size; for the sections of code and constants the address is the offset in the
    file, which is checked.
    """
    said = proc.run(["readelf", "--section-headers", "--wide", library]).out.decode()
    found = {}
    for name, address, offset, size in re.findall(
        r"\] (\.\S+)\s+PROGBITS\s+(\w+) (\w+) (\w+)", said
    ):
        if name in (".plt", ".text", ".rodata"):
            assert int(address, 16) == int(offset, 16), name
            found[name] = (int(address, 16), int(size, 16))
    return found


def _entries(
    library: Path, function: str, sections: dict[str, tuple[int, int]], code: np.ndarray
) -> list[int]:
    """The function's own address, and that of its stub in the table of indirect jumps."""
    said = proc.run(["readelf", "--dyn-syms", "--relocs", "--wide", library]).out.decode()
    symbols = "\n".join(line for line in said.splitlines() if function in line)
    (address,) = {
        int(found, 16)
        for found in re.findall(rf"(\w+)\s+\d+ FUNC\s+GLOBAL DEFAULT\s+\d+ {function}", symbols)
    }
    slots = {
        int(found, 16)
        for found in re.findall(rf"(\w+)\s+\w+ R_X86_64_JUMP_SLOT\s+\w+ {function}", symbols)
    }
    start, size = sections[".plt"]
    raw = code[start : start + size].tobytes()
    jumps = ((start + at, raw[at : at + 6]) for at in range(0, size, 16))
    stubs = [
        at for at, jump in jumps if jump[:2] == b"\xff\x25" and at + 6 + _signed(jump[2:]) in slots
    ]
    return [address, *stubs]


def _signed(four: bytes) -> int:
    return int.from_bytes(four, "little", signed=True)


def _calls(code: np.ndarray, text: tuple[int, int], targets: list[int]) -> Iterator[int]:
    """Every place that holds a relative call (or jump, for a call at a function's end) to one of
    the targets.
    """
    start, size = text
    for first in range(start, start + size, _CHUNK):
        block = np.array(code[first : min(first + _CHUNK + 4, start + size)])
        at = np.flatnonzero((block[:-4] == 0xE8) | (block[:-4] == 0xE9))
        bytes_of = [
            block[at + place + 1].astype(np.uint32) << np.uint32(8 * place) for place in range(4)
        ]
        relative = (
            (bytes_of[0] | bytes_of[1] | bytes_of[2] | bytes_of[3]).view(np.int32).astype(np.int64)
        )
        yield from (first + at[np.isin(first + at + 5 + relative, targets)]).tolist()


def _texts(code: np.ndarray, place: int, constants: tuple[int, int]) -> set[str]:
    window, found = code[place - _BEFORE : place].tobytes(), set()
    for load in _LEA.finditer(window):
        target = place - _BEFORE + load.end() + 4 + _signed(window[load.end() : load.end() + 4])
        if constants[0] <= target < sum(constants):
            found.add(code[target : target + 100].tobytes().partition(b"\0")[0].decode("latin1"))
    return found
