"""YAML: values by path, as in JSON. Its nodes are read and no object is made of them."""

from __future__ import annotations

import re
from typing import Any

from reprobox.judge.accounting import SEVERAL, File
from reprobox.judge.content import Content
from reprobox.judge.formats import json_values, spelling
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.formats.json_values import text_of
from reprobox.judge.leaves import Leaf, Real, Unreadable
from reprobox.kit.regex import regex

_DEPTH = 100
_PLAIN = "tag:yaml.org,2002:"
_SPECIAL = {".nan": "nan", ".inf": "inf", "-.inf": "-inf", "+.inf": "inf"}
_TRUE = {"true", "yes", "on"}
_DEEP = regex(r"[\[{]{200}")
LEFT_OUT = {
    "comments": "comments",
    "spaces": "spaces, and flow or block style",
    "keys": "order of keys",
    "texts": "quotes and style of texts",
    "numbers": "spelling of numbers",
    "mark": "a byte order mark",
}


def _read(file: File) -> Content:
    import yaml

    text = text_of(file)
    if _DEEP.search(text.replace(" ", "").replace("\n", "")):
        raise Unreadable("YAML nested too deeply")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    walk = _Walk(file)
    try:
        documents = list(yaml.compose_all(text, Loader=loader))
    except (yaml.YAMLError, RecursionError) as error:
        raise Unreadable(f"not YAML: {str(error).splitlines()[0]}") from error
    for place, node in enumerate(documents):
        walk.add("$" if len(documents) == 1 else f"[{place}]", node, 0)
    file.leave_out(SEVERAL, 0, file.size)
    return file.content("yaml")


class _Walk:
    """Collects leaves of nodes; one that is shown twice (an alias) is one value in two places."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._seen: dict[int, str] = {}

    def add(self, path: str, node: Any, depth: int) -> None:
        """Adds the leaves of a node."""
        if depth > _DEPTH:
            raise Unreadable("YAML nested too deeply")
        if node.id == "scalar":
            self._file.put(path, _scalar(node))
            return
        first = self._seen.setdefault(id(node), path)
        if first != path:
            self._file.put(f"{path}<same>", f"the value at {first}")
            return
        if not node.tag.startswith(_PLAIN):
            self._file.put(f"{path}<tag>", node.tag)
        if node.id == "sequence":
            for place, child in enumerate(node.value):
                self.add(f"{path}[{place}]", child, depth + 1)
        else:
            for key, child in node.value:
                self.add(f"{path}{_key(key)}", child, depth + 1)
        if not node.value:
            kind = "[]" if node.id == "sequence" else "{}"
            self._file.put(f"{path}{kind}", "empty")


def _key(node: Any) -> str:
    if node.id != "scalar":
        raise Unreadable("YAML with a key that is not a plain value")
    if node.tag == f"{_PLAIN}str":
        return json_values.key(node.value)
    return f"[{node.tag.removeprefix(_PLAIN)} {node.value}]"


def _scalar(node: Any) -> Leaf:
    kind, text = node.tag.removeprefix(_PLAIN), node.value
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in _TRUE
    if kind == "str":
        return str(text)
    if kind in ("int", "float"):
        if spelling.NUMBER.fullmatch(text) and not re.match(r"[+-]?0\d", text):
            found = spelling.number(text)
            if found is not None:
                return found
        if text.lower() in _SPECIAL:
            return Real(_SPECIAL[text.lower()])
    return f"{kind} {text}"


def _is_yaml(head: Head) -> bool:
    return head.suffix in (".yaml", ".yml")


FORMAT = Format(
    name="yaml",
    files=".yaml .yml",
    by="PyYAML, nodes only",
    claims=_is_yaml,
    read=_read,
    left_out=LEFT_OUT,
    library="yaml",
    not_checked={"keys": "keys that are not plain values"},
    beyond=(f"values {_DEPTH} deep",),
)
