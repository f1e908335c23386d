"""YAML that another program wrote, as plain values; tags and aliases are not followed."""

from __future__ import annotations

from typing import Any

import yaml

_LARGEST = 4 << 20
"""Bytes."""
_DEEPEST = 100
"""Collections within collections. PyYAML takes time that grows with the square of their number:
half a minute for 5,000.
"""


class _Loader(yaml.SafeLoader):
    """Scalars, sequences and mappings; a value with a tag that is not YAML's own is None."""


def _foreign(loader: _Loader, suffix: str, node: yaml.Node) -> None:
    return None


_Loader.add_multi_constructor("", _foreign)


def load(data: bytes) -> Any:
    """The document.

    Raises:
        ValueError: not YAML, more than 4 MiB, nested too deeply, or with anchors that could expand
            without end.
    """
    if len(data) > _LARGEST:
        raise ValueError("YAML of more than 4 MiB")
    try:
        _require_plain(data)
        loader = _Loader(data)
        try:
            node = loader.get_single_node()
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"not YAML: {error}") from error


def _require_plain(data: bytes) -> None:
    depth = 0
    for event in yaml.parse(data, _Loader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("YAML with aliases")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ValueError("YAML nested too deeply")
