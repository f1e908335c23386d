"""Pickles without unpickling: the opcodes are walked, and nothing that they name is imported,
called or built.

Python's own `pickletools` splits the stream into opcodes; a small stack machine here puts plain
values together. Containers, numbers and texts become themselves; tensors of torch and arrays of
NumPy become `Tensor`; anything else stays a symbol with its arguments, which can be compared and
cannot do anything. (`torch.load(weights_only=True)` had CVE-2025-32434 and CVE-2026-24747.)
What protocols write differently (Python 2's names, `copyreg`, bytes as texts) is one value.
"""

from __future__ import annotations

import io
import pickletools
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable
from typing import IO, Any

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats import pickle_leaves
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.formats.pickle_data import Opaque as Opaque
from reprobox.judge.formats.pickle_data import Pairs
from reprobox.judge.formats.pickle_data import Symbol as Symbol
from reprobox.judge.leaves import Leaf, Unreadable

_MARK = object()
_MAX_STEPS = 50_000_000
_FAULTS = (IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError)
LEFT_OUT = {
    "protocol": "protocol, frames and memo of a pickle",
    "sets": "order of a set's items",
    "keys": "order of a dictionary's keys (of an OrderedDict it counts)",
    "byte-order": "byte order of arrays",
    "dimensions": "order of an array's dimensions in memory",
    "between": "bytes between the fields of compound types",
}

NOT_CHECKED = {
    "persistent": "persistent ids",
    "extensions": "registered extensions",
    "buffers": "buffers out of band",
}
BEYOND = (
    f"values {pickle_leaves.DEEPEST} deep",
    f"pickles of more than {_MAX_STEPS:,} operations",
)


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
        self._protocol = 0
        self._frame_end = -1
        """Where the frame ends that operations are in (PEP 3154); -1 outside of frames."""
        self.dropped: list[Any] = []
        """Values that the pickle made and took from its stack again."""

    def run(self, stream: IO[bytes]) -> Any:
        """The value; the stream stands behind the pickle. Raises Unreadable."""
        steps = 0
        try:
            for opcode, argument, place in pickletools.genops(stream):
                steps += 1
                if self._frame_end >= 0 or opcode.name == "FRAME":
                    self._in_frame(opcode.name, argument, place or 0)
                if steps > _MAX_STEPS:
                    raise Unreadable("a pickle with too many operations")
                if opcode.name == "STOP":
                    value = self._stack.pop()
                    self.dropped += [one for one in self._stack if one is not _MARK]
                    return value
                self._step(opcode.name, argument)
                if opcode.name == "BUILD" and isinstance(self._stack[-1], Opaque):
                    self._read_behind(stream)
        except _FAULTS as error:
            raise Unreadable(f"not a pickle that can be read: {error}") from error
        raise Unreadable("a pickle without an end")

    def _in_frame(self, name: str, argument: Any, place: int) -> None:
        """Raises Unreadable where a frame does not end with an operation, or the last one not with
        the pickle: Python would not read it.
        """
        if place == self._frame_end:
            self._frame_end = -1
        inside = self._frame_end >= 0
        if name == "FRAME" and not inside:
            self._frame_end = place + 9 + argument
        elif inside and (
            name == "FRAME"
            or place > self._frame_end
            or (name == "STOP" and place + 1 != self._frame_end)
        ):
            raise Unreadable("a pickle with a frame of a wrong length")

    def _read_behind(self, stream: IO[bytes]) -> None:
        target = self._stack[-1]
        place = stream.tell()
        found = self._behind(target, stream)
        if found is not None:
            if self._frame_end not in (-1, place):
                raise Unreadable("a pickle with a frame of a wrong length")
            self._frame_end = -1
            self._stack[-1] = found
            for place, held in self._memo.items():
                if held is target:
                    self._memo[place] = found

    def _step(self, name: str, argument: Any) -> None:
        if name == "PROTO":
            if argument > 5:
                raise Unreadable(f"a pickle of protocol {argument}")
            self._protocol = argument
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif name in _PUSHED:
            self._stack.append(argument)
        elif name != "FRAME":
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

    def _put(self, place: int) -> None:
        """Python refuses a negative number, which only the operation in text can write."""
        if place < 0:
            raise Unreadable("a pickle with a negative place in its memo")
        self._memo[place] = self._stack[-1]

    def _drop(self) -> None:
        value = self._stack.pop()
        if value is not _MARK:
            self.dropped.append(value)

    def _tuple(self, count: int) -> None:
        if len(self._stack) < count:
            raise Unreadable("a pickle with a tuple of nothing")
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
        entries = _entries(values)
        if isinstance(target, Opaque):
            target.items.extend(entries)
        elif isinstance(target, Pairs):
            for key, value in entries:
                target.set(key, value)
        else:
            raise Unreadable("a pickle that sets an entry of something odd")

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
        if not isinstance(target, Opaque | Pairs) or target.state is not None:
            raise Unreadable("a pickle that gives a state to something odd")
        target.state = state

    def _new(self, keywords: bool) -> None:
        extra = self._stack.pop() if keywords else None
        args, kind = self._stack.pop(), self._stack.pop()
        given = args if extra is None else (args, extra)
        self._stack.append(
            Opaque(kind.name, given) if isinstance(kind, Symbol) else Opaque("?", (kind, given))
        )

    def _global(self, module: str, name: str) -> Symbol:
        """Protocols up to 2 write Python 2's names."""
        if self._protocol < 3:
            module, name = NAME_MAPPING.get((module, name), (module, name))
            module = IMPORT_MAPPING.get(module, module)
        return Symbol(f"{module}.{name}")

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise Unreadable("a pickle with a name that is not a text")
        self._stack.append(self._global(module, name))

    def _instance(self, text: str | None) -> None:
        """How Python 2 wrote instances of classes of the old kind."""
        values = self._marked()
        kind = values.pop(0) if text is None else self._global(*text.split(" ", 1))
        if not isinstance(kind, Symbol):
            raise Unreadable("a pickle with an instance of something odd")
        self._stack.append(Opaque(kind.name, tuple(values)))


