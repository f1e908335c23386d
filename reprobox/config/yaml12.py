"""Reads YAML strictly: values of YAML 1.2's core schema, no tags, no duplicate keys, bounded size,
depth and expansion.

PyYAML parses (CSafeLoader where libyaml is there), and its events are composed here, because its
own composer resolves by YAML 1.1, takes the last of duplicate keys and expands aliases without
bound. Merge keys (`<<`), which YAML 1.2 dropped, are honoured, because configs use them and the
reader in the user's script does too.
"""

from __future__ import annotations

import copy
import shlex
from collections.abc import Iterator
from typing import Any

import yaml

from reprobox.config.problems import Problems
from reprobox.config.written import marked
from reprobox.config.yaml_document import Document, Key, Keys
from reprobox.errors import ConfigError

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 200_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = object()


def read(text: bytes, problems: Problems) -> Document:
    """Reads a document whose top is a mapping.

    Raises:
        ConfigError: for what cannot be read further; lesser faults are added to `problems`.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError(
            f"{problems.where} is larger than 1 MiB",
            next_step="keep data in files and name them in the config",
        )
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{problems.where} is not UTF-8", why=f"line {line}: {error.reason}"
        ) from error
    return _Builder(problems).document(decoded)


def read_flow(text: str) -> tuple[Any, dict[Keys, str]]:
    """Reads one value in flow style, as it is written on a command line; with its plain scalars as
    written.

    Raises:
        ValueError: when it is not one.
    """
    problems = Problems(where="the value")
    try:
        document = _Builder(problems).document("value: " + text)
        problems.throw()
    except ConfigError as error:
        raise ValueError(error.why or error.what) from error
    if set(document.value) != {"value"}:
        raise ValueError("it is more than one value")
    return document.value["value"], {keys[1:]: raw for keys, raw in document.texts.items()}


def _height(value: Any) -> int:
    """How deep a value is nested; a scalar is 0."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((1 + _height(one) for one in inner), default=0)


class _Builder:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._nodes = 0
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._events: Iterator[Any] = iter(())
        self._made = Document(value={})

    def document(self, text: str) -> Document:
        try:
            self._events = yaml.parse(text, Loader=_LOADER)
            self._top()
        except yaml.YAMLError as error:
            raise self._syntax(error) from error
        return self._made

    def _syntax(self, error: yaml.YAMLError) -> ConfigError:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        reason = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
        line = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        return ConfigError(
            f"{self._problems.where} is not YAML",
            why=line + reason,
            next_step="correct that place; to see an example: reprobox init example.yaml",
        )

    def _stop(self, event: Any, reason: str) -> ConfigError:
        return ConfigError(
            f"{self._problems.where} cannot be read",
            why=f"line {event.start_mark.line + 1}: {reason}",
        )

    def _top(self) -> None:
        next(self._events)
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            raise ConfigError(
                f"{self._problems.where} is empty",
                next_step=f"write one: reprobox init {shlex.quote(self._problems.where)}",
            )
        if start.tags or (start.version and start.version not in ((1, 1), (1, 2))):
            raise self._stop(start, "directives are not supported")
        event = next(self._events)
        value = self._node(event, ())
        if not isinstance(value, dict):
            raise self._stop(event, "the document must be a mapping of keys to values")
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._stop(after, "a second document begins; a config is one document")
        self._made.value = value

    def _node(self, event: Any, keys: Keys) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._stop(event, f"more than {MAX_NODES} values, aliases expanded")
        if len(keys) > MAX_DEPTH:
            raise self._stop(event, f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, len(keys))
        if event.tag is not None:
            raise self._stop(event, f"the tag {event.tag} is not supported; write plain values")
        before = self._nodes
        value = self._content(event, keys)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._nodes - before + 1)
        return value

    def _content(self, event: Any, keys: Keys) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, keys)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(keys)
        return self._mapping(keys)

    def _alias(self, event: Any, depth: int) -> Any:
        value, size = self._anchors.get(event.anchor, (None, 0))
        if not size:
            raise self._stop(event, f"*{event.anchor} stands for nothing yet")
        self._nodes += size
        if self._nodes > MAX_NODES:
            raise self._stop(event, f"more than {MAX_NODES} values, aliases expanded")
        if depth + _height(value) > MAX_DEPTH:
            raise self._stop(event, f"nested more than {MAX_DEPTH} deep, aliases expanded")
        return copy.deepcopy(value)

    def _scalar(self, event: Any, keys: Keys) -> Any:
        line = event.start_mark.line + 1
        if any("\ud800" <= char <= "\udfff" for char in event.value):
            raise self._stop(event, "an escape for half a character")
        try:
            value = marked(event.value, None if event.implicit[0] else event.style)
        except ValueError as error:
            self._problems.add(str(error), line=line)
            return event.value
        if not isinstance(value, str) and "<<" not in keys:
            self._made.texts[keys] = event.value
        return value

    def _sequence(self, keys: Keys) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            place = (*keys, len(items))
            self._made.lines[place] = event.start_mark.line + 1
            items.append(self._node(event, place))
        return items

    def _mapping(self, keys: Keys) -> dict[Key, Any]:
        own: dict[Key, Any] = {}
        merged: dict[Key, Any] = {}
        seen: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            key = self._key(event, keys)
            if str(key) in seen:
                self._problems.add(
                    f"the key {str(key)!r} is here a second time; it was first in line "
                    f"{seen[str(key)]}",
                    line=line,
                )
            if key is _MERGE:
                self._merge(next(self._events), keys, merged)
                continue
            seen.setdefault(str(key), line)
            place = (*keys, key)
            self._made.lines.setdefault(place, line)
            own[key] = self._node(next(self._events), place)
        return {**{key: value for key, value in merged.items() if str(key) not in seen}, **own}

    def _key(self, event: Any, keys: Keys) -> Any:
        """The key; `_MERGE` for a merge key. A key that is neither text nor a whole number is a
        fault.
        """
        if (
            isinstance(event, yaml.ScalarEvent)
            and event.implicit[0]
            and event.value == "<<"
            and event.tag is None
        ):
            return _MERGE
        key = self._node(event, (*keys, ""))
        self._made.texts.pop((*keys, ""), None)
        if isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool)):
            return key
        line = event.start_mark.line + 1
        self._problems.add(
            f"a key must be text or a whole number; put {getattr(event, 'value', 'it')!r} in "
            "quotes",
            line=line,
        )
        return str(key)

    def _merge(self, event: Any, keys: Keys, merged: dict[Key, Any]) -> None:
        value = self._node(event, (*keys, "<<"))
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                raise self._stop(event, "<< merges mappings only")
            for key, inner in part.items():
                merged.setdefault(key, inner)
