"""Sizes, durations and moments as people write them."""

from __future__ import annotations

import pytest

from reprobox.kit.units import bytes_of, moments_of, seconds_of


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("64k", 65536),
        ("1.5g", 3 << 29),
        ("2GiB", 2 << 30),
        ("10 MB", 10 << 20),
        ("1t", 1 << 40),
        ("7b", 7),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "g", "4q", "-1", "1e3", "4 g b", "1ib", "0x10"])
def test_not_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        bytes_of(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5", 1.5),
        ("30s", 30),
        ("10m", 600),
        ("1h30m", 5400),
        ("1d", 86400),
        ("250ms", 0.25),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "h", "1x", "-5", "1h 30m", "5m!"])
def test_not_durations(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds_of(text)


NOW = 1_795_300_000.0


"""2026-11-21 22:26:40 UTC"""


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-11-21", NOW - 80800, NOW + 5600),
        ("20261121", NOW - 80800, NOW + 5600),
        ("2026-11-21 22:26:40", NOW, NOW),
        ("2026-11-21T22:26:40Z", NOW, NOW),
        ("2026-11-22T00:26:40+02:00", NOW, NOW),
        ("2d", NOW - 172800, NOW - 172800),
        ("1h30m", NOW - 5400, NOW - 5400),
    ],
)
def test_moments(text: str, begin: float, end: float) -> None:
    assert moments_of(text, NOW) == (begin, end)


@pytest.mark.parametrize("text", ["", "soon", "2026", "2026-13-01", "yesterday", "-2d"])
def test_not_moments(text: str) -> None:
    with pytest.raises(ValueError, match="not a date"):
        moments_of(text, NOW)


def test_sizes_and_durations_beyond_any_machine() -> None:
    for text in ("9" * 400, "9000000t"):
        with pytest.raises(ValueError, match="more than any machine has"):
            bytes_of(text)
    for text in ("9" * 400, "20000d"):
        with pytest.raises(ValueError, match="longer than 30 years"):
            seconds_of(text)
