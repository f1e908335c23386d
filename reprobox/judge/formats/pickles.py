"""Pickles without unpickling: the opcodes are walked, and nothing that they name is imported,
called or built.

Python's own `pickletools` splits the stream into opcodes; a small stack machine here puts plain
values together. Containers, numbers and texts become themselves; tensors of torch and arrays of
NumPy become `Tensor`; anything else stays a symbol with its arguments, which can be compared and
cannot do anything. (`torch.load(weights_only=True)` had CVE-2025-32434 and CVE-2026-24747.)
"""

from __future__ import annotations

import json
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from reprobox.judge.content import Blob, Content, Leaf, Unreadable, put
from reprobox.judge.formats import pickle_data
from reprobox.judge.formats.pickle_data import Opaque as Opaque
from reprobox.judge.formats.pickle_data import Symbol as Symbol
from reprobox.judge.tensors import Tensor

Raw = Callable[["Opaque", IO[bytes], Callable[[IO[bytes]], Any]], Any]
_MARK = object()
_PLAIN = re.compile(r'[^][/(){}<>":]+')
_MAX_STEPS = 50_000_000


@dataclass(frozen=True)
class Key:
    """What an object looks like that is a key of a dictionary."""

    text: str


class Mapped(dict[Any, Any]):
    """An OrderedDict, which may carry attributes (torch's state_dict keeps versions there)."""

    state: Any = None


class Whole:
    """What stands for a persistent id and is an array (a torch storage)."""

    def whole(self) -> Tensor:
        """All of its elements."""
        raise NotImplementedError


class Machine:
    """Walks one pickle.

    Args:
        persistent: what stands for a persistent id (a torch storage).
        build: `build(name, args)` may answer a call with a value, or with None to leave it a
            symbol.
        behind: `behind(object, stream)` may read what stands in the stream behind an object's state
            and answer with what it is.
    """

    def __init__(
        self,
        persistent: Callable[[Any], Any],
        build: Callable[[str, Any], Any],
        behind: Callable[[Opaque, IO[bytes]], Any] = lambda _object, _stream: None,
    ) -> None:
        self._persistent, self._build, self._behind = persistent, build, behind
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, stream: IO[bytes]) -> Any:
        """The value; the stream stands behind the pickle."""
        steps = 0
        try:
            for opcode, argument, _ in pickletools.genops(stream):
                steps += 1
                if steps > _MAX_STEPS:
                    raise Unreadable("a pickle with too many operations")
                if opcode.name == "STOP":
                    return self._stack.pop()
                self._step(opcode.name, argument)
                if opcode.name == "BUILD" and isinstance(self._stack[-1], Opaque):
                    found = self._behind(self._stack[-1], stream)
                    self._stack[-1] = self._stack[-1] if found is None else found
        except (
            IndexError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
        ) as error:
            raise Unreadable(f"not a pickle that can be read: {error}") from error
        raise Unreadable("a pickle without an end")

    def _step(self, name: str, argument: Any) -> None:
        if name in _IGNORED:
            return
        if name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif name in _PUSHED:
            self._stack.append(argument)
        else:
            action = _ACTIONS.get(name)
            if action is None:
                raise Unreadable(f"a pickle with the operation {name}")
            action(self, argument)

    def _marked(self) -> list[Any]:
        place = len(self._stack) - 1
        while self._stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise Unreadable("a pickle without its mark")
        found = self._stack[place + 1 :]
        del self._stack[place:]
        return found

    def _tuple(self, count: int) -> None:
        taken = tuple(self._stack[len(self._stack) - count :])
        del self._stack[len(self._stack) - count :]
        self._stack.append(taken)

    def _extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Opaque):
            target.items.extend(values)
        elif isinstance(target, list):
            target.extend(values)
        else:
            raise Unreadable("a pickle that appends to something odd")

    def _set(self, values: list[Any]) -> None:
        target = self._stack[-1]
        pairs = list(zip(values[::2], values[1::2], strict=True))
        if isinstance(target, Opaque):
            target.items.extend(pairs)
        else:
            _fill(target, pairs)

    def _reduce(self) -> None:
        args, function = self._stack.pop(), self._stack.pop()
        self._stack.append(self._call(function, args))

    def _call(self, function: Any, args: Any) -> Any:
        if not isinstance(function, Symbol):
            return Opaque("?", (function, args))  # what is called was made by the pickle itself
        built = self._build(function.name, args)
        return Opaque(function.name, args) if built is None else built

    def _set_state(self) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if not isinstance(target, Opaque | Mapped) or target.state is not None:
            raise Unreadable("a pickle that gives a state to something odd")
        target.state = state

    def _new(self, keywords: bool) -> None:
        extra = self._stack.pop() if keywords else None
        args, kind = self._stack.pop(), self._stack.pop()
        given = args if extra is None else (args, extra)
        self._stack.append(
            Opaque(kind.name, given) if isinstance(kind, Symbol) else Opaque("?", (kind, given))
        )

    def _global(self, text: str) -> None:
        self._stack.append(Symbol(text.replace(" ", ".", 1)))

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(Symbol(f"{module}.{name}"))


