"""`key=value` on the command line, in the grammar that Hydra made common.

`a.b=1` changes a value, `+a.b=1` adds a key, `++a.b=1` changes or adds it, `~a.b` removes a key,
`~a.b=1` removes it when its value is that. Values are YAML 1.2 scalars, or lists and mappings in
flow style; quotes make text. A mapping is merged into the one that the file has, as Hydra does;
everything else is replaced. `a.0` is an item of a list, `a\\.b` a key with a dot. Choices
(`a=1,2`) are refused. See https://hydra.cc/docs/advanced/override_grammar/basic/
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import field
from typing import Any, Literal

from reprobox.config.problems import COMMAND_LINE, Problems, described, nearest
from reprobox.config.written import holds_text, in_place_of, marked, plain
from reprobox.config.yaml12 import MAX_DEPTH, read_flow
from reprobox.config.yaml_document import Document, Key, Keys, dotted
from reprobox.errors import UsageError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.kit.text import shown

OURS = "reprobox"
"""The key whose settings have defaults, so that changing one needs no `+`."""
_OVERRIDE = regex(r"(?P<sign>\+\+|\+|~|)(?P<key>[^=]+?)(?:=(?P<value>.*))?", re.DOTALL)
_PART = regex(r"(?:[^.\\]|\\.)+", re.DOTALL)
Sign = Literal["", "+", "++", "~"]


class _Refused(Exception):
    """An override that cannot be applied; its text says why."""


@dataclass(frozen=True, kw_only=True)
class Override:
    """One parsed override. `value` counts when `has_value`."""

    text: str
    sign: Sign
    parts: tuple[str, ...]
    has_value: bool
    value: Any = None
    texts: dict[Keys, str] = field(default_factory=dict)
    """Its plain scalars as they were typed; the whole value is at `()`."""
    fault: str = ""
    """Why the value is none but as text."""


def apply(document: Document, overrides: Sequence[str], problems: Problems) -> dict[str, str]:
    """Changes the document, in order; gives the origin (`command line`) of each dotted key that was
    touched.
    """
    origins: dict[str, str] = {}
    for text in overrides:
        try:
            override = parse(text)
            keys = _apply_one(document, override)
        except _Refused as refusal:
            problems.add(f"override {text!r}: {refusal}")
        else:
            origins.update(
                (key, "command line") for key in map(dotted, _places(override.value, keys))
            )
    return origins


def pair(text: str) -> tuple[tuple[str, ...], Any, str]:
    """`a.b=1` as a question: the parts of the key, the value, and its text.

    Raises:
        UsageError: it is nothing of that kind.
    """
    try:
        asked = parse(text)
        if asked.sign or not asked.has_value:
            raise _Refused("it must look like a.b=1")
    except _Refused as refusal:
        raise UsageError(
            f"{shown(text)} is not a setting of a config",
            why=str(refusal),
            next_step="write KEY=VALUE, as in lr=0.1",
        ) from None
    return asked.parts, plain(asked.value), text.partition("=")[2].strip()


def parse(text: str) -> Override:
    """Reads one override."""
    match = _OVERRIDE.fullmatch(text)
    if match is None:
        raise _Refused("it must look like a.b=1, +a.b=1, ++a.b=1 or ~a.b")
    if not _encodable(text):
        raise _Refused("it is not UTF-8")
    sign: Any = match["sign"]
    raw = match["value"]
    if raw is None and sign != "~":
        raise _Refused(f"it has no value; write {text}=VALUE")
    value, texts, fault = _value(sign + match["key"], raw) if raw is not None else (None, {}, "")
    return Override(
        text=text,
        sign=sign,
        parts=_split(match["key"]),
        has_value=raw is not None,
        value=value,
        texts=texts,
        fault=fault,
    )


def _encodable(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _split(key: str) -> tuple[str, ...]:
    parts = _PART.findall(key)
    if ".".join(parts) != key:
        raise _Refused("the key has an empty part")
    if len(parts) > MAX_DEPTH:
        raise _Refused("the key is too deep")
    return tuple(re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in parts)


def _several(key: str, text: str) -> str:
    """Hydra would make several runs of it."""
    words = " ".join(shlex.quote(value.strip()) for value in text.split(","))
    return (
        f"a run has one value; for a run each: for value in {words}; do reprobox run CONFIG "
        f'{key}="$value"; done; '
        f"""for a list: "{key}=[{text}]"; for text: "{key}='{text}'\""""
    )


