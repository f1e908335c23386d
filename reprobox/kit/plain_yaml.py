"""YAML that another program wrote, as plain values; tags and aliases are not followed."""

from __future__ import annotations

from typing import Any

import yaml

_LARGEST = 4 << 20
"""Bytes."""


class _Loader(yaml.SafeLoader):
    """Scalars, sequences and mappings; a value with a tag that is not YAML's own is None."""


def _foreign(loader: _Loader, suffix: str, node: yaml.Node) -> None:
    return None


_Loader.add_multi_constructor("", _foreign)


def load(data: bytes) -> Any:
    """The document.

    Raises:
        ValueError: not YAML, more than 4 MiB, or with anchors that could expand without end.
    """
    if len(data) > _LARGEST:
        raise ValueError("YAML of more than 4 MiB")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data, _Loader)):
            raise ValueError("YAML with aliases")
        loader = _Loader(data)
        try:
            node = loader.get_single_node()
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"not YAML: {error}") from error