def _entries(values: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(values[::2], values[1::2], strict=True))


def _dictionary(values: list[Any]) -> Pairs:
    found = Pairs()
    for key, value in _entries(values):
        found.set(key, value)
    return found


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": Pairs,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": lambda: Opaque("set", ()),
    "MARK": lambda: _MARK,
}
_PUSHED = {
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_ACTIONS: dict[str, Callable[[Machine, Any], Any]] = {
    "TUPLE": lambda m, _: m._stack.append(tuple(m._marked())),
    "TUPLE1": lambda m, _: m._tuple(1),
    "TUPLE2": lambda m, _: m._tuple(2),
    "TUPLE3": lambda m, _: m._tuple(3),
    "LIST": lambda m, _: m._stack.append(m._marked()),
    "DICT": lambda m, _: m._stack.append(_dictionary(m._marked())),
    "FROZENSET": lambda m, _: m._stack.append(Opaque("frozenset", (), items=m._marked())),
    "APPEND": lambda m, _: m._extend([m._stack.pop()]),
    "APPENDS": lambda m, _: m._extend(m._marked()),
    "ADDITEMS": lambda m, _: m._extend(m._marked()),
    "SETITEM": lambda m, _: m._set([*reversed([m._stack.pop(), m._stack.pop()])]),
    "SETITEMS": lambda m, _: m._set(m._marked()),
    "PUT": lambda m, n: m._put(n),
    "BINPUT": lambda m, n: m._memo.__setitem__(n, m._stack[-1]),
    "LONG_BINPUT": lambda m, n: m._memo.__setitem__(n, m._stack[-1]),
    "MEMOIZE": lambda m, _: m._memo.__setitem__(len(m._memo), m._stack[-1]),
    "GET": lambda m, n: m._stack.append(m._memo[n]),
    "BINGET": lambda m, n: m._stack.append(m._memo[n]),
    "LONG_BINGET": lambda m, n: m._stack.append(m._memo[n]),
    "GLOBAL": lambda m, text: m._stack.append(m._global(*text.split(" ", 1))),
    "STACK_GLOBAL": lambda m, _: m._stack_global(),
    "INST": lambda m, text: m._instance(text),
    "OBJ": lambda m, _: m._instance(None),
    "REDUCE": lambda m, _: m._reduce(),
    "BUILD": lambda m, _: m._set_state(),
    "NEWOBJ": lambda m, _: m._new(False),
    "NEWOBJ_EX": lambda m, _: m._new(True),
    "PERSID": lambda m, text: m._stack.append(m._persistent(text)),
    "BINPERSID": lambda m, _: m._stack.append(m._persistent(m._stack.pop())),
    "POP": lambda m, _: m._drop(),
    "POP_MARK": lambda m, _: m.dropped.extend(m._marked()),
    "DUP": lambda m, _: m._stack.append(m._stack[-1]),
}


def encoded(name: str, args: Any) -> Any:
    """The calls that any pickle may hold and that are plain values, as protocols write them."""
    if not isinstance(args, tuple):
        return None
    if name == "_codecs.encode" and len(args) == 2 and all(isinstance(arg, str) for arg in args):
        return args[0].encode("latin1") if args[1] in ("latin1", "latin-1") else None
    if name == "collections.OrderedDict" and args == ():
        return Pairs(ordered=True)
    if name == "copyreg._reconstructor" and len(args) == 3 and isinstance(args[0], Symbol):
        return _reconstructed(args[0].name, args[1], args[2])
    kind = name.removeprefix("builtins.")
    if kind == "getattr" and len(args) == 2 and isinstance(args[0], Symbol):
        return Symbol(f"{args[0].name}.{args[1]}") if isinstance(args[1], str) else None
    if kind in ("set", "frozenset") and len(args) == 1 and isinstance(args[0], list):
        return Opaque(kind, (), items=list(args[0]))
    return _bytes(kind, args) if kind in ("bytes", "bytearray") else None


def _bytes(kind: str, args: tuple[Any, ...]) -> Any:
    made = bytearray if kind == "bytearray" else bytes
    if args == ():
        return made()
    if len(args) == 2 and isinstance(args[0], str) and args[1] in ("latin1", "latin-1"):
        return made(args[0].encode("latin1"))
    return made(args[0]) if len(args) == 1 and isinstance(args[0], bytes) else None


def _reconstructed(name: str, base: Any, value: Any) -> Any:
    """An object as protocols below 2 write it: class, built-in type below it, that one's value."""
    kind = base.name.rpartition(".")[2] if isinstance(base, Symbol) else "?"
    if kind == "object" and value is None:
        return Opaque(name, ())
    if kind == "list" and isinstance(value, list):
        return Opaque(name, (), items=list(value))
    if kind == "dict" and isinstance(value, Pairs):
        if value.odd or len(value._texts) != len(value.named):
            return None
        return Opaque(name, (), items=[(key, value.get(key)) for key in value._texts])
    return Opaque(name, (value,))


def machine(
    build: Callable[[str, Any], Any],
    raw: Callable[[Opaque, IO[bytes], Callable[[IO[bytes]], Any]], Any],
) -> Machine:
    """Walks a plain pickle. `raw`: reads what stands between opcodes behind an object (joblib)."""

    def persistent(_: Any) -> Any:
        raise Unreadable("a pickle with persistent ids")

    def value(inner: IO[bytes]) -> Any:
        return machine(build, raw).run(inner)

    return Machine(persistent, build, lambda target, rest: raw(target, rest, value))


def read_all(
    file: File,
    stream: IO[bytes],
    build: Callable[[str, Any], Any],
    raw: Callable[[Opaque, IO[bytes], Callable[[IO[bytes]], Any]], Any],
) -> Content:
    """A plain pickle, or several one after the other."""
    count = 0
    while True:
        start = stream.tell()
        if start >= file.size:
            break
        walked = machine(build, raw)
        try:
            value = walked.run(stream)
        except Unreadable:
            if not count:
                raise
            break  # it is not a pickle any more: rest
        count += 1
        prefix = "" if count == 1 else f"pickle {count}: "
        for name, leaf in pickle_leaves.flatten(value, walked.dropped).items():
            file.put(f"{prefix}{name}", leaf)
        file.leave_out(SEVERAL, start, stream.tell())
    return file.content("pickle")


def leaves_at(data: Any, place: int) -> tuple[dict[str, Leaf], int]:
    """The leaves of the plain pickle that begins at a place, and where it ends."""
    stream = io.BytesIO(bytes(data[place:]))
    walked = machine(encoded, lambda _object, _stream, _nested: None)
    value = walked.run(stream)
    return pickle_leaves.flatten(value, walked.dropped), place + stream.tell()


_ENDINGS = (".pkl", ".pickle", ".joblib", ".p")
_OLD = b"(]}cKIFNlLSVtdp"
"""What pickles of protocol 0 and 1 begin with; they have no other sign."""


def is_pickle(head: Head) -> bool:
    """Protocols from 2 on say so; older ones are known by their name."""
    first = head.first
    if first[:1] == b"\x80" and first[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return True
    return head.suffix in _ENDINGS and first[:1] != b"" and first[:1] in _OLD


def _read(file: File) -> Content:
    from reprobox.judge.formats import joblib, torch_files

    with file.path.open("rb") as stream:
        return read_all(file, stream, torch_files.in_pickle, joblib.raw)


FORMAT = Format(
    name="pickle",
    files="pickle and joblib, one or several in a file",
    by="own: opcodes are walked, nothing is imported or called",
    claims=is_pickle,
    read=_read,
    left_out=LEFT_OUT,
    not_checked=NOT_CHECKED,
    beyond=BEYOND,
)
