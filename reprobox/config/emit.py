"""Writes a document: unchanged values as the file had them, all else so that readers of YAML 1.1
and of 1.2 read the same.
"""

from __future__ import annotations

from typing import Any

import yaml

from reprobox.config.scalars import resolve, spelled
from reprobox.config.written import Written, WrittenFloat, WrittenInt, WrittenText


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 would misread, as PyYAML does, and what YAML 1.2 would misread."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    try:
        misread = resolve(value) is not value
    except ValueError:
        misread = True
    own = value.style if isinstance(value, WrittenText) else None
    quotes = own if own in ("'", '"') else "'" if misread else None
    # Line breaks of Unicode are folded in every style but this one, which escapes them.
    style = quotes if value.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", spelled(value))


def _as_written(dumper: Any, value: Written) -> yaml.ScalarNode:
    if isinstance(value, str) and value.style is not None:
        return _text(dumper, value)
    # With the tag that PyYAML itself resolves, it sees no need to write one, or quotes.
    return yaml.ScalarNode(dumper.resolve(yaml.ScalarNode, value.text, (True, False)), value.text)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _float)
for _kind in (WrittenText, WrittenInt, WrittenFloat):
    _Dumper.add_representer(_kind, _as_written)


def dump(document: dict[Any, Any]) -> bytes:
    """The document as YAML, in its own order. The same document gives the same bytes. Lines are not
    folded.

    Scalars that remember how the file wrote them are written so, and every reader sees in them what
    it saw in the file. All others (those of an override) are the same value to both YAML versions:
    numbers are written so that both take them for numbers (`1.0e-05`), and text that either would
    take for something else is quoted.
    """
    text: str = yaml.dump(
        document,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=1 << 20,
        default_flow_style=False,
    )
    return text.encode("utf-8")
