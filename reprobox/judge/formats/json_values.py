"""JSON, JSON lines and notebooks: values by path, such as `$.history[3].loss` or `$["a.b"]`."""

from __future__ import annotations

import json
from typing import Any

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.formats import spelling
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.formats.text import MARK
from reprobox.judge.leaves import Blob, Real, Rows, Unreadable, once
from reprobox.kit.regex import regex

_PLAIN = regex(r'[^][.{}"!@<>()*\\\s\x00-\x1f]+')
_DEPTH = 200
LEFT_OUT = {
    "spaces": "spaces",
    "keys": "order of keys",
    "escapes": "escapes in texts",
    "numbers": "spelling of numbers (`1`, `1.0`, `1e0`)",
    "mark": "a byte order mark",
}


def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Raises Unreadable where a key comes twice: a parser would keep one of the
    two values.
    """
    once(key for key, _ in found)
    return dict(found)


def parse(text: str) -> Any:
    """A value of which numbers are exact. Raises Unreadable."""
    try:
        return json.loads(
            text,
            object_pairs_hook=pairs,
            parse_int=_number,
            parse_float=_number,
            parse_constant=lambda said: Real(said.replace("Infinity", "inf")),
        )
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error


def _number(text: str) -> Any:
    found = spelling.number(text)
    return Blob(f"the number {text}") if found is None else found


def key(name: str) -> str:
    """A key as part of a path."""
    return f".{name}" if _PLAIN.fullmatch(name) else f"[{json.dumps(name)}]"


def walk(file: File, path: str, value: Any, depth: int = 0) -> None:
    """Adds the leaves of a value."""
    if depth > _DEPTH:
        raise Unreadable("JSON nested too deeply")
    if isinstance(value, dict | list) and not value:
        file.put(f"{path}{{}}" if isinstance(value, dict) else f"{path}[]", "empty")
    elif isinstance(value, dict):
        for name, child in value.items():
            walk(file, f"{path}{key(name)}", child, depth + 1)
    elif isinstance(value, list):
        _list(file, path, value, depth)
    else:
        file.put(path, value)


def _list(file: File, path: str, value: list[Any], depth: int) -> None:
    if not any(isinstance(child, dict | list) for child in value):
        file.put_rows(path, Rows(value))
        return
    for place, child in enumerate(value):
        walk(file, f"{path}[{place}]", child, depth + 1)


def text_of(file: File) -> str:
    """The file's text without a byte order mark. Raises Unreadable where it is not UTF-8."""
    try:
        return bytes(file.data).removeprefix(MARK).decode()
    except UnicodeDecodeError as error:
        raise Unreadable("text that is not UTF-8") from error


def _account(file: File) -> None:
    file.leave_out("mark", 0, len(MARK) if bytes(file.data[:3]) == MARK else 0)
    file.read_all()


def _read(file: File) -> Content:
    walk(file, "$", parse(text_of(file)))
    _account(file)
    return file.content("json")


def _read_lines(file: File) -> Content:
    for place, line in enumerate(text_of(file).rstrip("\r\n \t").split("\n")):
        if line.strip(" \t\r"):
            walk(file, f"[{place}]", parse(line))
        else:
            file.put(f"[{place}]<blank>", "")
    _account(file)
    return file.content("jsonl")


_CLOCKS = ("execution", "papermill")


def _read_notebook(file: File) -> Content:
    found = parse(text_of(file))
    if not isinstance(found, dict) or not isinstance(found.get("cells"), list):
        raise Unreadable("a notebook without cells")
    for part in [found, *found["cells"]]:
        _settle(part)
    walk(file, "$", found)
    _account(file)
    return file.content("ipynb")


def _settle(part: Any) -> None:
    """Leaves out what LEFT_OUT of notebooks says, and joins lists of lines (nbformat 4)."""
    if not isinstance(part, dict):
        raise Unreadable("a notebook with a cell that is none")
    metadata = part.get("metadata")
    if isinstance(metadata, dict):
        for name in _CLOCKS:
            metadata.pop(name, None)
    if "cell_type" in part:
        part.pop("id", None)
    for owner in (part, *(part.get("outputs") or [])):
        for name in ("source", "text"):
            if isinstance(owner, dict) and _is_lines(owner.get(name)):
                owner[name] = "".join(owner[name])


def _is_lines(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


def _ends(*suffixes: str) -> Any:
    def claims(head: Head) -> bool:
        return head.suffix in suffixes

    return claims


_NOT_CHECKED = {"keys": "two values of one key", "encoding": "text that is not UTF-8"}
_BEYOND = (f"values {_DEPTH} deep",)
FORMATS = (
    Format(
        name="json",
        files=".json",
        claims=_ends(".json"),
        read=_read,
        left_out=LEFT_OUT,
        not_checked=_NOT_CHECKED,
        beyond=_BEYOND,
    ),
    Format(
        name="jsonl",
        files=".jsonl .ndjson",
        claims=_ends(".jsonl", ".ndjson"),
        read=_read_lines,
        left_out=LEFT_OUT | {"end": "line ends, and blank lines at the end"},
        not_checked=_NOT_CHECKED,
        beyond=_BEYOND,
    ),
    Format(
        name="ipynb",
        files=".ipynb",
        claims=_ends(".ipynb"),
        read=_read_notebook,
        left_out=LEFT_OUT
        | {
            "ids": "ids of cells, which are random",
            "clocks": "metadata `execution` and `papermill`, which hold times",
            "lines": "whether a text is one or a list of lines",
        },
        not_checked=_NOT_CHECKED,
        beyond=_BEYOND,
    ),
)