def _fill(target: dict[Any, Any], pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    for key, value in pairs:
        name = (
            key
            if isinstance(key, str | int | float | bool | bytes | tuple | type(None))
            else Key(repr(key))
        )
        if name in target:
            raise Unreadable(f"a pickle with two values of one key: {name!r:.200}")
        target[name] = value
    return target


_IGNORED = {"PROTO", "FRAME"}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": lambda: Opaque("set", ()),
    "MARK": lambda: _MARK,
}
_PUSHED = {
    *(
        "BININT",
        "BININT1",
        "BININT2",
        "INT",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "UNICODE",
        "BINUNICODE",
        "BINUNICODE8",
    ),
    *(
        "SHORT_BINUNICODE",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
    ),
}
_ACTIONS: dict[str, Callable[[Machine, Any], Any]] = {
    "TUPLE": lambda m, _: m._stack.append(tuple(m._marked())),
    "TUPLE1": lambda m, _: m._tuple(1),
    "TUPLE2": lambda m, _: m._tuple(2),
    "TUPLE3": lambda m, _: m._tuple(3),
    "LIST": lambda m, _: m._stack.append(m._marked()),
    "DICT": lambda m, _: m._stack.append(_fill({}, _pairs(m._marked()))),
    "FROZENSET": lambda m, _: m._stack.append(Opaque("frozenset", (), items=m._marked())),
    "APPEND": lambda m, _: m._extend([m._stack.pop()]),
    "APPENDS": lambda m, _: m._extend(m._marked()),
    "ADDITEMS": lambda m, _: m._extend(m._marked()),
    "SETITEM": lambda m, _: m._set([*reversed([m._stack.pop(), m._stack.pop()])]),
    "SETITEMS": lambda m, _: m._set(m._marked()),
    "PUT": lambda m, n: m._memo.__setitem__(n, m._stack[-1]),
    "BINPUT": lambda m, n: m._memo.__setitem__(n, m._stack[-1]),
    "LONG_BINPUT": lambda m, n: m._memo.__setitem__(n, m._stack[-1]),
    "MEMOIZE": lambda m, _: m._memo.__setitem__(len(m._memo), m._stack[-1]),
    "GET": lambda m, n: m._stack.append(m._memo[n]),
    "BINGET": lambda m, n: m._stack.append(m._memo[n]),
    "LONG_BINGET": lambda m, n: m._stack.append(m._memo[n]),
    "GLOBAL": lambda m, text: m._global(text),
    "STACK_GLOBAL": lambda m, _: m._stack_global(),
    "REDUCE": lambda m, _: m._reduce(),
    "BUILD": lambda m, _: m._set_state(),
    "NEWOBJ": lambda m, _: m._new(False),
    "NEWOBJ_EX": lambda m, _: m._new(True),
    "BINPERSID": lambda m, _: m._stack.append(m._persistent(m._stack.pop())),
    "POP": lambda m, _: m._stack.pop(),
    "POP_MARK": lambda m, _: m._marked(),
    "DUP": lambda m, _: m._stack.append(m._stack[-1]),
}


def _pairs(values: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(values[::2], values[1::2], strict=True))


