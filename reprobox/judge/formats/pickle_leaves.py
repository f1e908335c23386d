"""The value of a pickle as leaves by path, in the order of the pickle.

`/name` is a text as key (quoted where it could be taken for anything else), `{0}` any other key,
`[0]` a place in a list, `(0)` in a tuple, `<args>` a part of an object: no two values have one
path, and a value of another type has another. Further leaves say what values alone do not:

    x<kind>     a parameter, a scalar, a subclass of an array
    x<same>     one object under two paths, which is not two objects that look alike
    x<shares>   tensors that look into one storage
    x<unseen>   bytes of a storage that no tensor looks at
    x<order>    the order of an OrderedDict's keys
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from typing import Any

import numpy as np

from reprobox.judge.formats import pickle_data
from reprobox.judge.formats.arrays import Fields
from reprobox.judge.formats.pickle_data import Opaque, Pairs, Symbol, Tagged
from reprobox.judge.leaves import Blob, Leaf, Rows, Unreadable, put, put_rows
from reprobox.judge.tensors import Tensor

DEEPEST = 400
_SCALARS = (str, int, float, bool, type(None))
_LIST = 64
"""From here on a list of plain values is kept together."""
_SETS = ("set", "frozenset")


class Whole:
    """What stands for a persistent id and is an array (a torch storage)."""

    def whole(self) -> Tensor:
        """All of its elements."""
        raise NotImplementedError


def flatten(value: Any, dropped: Sequence[Any] = ()) -> dict[str, Leaf]:
    """The leaves of a value, and of values that the pickle made and dropped."""
    walk = _Walk()
    walk.add("", value, [])
    for place, one in enumerate(dropped):
        walk.add(f"<dropped {place}>", one, [])
    walk.shared()
    return walk.found


class _Walk:
    """Collects leaves."""

    def __init__(self) -> None:
        self.found: dict[str, Leaf] = {}
        self._seen: dict[int, str] = {}
        self._views: dict[Any, list[tuple[str, Tensor]]] = {}

    def add(self, path: str, value: Any, above: list[int]) -> None:
        """Adds what is at a path. Raises Unreadable where it is too deep."""
        if len(above) > DEEPEST:
            raise Unreadable("a pickle with too deep values")
        value = _resolved(value)
        if isinstance(value, Tagged):
            put(self.found, f"{path}<kind>", value.kind)
            value = value.value
        if isinstance(value, Tensor):
            self._views.setdefault(value.memory, []).append((path or "<value>", value))
        if isinstance(value, Tensor | str | int | float | bool | type(None)):
            put(self.found, path or "<value>", value)
        elif isinstance(value, bytes | bytearray):
            put(self.found, f"{path}<{type(value).__name__}>", Blob(value.hex()))
        elif isinstance(value, Symbol):
            put(self.found, f"{path}<name>", value.name)
        elif id(value) in above:
            levels = len(above) - above.index(id(value))
            put(self.found, f"{path}<above>", f"the object that holds it, {levels} levels up")
        elif _has_identity(value) and self._seen.setdefault(id(value), path) != path:
            before = self._seen[id(value)] or "the top"
            put(self.found, f"{path}<same>", f"the object at {before}")
        elif _is_long(value):
            left, right = "[]" if isinstance(value, list) else "()"
            put_rows(self.found, path, Rows(value, before=left, after=right))
        else:
            self._children(path, value, [*above, id(value)])

    def _children(self, path: str, value: Any, above: list[int]) -> None:
        for name, child in _parts(value):
            self.add(f"{path}{name}" if path else name.removeprefix("/"), child, above)

    def shared(self) -> None:
        """Says which tensors share memory, and what of that memory none of them shows."""
        self._views.pop(None, None)
        for memory, views in self._views.items():
            ordered = sorted(views, key=lambda view: view[0])
            first = ordered[0][0]
            for path, _ in ordered[1:]:
                put(self.found, f"{path}<shares>", f"the memory of {first}")
            unseen = memory.unseen([tensor for _, tensor in views])
            if unseen:
                digest = hashlib.sha256(unseen).hexdigest()
                put(self.found, f"{first}<unseen>", Blob(f"{digest} ({len(unseen)} bytes)"))


def _resolved(value: Any) -> Any:
    if isinstance(value, Whole):
        return value.whole()
    if isinstance(value, Opaque):
        found = pickle_data.array(value)
        return value if found is None else found
    return value


def _has_identity(value: Any) -> bool:
    """Whether one object twice is something else than two that look alike: what can be changed."""
    if isinstance(value, Opaque):
        plain = value.name in ("frozenset", "numpy.dtype", "?")
        return not plain and (value.state is not None or bool(value.items))
    return isinstance(value, list | Pairs)


def _is_long(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) > _LIST
        and all(type(one) in _SCALARS for one in value)
    )


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Fields):
        names = [(str(pickle_data.key_name(name)), below) for name, below in value.items()]
        return [*names, ("<type>", value.type_text)]
    if isinstance(value, Pairs):
        return _of_pairs(value)
    if isinstance(value, list | tuple):
        left, right = "[]" if isinstance(value, list) else "()"
        return [(f"{left}{place}{right}", child) for place, child in enumerate(value)] or [
            ("/<empty>", type(value).__name__)
        ]
    if isinstance(value, Opaque):
        return _of_opaque(value)
    raise Unreadable(f"a pickle with a {type(value).__name__}")


def _of_pairs(value: Pairs) -> list[tuple[str, Any]]:
    found = list(value.named.items())
    for place, (key, child) in enumerate(value.odd):
        found += [(f"{{object {place}}}<key>", key), (f"{{object {place}}}", child)]
    if value.state is not None:
        found.append(("/<state>", value.state))
    if not found:
        return [("/<empty>", "OrderedDict" if value.ordered else "dict")]
    if value.ordered:
        order = ", ".join(value.named)
        found.append(("<order>", order if len(order) < 200 else _short(order)))
    return found


def _short(text: str) -> str:
    return f"{text[:100]}… sha256 {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()}"


def _of_opaque(value: Opaque) -> list[tuple[str, Any]]:
    items = sorted(value.items, key=_rank) if value.name in _SETS else value.items
    parts: tuple[tuple[str, Any, Any], ...] = (
        ("/<args>", _readable(value), ()),
        ("/<state>", value.state, None),
        ("/<items>", items, []),
    )
    held = [(name, part) for name, part, absent in parts if part is not absent and part != absent]
    return [("/<type>", value.name), *held]


_TIMES = {"datetime.datetime": datetime, "datetime.date": date, "datetime.time": time}


def _readable(value: Opaque) -> Any:
    """What an object was made of; of a date or time in its bytes (`__reduce_ex__` of datetime) the
    ISO text.
    """
    kind = _TIMES.get(value.name)
    if kind is None or not isinstance(value.args, tuple) or not value.args:
        return value.args
    try:
        made = kind(value.args[0])
    except (TypeError, ValueError):
        return value.args
    fold = " (fold)" if getattr(made, "fold", 0) else ""
    return (made.isoformat() + fold, *value.args[1:])


def _rank(item: Any) -> tuple[str, str]:
    """Where an item of a set stands: by what it is, never by its address."""
    if type(item) in _SCALARS or isinstance(item, bytes):
        return type(item).__name__, repr(item)
    digest = hashlib.sha256()
    for name, leaf in flatten(item).items():
        if name.endswith(("<shares>", "<unseen>")):
            continue
        digest.update(f"{name}\0".encode("utf-8", "surrogatepass"))
        if isinstance(leaf, Tensor):
            array = np.ascontiguousarray(leaf.load())
            digest.update(f"{leaf.dtype}{leaf.shape}".encode())
            digest.update(array.tobytes())
        else:
            said = list(leaf.values) if isinstance(leaf, Rows) else leaf
            digest.update(f"{type(leaf).__name__} {said!r}\0".encode("utf-8", "surrogatepass"))
    return "~", digest.hexdigest()
