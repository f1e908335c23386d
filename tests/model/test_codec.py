"""Stored documents keep their bytes when a noun gets a field."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest

from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.codec import later


@dataclass(frozen=True, kw_only=True)
class Part:
    name: str
    kind: int = later(1)
    more: tuple[str, ...] = later(())


@dataclass(frozen=True, kw_only=True)
class Whole:
    parts: tuple[Part, ...] = ()
    one: Part | None = None
    pairs: dict[str, str] = field(default_factory=dict)
    also: str = later("")


def test_a_later_field_is_left_out_where_it_has_its_default() -> None:
    whole = Whole(parts=(Part(name="a"), Part(name="b", kind=2)), one=Part(name="c", more=("x",)))
    assert codec.to_json(whole) == {
        "parts": ({"name": "a"}, {"name": "b", "kind": 2}),
        "one": {"name": "c", "more": ("x",)},
        "pairs": {},
    }
    assert codec.decode(Whole, codec.encode(whole), where="") == whole


def test_a_document_of_before_the_field_is_read_and_keeps_its_digest() -> None:
    old = b'{"one":null,"pairs":{},"parts":[{"name":"a"}]}'
    read = codec.decode(Whole, old, where="")
    assert read.parts[0].kind == 1
    assert codec.encode(read) == old


@dataclass(frozen=True)
class Loose:
    value: object


@pytest.mark.parametrize(
    "value", ["x", 7, None, {"b": [1, "1.5e3"], "a": True}, "\u00e9", "a\\b\n", 0.1, 1e16, [1e-7]]
)
def test_a_value_is_named_by_the_digest_of_its_canonical_form_alone(value: object) -> None:
    whole = Loose(value)
    assert codec.is_named(whole, codec.digest(whole))
    assert not codec.is_named(whole, codec.digest(Loose("other")))
    plain = msgspec.json.encode(whole, order="sorted")
    as_msgspec = canon.digest_bytes(plain)
    assert codec.is_named(whole, as_msgspec) == (plain == codec.encode(whole))
