"""Config file and command line become a Spec.

The file is the user's own: the script reads it unmodified, and `reprobox:` is the only key in it
that belongs to reprobox.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from reprobox.config import emit, settings, yaml12
from reprobox.config import overrides as overrides_
from reprobox.config.fields import Section
from reprobox.config.place import Place
from reprobox.config.problems import COMMAND_LINE, Problems
from reprobox.config.scalars import spelled
from reprobox.config.setting import as_written
from reprobox.config.written import plain
from reprobox.config.yaml_document import Document, Keys, leaves
from reprobox.model.spec import Spec

OURS = overrides_.OURS
_AS_WRITTEN = as_written(settings.SETTINGS)


def load(
    text: bytes, *, config_path: str, overrides: Sequence[str], where: str | None = None
) -> Spec:
    """Reads a config with its overrides.

    Args:
        text: the bytes of the file.
        config_path: relative to the top of the repository, `/`-separated.
        overrides: in Hydra's grammar, in order.
        where: how errors name the file; its path without.

    Raises:
        ConfigError: with every fault that was found, and the line of each.
    """
    problems = Problems(where=where or config_path)
    document = yaml12.read(text, problems)
    touched = overrides_.apply(document, overrides, problems)
    file, document.value = document.value, plain(document.value)
    fields = _settings(document, config_path, problems)
    problems.throw(f"correct the settings; docs/config.md lists those below `{OURS}:`")
    changed = not all(map(_is_ours, touched))
    _keep_written(document, file)
    whole: dict[Any, Any] = document.value
    return Spec(
        config_path=config_path,
        document=whole,
        text=emit.dump(file).decode() if changed else None,
        overrides=tuple(overrides),
        origins={**dict.fromkeys(leaves(whole), "file"), **touched},
        **fields,
    )


def recordable(document: dict[str, Any]) -> dict[str, Any]:
    """The document as JSON can hold it: infinities and NaN become the text by which YAML writes
    them; keys become text.
    """
    made: dict[str, Any] = _plain(document)
    return made


def _settings(document: Document, config_path: str, problems: Problems) -> dict[str, Any]:
    if OURS not in document.value:
        problems.add(
            f"there is no `{OURS}:` section; it says how the experiment is run, and the rest of "
            "the file is the experiment's"
        )
        problems.throw(f"add one: reprobox init {shlex.quote(problems.where)}")
    section = Section(document, (OURS,), problems, document.value[OURS])
    return settings.read(section, Place(config_path=config_path), document.value)


def _keep_written(document: Document, file: dict[Any, Any]) -> None:
    """Settings that are text stay as they were written (python: 3.10), so that the document can be
    read again.

    What is written for the script (`file`) keeps what its file says by itself; only what an
    override gave is put right in it.
    """
    for keys, text in document.texts.items():
        if keys[:1] == (OURS,) and any(keys[1 : 1 + len(own)] == own for own in _AS_WRITTEN):
            _put(document.value, keys, text)
            if document.line(keys) == COMMAND_LINE:
                _put(file, keys, text)


def _put(holder: Any, keys: Keys, text: str) -> None:
    for key in keys[:-1]:
        holder = holder[key]
    holder[keys[-1]] = text


def _is_ours(key: str) -> bool:
    return key == OURS or key.startswith(OURS + ".")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value - value != 0:
        return spelled(value)
    return value
