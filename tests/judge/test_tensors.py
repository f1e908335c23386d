"""Distances between arrays, in ulp and otherwise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprobox.judge.tensors import Distance, Tensor, Tolerance, distance, ulps

F32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def tensor(array: npt.NDArray[np.generic], dtype: str | None = None) -> Tensor:
    return Tensor(dtype=dtype or str(array.dtype), shape=array.shape, load=lambda: array)


def between(left: object, right: object, kind: str = "float32", **tolerance: float) -> Distance:
    return distance(
        tensor(np.array(left, dtype=kind)),
        tensor(np.array(right, dtype=kind)),
        Tolerance(**tolerance),
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_neighbours_are_one_ulp_apart(kind: str) -> None:
    one = np.ones(1, dtype=kind)
    assert ulps(one, np.nextafter(one, np.array(2, dtype=kind)), kind).tolist() == [1]


def test_the_line_of_numbers_passes_zero() -> None:
    tiny = np.nextafter(np.float32(0), np.float32(1))
    found = ulps(
        np.array([-0.0, -tiny, tiny], dtype="f4"),
        np.array([0.0, tiny, -0.0], dtype="f4"),
        "float32",
    )
    assert found.tolist() == [0, 2, 1]


@given(F32, F32)
def test_ulps_are_a_distance(left: float, right: float) -> None:
    a, b = np.array([left], dtype="f4"), np.array([right], dtype="f4")
    assert ulps(a, b, "float32") == ulps(b, a, "float32")
    assert (ulps(a, b, "float32") == 0) == (a == b)


def test_the_first_element_that_differs_and_the_largest_distances() -> None:
    found = between([1, 2, 3, 4], [1, 2.5, 3, 8])
    assert (found.index, found.left, found.right, found.count, found.total) == (1, 2.0, 2.5, 2, 4)
    assert (found.abs, found.rel) == (4.0, 1.0)


@pytest.mark.parametrize(
    ("tolerance", "beyond"),
    [
        ({}, 2),
        ({"ulp": 1}, 1),
        ({"atol": 0.5}, 0),
        ({"rtol": 0.2}, 0),
        ({"atol": 0.1}, 1),
        ({"ulp": 10_000_000}, 0),
    ],
)
def test_tolerances(tolerance: dict[str, float], beyond: int) -> None:
    assert (
        between([1, 2], [np.nextafter(np.float32(1), np.float32(2)), 2.25], **tolerance).beyond
        == beyond
    )


@pytest.mark.parametrize("kind", ["int64", "uint64"])
def test_large_integers_are_told_from_their_neighbours(kind: str) -> None:
    found = between([2**60 + 1, 5], [2**60, 5], kind)
    assert (found.count, found.beyond, found.abs) == (1, 1, 1.0)
    assert between([2**60 + 1], [2**60], kind, atol=1.0).beyond == 0


def test_the_distance_of_integers_of_opposite_ends_does_not_overflow() -> None:
    assert between([-(2**63), 0], [2**63 - 1, 0], "int64").abs == 2.0**64
    assert between([0], [255], "uint8").abs == 255.0


def test_long_doubles_keep_their_precision() -> None:
    one = np.ones(1, dtype=np.longdouble)
    assert distance(tensor(one), tensor(np.nextafter(one, one + 1)), Tolerance()).beyond == 1


def test_nan_is_equal_to_the_same_bits_only_and_no_tolerance_excuses_it() -> None:
    assert between([np.nan], [np.nan]).count == 0
    found = between([np.nan, 1], [1, np.nan], ulp=2**31, atol=1e9)
    assert (found.count, found.beyond, found.left) == (2, 2, "nan")


@pytest.mark.parametrize(
    "kind", ["float16", "float32", "float64", "longdouble", "complex64", "complex128"]
)
@pytest.mark.parametrize(
    "tolerance", [{"rtol": 1e-5}, {"rtol": 1e-5, "atol": 1.0}, {"atol": np.inf}, {"ulp": 2**63 - 1}]
)
def test_an_infinity_is_near_to_nothing(kind: str, tolerance: dict[str, float]) -> None:
    inf, nan, most = np.inf, np.nan, np.finfo(kind).max
    found = between(
        [inf, inf, 1, -inf, nan, inf, inf], [1, -inf, inf, most, inf, nan, most], kind, **tolerance
    )
    assert (found.count, found.beyond) == (7, 7)
    assert between([inf, -inf], [inf, -inf], kind, **tolerance).count == 0


def test_complex_numbers_with_an_infinite_or_missing_part_pass_only_when_both_are_equal() -> None:
    inf, nan = np.inf, np.nan
    left = [complex(inf, 1), complex(inf, nan), complex(0, nan), complex(inf, 0.0)]
    right = [complex(inf, 1.0000001), complex(1, 1), complex(0, 0), complex(inf, -0.0)]
    pairs = zip(left, right, strict=True)
    assert [
        between([one], [other], "complex128", rtol=1e-3, atol=inf).beyond for one, other in pairs
    ] == [1, 1, 1, 0]


def test_a_distance_beyond_the_range_of_the_type_is_beyond_any_tolerance() -> None:
    assert between([1.7e308], [-1.7e308], "float64", rtol=1.5).beyond == 1


@pytest.mark.parametrize(
    ("kind", "codes", "values"),
    [
        ("float8_e4m3fn", [0x38, 0x39, 0x7E, 0x01, 0xB8], [1.0, 1.125, 448.0, 2.0**-9, -1.0]),
        ("float8_e5m2", [0x3C, 0x3D, 0x7B, 0x01, 0xBC], [1.0, 1.25, 57344.0, 2.0**-16, -1.0]),
    ],
)
def test_floats_of_eight_bits_are_numbers_and_not_codes(
    kind: str, codes: list[int], values: list[float]
) -> None:
    for code, value in zip(codes, values, strict=True):
        found = distance(
            tensor(np.array([code], np.uint8), kind),
            tensor(np.array([0], np.uint8), kind),
            Tolerance(),
        )
        assert (found.left, found.abs) == (value, abs(value))
    one, far, nan = (
        tensor(np.array([code], np.uint8), kind) for code in (codes[0], codes[-1], 0x7F)
    )
    assert distance(one, far, Tolerance(atol=1.9)).beyond == 1
    assert (
        distance(
            tensor(np.array([codes[2]], np.uint8), kind), nan, Tolerance(atol=1.0, ulp=9)
        ).beyond
        == 1
    )
    assert distance(one, tensor(np.array([codes[1]], np.uint8), kind), Tolerance(ulp=1)).beyond == 0


def test_zeros_of_other_signs_differ_as_bits_and_pass_as_numbers() -> None:
    found = between([0.0], [-0.0])
    assert (found.count, found.beyond, found.ulp) == (1, 0, 0)


@pytest.mark.parametrize("kind", ["int64", "uint8", "bool", "complex64", "complex128", "U3"])
def test_other_types_have_no_ulp(kind: str) -> None:
    found = between([1, 0, 1], [1, 1, 1], kind)
    assert (found.count, found.index, found.ulp) == (1, 1, None)


def test_unsigned_integers_do_not_wrap() -> None:
    assert between([0], [255], "uint8").abs == 255


def test_bfloat16_is_carried_as_integers() -> None:
    left, right = (
        np.array([0x3F80, 0x4000], dtype=np.uint16),
        np.array([0x3F81, 0x4000], dtype=np.uint16),
    )
    found = distance(tensor(left, "bfloat16"), tensor(right, "bfloat16"), Tolerance())
    assert (found.ulp, found.left, found.right, found.abs) == (1, 1.0, 1.0078125, 0.0078125)


def test_large_arrays_are_walked_in_pieces() -> None:
    left = np.zeros(2_500_000, dtype="f4")
    right = left.copy()
    right[2_400_000] = 1
    found = distance(tensor(left), tensor(right), Tolerance())
    assert (found.index, found.count, found.total) == (2_400_000, 1, 2_500_000)


def test_empty_arrays_agree() -> None:
    assert between([], []).count == 0