def _value(key: str, raw: str) -> tuple[Any, dict[Keys, str], str]:
    text = raw.strip()
    if text[:1] in ("[", "{", "'", '"'):
        return *_flow(text), ""
    if not text:
        return "", {}, ""
    if "," in text:
        raise _Refused(_several(key, text))
    if "\n" in text:
        raise _Refused("put text of several lines in quotes")
    try:
        value = marked(text, None)
    except ValueError as error:
        return text, {(): text}, f"{error}; for text: \"{key}='{text}'\""
    return value, ({} if isinstance(value, str) else {(): text}), ""


def _flow(text: str) -> tuple[Any, dict[Keys, str]]:
    try:
        value, texts = read_flow(text)
    except ValueError as error:
        hint = (
            "; quotes and brackets must reach reprobox, so put the whole override in quotes in a "
            "shell"
        )
        raise _Refused(f"the value is not YAML: {error}{hint}") from error
    if (tight := _no_space(value)) is not None:
        raise _Refused(f"a space is missing after the colon in {{{tight}}}")
    return value, texts


def _no_space(value: Any) -> str | None:
    """`{x:1}` is a key `x:1` without a value in YAML; Hydra reads x = 1. Gives such a key."""
    if isinstance(value, list):
        return next((found for item in value if (found := _no_space(item)) is not None), None)
    if isinstance(value, dict):
        tight = [str(key) for key, item in value.items() if item is None and ":" in str(key)]
        return tight[0] if tight else _no_space(list(value.values()))
    return None


def _apply_one(document: Document, override: Override) -> Keys:
    lenient = override.parts[0] == OURS and override.sign == ""
    sign: Sign = "++" if lenient else override.sign
    holder, keys = _walk(document.value, override.parts, create=sign in ("+", "++"))
    if sign == "~":
        _remove(holder, keys, override)
    else:
        _set(holder, keys, override, sign)
    _forget(document, holder, keys, override.value)
    if override.sign != "~":
        document.lines.update(dict.fromkeys(_places(override.value, keys), COMMAND_LINE))
    document.texts.update({(*keys, *inner): raw for inner, raw in override.texts.items()})
    return keys


def _places(value: Any, keys: Keys) -> list[Keys]:
    """The innermost keys that an override gives a value."""
    if not isinstance(value, dict) or not value:
        return [keys]
    return [place for key, inner in value.items() for place in _places(inner, (*keys, key))]


def _forget(document: Document, holder: Any, keys: Keys, value: Any) -> None:
    """What the document knew of the places that changed; after a list, where items may have moved,
    of the whole list.
    """
    if isinstance(holder, list):
        document.forget(keys[:-1])
    elif isinstance(value, dict) and value:
        for key, inner in value.items():
            _forget(document, value, (*keys, key), inner)
    else:
        document.forget(keys)


def _walk(top: dict[Key, Any], parts: tuple[str, ...], *, create: bool) -> tuple[Any, Keys]:
    """The mapping or list that holds the last part, and the whole key as the document spells it."""
    holder: Any = top
    keys: Keys = ()
    for part in parts[:-1]:
        key = _key_in(holder, part, keys)
        if not _has(holder, key):
            if not create or isinstance(holder, list):
                raise _Refused(_absent(holder, (*keys, key), parts))
            holder[key] = {}
        elif create and holder[key] is None:
            holder[key] = {}
        holder, keys = holder[key], (*keys, key)
    return holder, (*keys, _key_in(holder, parts[-1], keys))