def flatten(value: Any) -> dict[str, Leaf]:
    """Leaves by path, in the order of the pickle; what is in a set is sorted, because its order
    says nothing.

    `/name` is a text as key (quoted where it could be taken for anything else), `{0}` any other
    key, `[0]` a place in a list, `(0)` in a tuple, `<args>` a part of an object: no two values have
    one path, and a value of another type has another.
    """
    found: dict[str, Leaf] = {}
    _flatten(found, "", value, [])
    return found


def _flatten(found: dict[str, Leaf], path: str, value: Any, above: list[int]) -> None:
    if len(above) > 500:
        raise Unreadable("a pickle with too deep values")
    value = (
        value.whole()
        if isinstance(value, Whole)
        else pickle_data.array(value) or value
        if isinstance(value, Opaque)
        else value
    )
    if isinstance(value, Tensor | str | int | float | bool | type(None)):
        put(found, path or "<value>", value)
    elif isinstance(value, bytes | bytearray):
        put(found, f"{path}<bytes>", Blob(value.hex()))
    elif isinstance(value, Symbol):
        put(found, f"{path}<name>", value.name)
    elif id(value) in above:
        put(
            found,
            f"{path}<above>",
            f"the object that holds it, {len(above) - above.index(id(value))} levels up",
        )
    else:
        for name, child in _children(value):
            _flatten(
                found,
                f"{path}{name}" if path else name.removeprefix("/"),
                child,
                [*above, id(value)],
            )


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        state = (
            [("/<state>", value.state)]
            if isinstance(value, Mapped) and value.state is not None
            else []
        )
        return [(_segment(key), child) for key, child in value.items()] + state or [
            ("/<empty>", "dict")
        ]
    if isinstance(value, list | tuple):
        left, right = "[]" if isinstance(value, list) else "()"
        return [(f"{left}{place}{right}", child) for place, child in enumerate(value)] or [
            ("/<empty>", type(value).__name__)
        ]
    if isinstance(value, Opaque):
        items = sorted(value.items, key=repr) if value.name in ("set", "frozenset") else value.items
        parts: tuple[tuple[str, Any, Any], ...] = (
            ("/<args>", value.args, ()),
            ("/<state>", value.state, None),
            ("/<items>", items, []),
        )
        return [
            ("/<type>", value.name),
            *((name, part) for name, part, absent in parts if part != absent),
        ]
    raise Unreadable(f"a pickle with a {type(value).__name__}")


def _segment(key: Any) -> str:
    if isinstance(key, str):
        return f"/{key}" if _PLAIN.fullmatch(key) else f"/{json.dumps(key, ensure_ascii=False)}"
    return f"{{{key.text if isinstance(key, Key) else repr(key)}}}"


def encoded(name: str, args: Any) -> Any:
    """The calls that any pickle may hold and that are plain values."""
    if name == "_codecs.encode" and len(args) == 2 and all(isinstance(arg, str) for arg in args):
        return args[0].encode("latin1")
    if name == "collections.OrderedDict" and args == ():
        return Mapped()
    kind = name.removeprefix("__builtin__.").removeprefix("builtins.")
    if kind in ("set", "frozenset") and len(args) == 1 and isinstance(args[0], list):
        return Opaque(kind, (), items=list(args[0]))
    return None


def read(
    stream: IO[bytes],
    raw: Raw = lambda _object, _stream, _nested: None,
    build: Callable[[str, Any], Any] = encoded,
) -> Content:
    """A plain pickle, or several one after the other.

    Args:
        build: as `Machine`.
        raw: reads what stands between opcodes behind an object (`formats_joblib`).
    """

    def persistent(_: Any) -> Any:
        raise Unreadable("a pickle with persistent ids")

    def value(inner: IO[bytes]) -> Any:
        return Machine(persistent, build, lambda target, rest: raw(target, rest, value)).run(inner)

    leaves, count = flatten(value(stream)), 1
    while stream.read(1):
        stream.seek(-1, 1)
        count += 1
        for name, leaf in flatten(value(stream)).items():
            put(leaves, f"pickle {count}: {name}", leaf)
    return Content(format="pickle", leaves=leaves)
