"""One codec for every stored document, with a version gate.

A document says `"format": "reprobox.<noun>/<major>"`. Another major is refused; fields that this
version does not know are ignored when read, and never lost, because a stored document is copied as
bytes and never written again. Why msgspec: strict conversion of plain dataclasses with the path of
the first error, in C; nothing of it shows in the types.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from reprobox.errors import NewerFormat, ReproboxError, StoreDamaged
from reprobox.kit import canon
from reprobox.kit.regex import regex
from reprobox.model.later import later as later

T = TypeVar("T")
_FRACTION = regex(rb"[:,\[]-?[0-9]+[.eE]")
_PLAIN = frozenset(("str", "int", "float", "bool", "Role"))
"""Types of fields in which nothing is left out, as annotations write them."""


def to_json(value: Any) -> Any:
    """A dataclass as plain JSON values."""
    plain = msgspec.to_builtins(value, str_keys=True)
    _leave_out(value, plain)
    return plain


def unset(value: Any, *names: str) -> tuple[str, ...]:
    """Those of the named fields of a dataclass (of all, where none is named) that hold their
    defaults.
    """
    chosen = names or tuple(value.__dataclass_fields__)
    return tuple(name for name in chosen if getattr(value, name) == _default(value, name))


def _default(value: Any, name: str) -> Any:
    field = value.__dataclass_fields__[name]
    missing = field.default_factory is dataclasses.MISSING
    return field.default if missing else field.default_factory()


def _leave_out(value: Any, plain: Any) -> None:
    """Removes, at any depth, the later fields that have their default, and those that the method
    `left_out` of a dataclass names. Of a value that was read msgspec writes no field that the
    document did not have.
    """
    if isinstance(value, (tuple, list)):
        for one, its in zip(value, plain, strict=True):
            kind: Any = type(one)
            if _is_of_interest(kind):
                _leave_out(one, its)
    elif dataclasses.is_dataclass(value):
        own: Any = type(value)
        for field in _inner_fields(own):
            found = getattr(value, field.name)
            if "later" in field.metadata and found == field.default:
                plain.pop(field.name, None)
            elif isinstance(found, tuple) or dataclasses.is_dataclass(found):
                _leave_out(found, plain.get(field.name, ()))
        for name in value.left_out() if hasattr(value, "left_out") else ():
            plain.pop(name, None)


@functools.cache
def _is_of_interest(kind: Any) -> bool:
    """Whether something may have to be left out of a value of a class: a manifest or a card has
    tens of thousands of values of which nothing ever is.
    """
    if issubclass(kind, (tuple, list)):
        return True
    known: Any = kind
    return hasattr(kind, "__dataclass_fields__") and (
        bool(_inner_fields(known)) or hasattr(kind, "left_out")
    )


@functools.cache
def _inner_fields(kind: Any) -> tuple[dataclasses.Field[Any], ...]:
    """The fields of a class that are later ones, or are more than a plain text or number."""
    return tuple(
        field
        for field in dataclasses.fields(kind)
        if "later" in field.metadata or str(field.type).removesuffix(" | None") not in _PLAIN
    )


def encode(value: Any) -> bytes:
    """The canonical bytes of a dataclass."""
    return canon.canonical(to_json(value))


def digest(value: Any) -> canon.Digest:
    """The digest that names a value."""
    return canon.digest_bytes(encode(value))


def is_named(value: Any, digest_: str) -> bool:
    """Whether a digest is that of a value; in a tenth of the time of `digest` where it is, and the
    value has only texts and whole numbers.
    """
    try:
        plain = msgspec.json.encode(value, order="sorted")
    except (TypeError, UnicodeError):
        plain = b"\\"
    # Then it is the canonical form, but for later fields that a document wrote out.
    canonical = plain.isascii() and b"\\" not in plain and not _FRACTION.search(plain)
    return (canonical and canon.digest_bytes(plain) == digest_) or digest(value) == digest_


def from_json(
    kind: type[T], value: Any, *, where: str, error: type[ReproboxError] = StoreDamaged
) -> T:
    """Reads plain JSON values into a dataclass, strictly.

    Raises:
        NewerFormat: the document's major version is not ours.
        error: any other fault, with its place in the document.
    """
    ours = getattr(kind, "FORMAT", None)
    if ours is not None:
        _check_format(value, ours, where, error)
    try:
        return msgspec.convert(value, kind, strict=True)
    except (msgspec.ValidationError, UnicodeEncodeError) as fault:
        # UnicodeEncodeError: a lone surrogate where a number or a list was expected, which msgspec
        # cannot look at.
        raise error(f"{where} is not a valid {kind.__name__}", why=str(fault)) from fault


def schema(kind: type[Any]) -> str:
    """The JSON Schema of a document, as text. Its format is a constant, and other keys may come."""
    found = msgspec.json.schema(kind)
    for one in found.get("$defs", {}).values():
        if "format" in one.get("properties", {}) and hasattr(kind, "FORMAT"):
            default = one["properties"]["format"].get("default")
            if default == kind.FORMAT:
                one["properties"]["format"] = {"const": default}
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


def decode(
    kind: type[T], data: bytes, *, where: str, error: type[ReproboxError] = StoreDamaged
) -> T:
    """Reads stored bytes into a dataclass; see `from_json`."""
    try:
        value = canon.parse(data)
    except ValueError as fault:
        raise error(f"{where} is not readable JSON", why=str(fault)) from fault
    return from_json(kind, value, where=where, error=error)


def decode_known(kind: type[T], data: bytes, *, where: str) -> T:
    """Reads bytes that were checked against their digest: as `decode`, in a tenth of its time."""
    try:
        found = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeError):
        return decode(kind, data, where=where)  # names what is wrong, or reads lone surrogates
    if getattr(found, "format", None) != getattr(kind, "FORMAT", None):
        return decode(kind, data, where=where)
    return found


def members(data: bytes) -> dict[str, bytes] | None:
    """The members of a JSON object, each as its own bytes; None when it is none, or is not read
    without more work.
    """
    try:
        found = _members()(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return {name: bytes(raw) for name, raw in found.items()}


@functools.cache
def _members() -> Callable[[bytes], dict[str, msgspec.Raw]]:
    return msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def peek(kind: type[T], data: bytes, *, where: str, error: type[ReproboxError] = StoreDamaged) -> T:
    """Reads some fields of a document that is already trusted (its digest was checked), ten times
    faster than `decode`.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as fault:
        raise error(f"{where} is not as expected", why=str(fault)) from fault
    except (msgspec.DecodeError, UnicodeError):
        # The C reader refuses lone surrogates, which stand for bytes of a path; the strict reader
        # knows them.
        return decode(kind, data, where=where, error=error)


def _check_format(value: Any, ours: str, where: str, error: type[ReproboxError]) -> None:
    found = value.get("format") if isinstance(value, dict) else None
    if found == ours:
        return
    name, _, major = str(found).partition("/")
    if (
        name == ours.partition("/")[0]
        and major.isdigit()
        and int(major) > int(ours.partition("/")[2])
    ):
        raise NewerFormat(
            f"{where} has format {found}, this reprobox reads {ours}",
            why="It was written by a newer reprobox.",
            next_step="upgrade reprobox, or use the version that wrote it",
        )
    raise error(f"{where} does not say format {ours!r}", why=f"It says {found!r}.")