def _key_in(holder: Any, part: str, keys: Keys) -> Key:
    if isinstance(holder, list):
        if not re.fullmatch(r"\d{1,9}", part):
            raise _Refused(
                f"{dotted(keys)} is a list; its items are {dotted(keys)}.0, {dotted(keys)}.1, ..."
            )
        return int(part)
    if not isinstance(holder, dict):
        raise _Refused(f"{dotted(keys)} is {described(plain(holder))} and has no keys")
    number = int(part) if re.fullmatch(r"-?\d{1,9}", part) else None
    return number if number is not None and part not in holder and number in holder else part


def _has(holder: Any, key: Key) -> bool:
    return int(key) < len(holder) if isinstance(holder, list) else key in holder


def _absent(holder: Any, keys: Keys, parts: tuple[str, ...]) -> str:
    if isinstance(holder, list):
        return f"{dotted(keys[:-1])} has {len(holder)} items, so there is no {dotted(keys)}"
    near = nearest(str(keys[-1]), [str(key) for key in holder])
    return f"there is no {dotted(keys)}{near}; write +{dotted(parts)}=... to add it"


def _remove(holder: Any, keys: Keys, override: Override) -> None:
    if not _has(holder, keys[-1]):
        near = (
            nearest(str(keys[-1]), [str(key) for key in holder]) if isinstance(holder, dict) else ""
        )
        raise _Refused(f"there is no {dotted(keys)}{near}")
    if override.has_value and holder[keys[-1]] not in (override.value, override.texts.get(())):
        raise _Refused(
            f"{dotted(keys)} is {described(plain(holder[keys[-1]]))}, so it is not removed"
        )
    del holder[keys[-1]]


def _set(holder: Any, keys: Keys, override: Override, sign: Sign) -> None:
    there = _has(holder, keys[-1])
    if sign == "" and not there:
        raise _Refused(_absent(holder, keys, override.parts))
    if sign == "+" and there:
        raise _Refused(f"{dotted(keys)} is there already; write {dotted(keys)}=... to change it")
    old = holder[keys[-1]] if there else None
    if isinstance(old, dict) and isinstance(override.value, dict):
        _merge(old, override, keys, sign)
    elif sign == "" and () in override.texts and holds_text(old):
        holder[keys[-1]] = override.texts[()]
    elif override.fault:
        raise _Refused(override.fault)
    elif isinstance(holder, list) and not there:
        _append(holder, keys, plain(override.value))
    else:
        holder[keys[-1]] = in_place_of(old, override.value)


def _append(holder: list[Any], keys: Keys, value: Any) -> None:
    if keys[-1] != len(holder):
        raise _Refused(
            f"{dotted(keys[:-1])} has {len(holder)} items, so the next one is "
            f"{dotted((*keys[:-1], len(holder)))}"
        )
    holder.append(value)


def _merge(
    ours: dict[Key, Any], override: Override, keys: Keys, sign: Sign, inner: Keys = ()
) -> None:
    """Merges a mapping of the override, the one at `inner` in it, into the mapping at `keys`."""
    for key, value in _at(override.value, inner).items():
        place, typed = (*keys, key), override.texts.get((*inner, key))
        if key not in ours and sign == "":
            raise _Refused(
                f"there is no {dotted(place)}{nearest(str(key), map(str, ours))}; write "
                f"+{dotted(place)}=... to add it"
            )
        if isinstance(ours.get(key), dict) and isinstance(value, dict):
            _merge(ours[key], override, place, sign, (*inner, key))
        elif sign == "" and typed is not None and holds_text(ours[key]):
            ours[key] = typed
        else:
            ours[key] = in_place_of(ours.get(key), value)


def _at(value: Any, keys: Keys) -> Any:
    for key in keys:
        value = value[key]
    return value
