"""Rules that are given after a run: on the command line, or in a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from reprobox.config import yaml12
from reprobox.config.fields import Section
from reprobox.config.kinds import Scope
from reprobox.config.place import Place
from reprobox.config.problems import Problems
from reprobox.config.settings import OUTPUT
from reprobox.config.special_kinds import Outputs, Presets
from reprobox.errors import ConfigError, UsageError
from reprobox.kit.regex import regex
from reprobox.model.presets import PRESETS, expand
from reprobox.model.spec import OutputRule

_EXAMPLE = "--rule 'metrics.json#$.runtime: ignore'"
_RULE = regex(r"(?P<pattern>.+):\s*(?P<rule>\{[^{}]*\}|[\w-]+|(?:(?:ulp|atol|rtol)=[^=]+)+)")
_TOLERANCE = regex(r"(ulp|atol|rtol)=([^,\s]+)")
_SECTIONS = frozenset({"outputs", "rules"})


def given(rules: Sequence[str], files: Sequence[str]) -> tuple[OutputRule, ...]:
    """The rules of a command line, in order.

    Args:
        rules: of `--rule`: `pattern: word`, `pattern: {compare: content, rtol: 1e-6}`, or
            `pattern: rtol=1e-6`.
        files: of `--rules`: each a YAML file, or names of presets with commas between.

    Raises:
        UsageError: a text is not a rule, or a file cannot be read.
        ConfigError: a file or a rule says what no rule can say.
    """
    found = tuple(rule for text in rules for rule in _of_text(text))
    return found + tuple(rule for name in files for rule in _of_file(name))


def _of_text(text: str) -> tuple[OutputRule, ...]:
    match = _RULE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a rule", next_step=f"write it as {_EXAMPLE}")
    rule = match["rule"]
    if "=" in rule and not rule.startswith("{"):
        parts = ", ".join(f"{key}: {value}" for key, value in _TOLERANCE.findall(rule))
        rule = f"{{compare: content, {parts}}}"
    return _read(f"{json.dumps(match['pattern'].strip())}: {rule}\n".encode(), f"--rule {text!r}")


def _of_file(name: str) -> tuple[OutputRule, ...]:
    names = [word.strip() for word in name.split(",")]
    if all(word in PRESETS for word in names):
        return expand(names)
    try:
        return _read(Path(name).read_bytes(), name)
    except OSError as error:
        raise UsageError(
            f"cannot read the rules {name}",
            why=error.strerror or "",
            next_step=f"name a YAML file, or some of {', '.join(PRESETS)}",
        ) from error


def _read(text: bytes, where: str) -> tuple[OutputRule, ...]:
    problems = Problems(where=where)
    document = yaml12.read(text, problems)
    top = Section(document, (), problems, document.value)
    scope = Scope(place=Place(config_path=where), document=document.value)
    if document.value and set(document.value) <= _SECTIONS:
        listed = Presets().read(top, "rules", scope) if "rules" in document.value else ()
        own = Outputs(OUTPUT).rules(top.section("outputs"), scope)
        problems.throw(f"write rules as under `outputs:` of a config, or as {_EXAMPLE}")
        return own + expand(listed)
    found = Outputs(OUTPUT).rules(top, scope)
    problems.throw(f"write rules as under `outputs:` of a config, or as {_EXAMPLE}")
    if not found:
        raise ConfigError(f"there is no rule in {where}", next_step=f"write one, as {_EXAMPLE}")
    return found
