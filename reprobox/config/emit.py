"""Writes a document so that readers of YAML 1.1 and of YAML 1.2 read the same values."""

from __future__ import annotations

from typing import Any

import yaml

from reprobox.config.scalars import resolve, spelled


class _Dumper(yaml.SafeDumper):
    """PyYAML quotes what YAML 1.1 would misread; this one quotes what YAML 1.2 would misread, too."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    try:
        misread = resolve(value) is not value
    except ValueError:
        misread = True
    # Line breaks of Unicode are folded in every style but this one, which escapes them.
    style = '"' if not value.isprintable() else "'" if misread else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", spelled(value))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _float)


def dump(document: dict[str, Any]) -> bytes:
    """The document as YAML, in its own order; `yaml.safe_load` gives back an equal document.

    The same document gives the same bytes. Lines are not folded. Numbers are written so that both YAML versions take them for
    numbers (`1.0e-05`), and text that either would take for something else is quoted.
    """
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 20, default_flow_style=False)
    return text.encode("utf-8")
