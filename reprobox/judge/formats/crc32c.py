"""CRC-32C (RFC 3720, appendix B.4) of many records at once, by columns of bytes in NumPy.

The standard library has only the other CRC-32, and a loop over bytes takes minutes.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

_POLYNOMIAL = 0x82F63B78
_LANE = 4096


@functools.cache
def _table() -> Any:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table.astype(np.uint32)


def checksums(records: Sequence[bytes]) -> list[int]:
    """Of each record. Long ones are cut into lanes that are computed side by side."""
    lanes: list[bytes] = []
    counts = []
    for record in records:
        first = len(record) % _LANE or min(_LANE, len(record))
        cut = [record[:first]] + [
            record[at : at + _LANE] for at in range(first, len(record), _LANE)
        ]
        lanes += cut
        counts.append(len(cut))
    raw, found, place = _raw(lanes), [], 0
    for count in counts:
        value = _after(0xFFFFFFFF, len(lanes[place])) ^ int(raw[place])
        for lane in range(place + 1, place + count):
            value = _after(value, len(lanes[lane])) ^ int(raw[lane])
        found.append(value ^ 0xFFFFFFFF)
        place += count
    return found


def _raw(lanes: Sequence[bytes]) -> Any:
    """The remainder of each lane from 0; zeros in front do not change one, so all are right
    aligned.
    """
    width = max(map(len, lanes), default=0)
    state = np.zeros(len(lanes), dtype=np.uint32)
    table = _table()
    for start in range(0, len(lanes), _LANE):
        part = lanes[start : start + _LANE]
        block = np.zeros((len(part), width), dtype=np.uint8)
        for row, lane in enumerate(part):
            if lane:
                block[row, width - len(lane) :] = np.frombuffer(lane, np.uint8)
        found = state[start : start + _LANE]
        for column in np.ascontiguousarray(block.T):
            found = table[(found ^ column) & 255] ^ (found >> np.uint32(8))
        state[start : start + _LANE] = found
    return state


def _after(value: int, count: int) -> int:
    """A remainder after so many zero bytes."""
    power = 0
    while count:
        if count & 1:
            matrix, value_bits, found = _zeros(power), value, 0
            place = 0
            while value_bits:
                if value_bits & 1:
                    found ^= matrix[place]
                value_bits >>= 1
                place += 1
            value = found
        count >>= 1
        power += 1
    return value


@functools.cache
def _zeros(power: int) -> tuple[int, ...]:
    """What 2**power zero bytes make of each bit."""
    if power == 0:
        table = _table()
        return tuple(int(table[(1 << bit) & 255]) ^ ((1 << bit) >> 8) for bit in range(32))
    half = _zeros(power - 1)
    return tuple(_times(half, column) for column in half)


def _times(matrix: tuple[int, ...], value: int) -> int:
    found = place = 0
    while value:
        if value & 1:
            found ^= matrix[place]
        value >>= 1
        place += 1
    return found
