"""Config file and command line become a Spec.

The file is the user's own: the script reads it unmodified, and `reprobox:` is the only key in it that belongs to reprobox.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

from reprobox.config import emit, overrides, settings, yaml12
from reprobox.config.document import Document, leaves
from reprobox.config.fields import Section
from reprobox.config.problems import Problems
from reprobox.config.scalars import spelled
from reprobox.model.spec import Spec

OURS = overrides.OURS
_TEXTUAL = frozenset(("python", "env", "name", "tags", "command", "secrets", "inputs"))


def load(text: bytes, *, config_path: str, overrides: Sequence[str]) -> Spec:
    """Reads a config with its overrides.

    Args:
        text: the bytes of the file.
        config_path: relative to the top of the repository, `/`-separated.
        overrides: in Hydra's grammar, in order.

    Raises:
        ConfigError: with every fault that was found, and the line of each.
    """
    problems = Problems(where=config_path)
    document = yaml12.read(text, problems)
    touched = _apply(document, overrides, problems)
    fields = _settings(document, config_path, problems)
    problems.throw(f"correct the settings; docs/config.md lists those below `{OURS}:`")
    _keep_written(document)
    whole: dict[Any, Any] = document.value
    return Spec(
        config_path=config_path,
        document=whole,
        overrides=tuple(overrides),
        origins={**dict.fromkeys(leaves(whole), "file"), **touched},
        **fields,
    )


def dump(document: dict[str, Any]) -> bytes:
    """The YAML that the script reads in place of the file when something in its part was overridden; see `emit.dump`."""
    return emit.dump(document)


def rewritten(spec: Spec) -> bool:
    """Whether an override touched the user's part, so that the script must read `dump(spec.document)` and not the file."""
    return any(origin == "command line" and not _is_ours(key) for key, origin in spec.origins.items())


def recordable(document: dict[str, Any]) -> dict[str, Any]:
    """The document as JSON can hold it: infinities and NaN become the text by which YAML writes them, keys become text."""
    made: dict[str, Any] = _plain(document)
    return made


def template() -> str:
    """A commented config to start from."""
    return resources.files("reprobox.config").joinpath("template.yaml").read_text(encoding="utf-8")


def _apply(document: Document, given: Sequence[str], problems: Problems) -> dict[str, str]:
    touched = overrides.apply(document, given, problems)
    if any(not _is_ours(key) for key in touched):
        for line, text, seen in document.doubtful:
            problems.add(
                f"{text!r} is {seen} to readers of YAML 1.1, such as PyYAML, and something else in YAML 1.2; the file has to be "
                "written again because of the overrides, so put it in quotes or write the value that is meant",
                line=line,
            )
    return touched


def _settings(document: Document, config_path: str, problems: Problems) -> dict[str, Any]:
    if OURS not in document.value:
        problems.add(
            f"there is no `{OURS}:` section; it says how the experiment is run, and the rest of the file is the experiment's"
        )
        problems.throw("reprobox init writes a config to start from")
    section = Section(document, (OURS,), problems, document.value[OURS])
    return settings.read(section, settings.Place(config_path=config_path), document.value)


def _keep_written(document: Document) -> None:
    """Settings that are text stay as they were written (python: 3.10), so that the document can be read again."""
    for keys, text in document.texts.items():
        if keys[:1] != (OURS,) or not _TEXTUAL.intersection(keys):
            continue
        holder: Any = document.value
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
