"""The commented config that `reprobox init` writes, and the section that it adds to one."""

from __future__ import annotations

import re
from collections.abc import Mapping as Mapping_
from collections.abc import Sequence

from reprobox.config.setting import Mapping, Setting
from reprobox.config.settings import SETTINGS

_MODELINE = "# yaml-language-server: $schema={schema}\n"
_HEAD = """\
# The config of an experiment. The script reads this file as it is; reprobox reads only the part
# below `reprobox:`. Everything can be changed on the command line:
#   reprobox run config.yaml lr=0.01 reprobox.seed=1
{values}
"""
_HEAD_OF_OPTIONS = """\
# The config of an experiment. Values go to the script as the `command` below says. Everything can
# be changed on the command line:
#   reprobox run config.yaml {first}=... reprobox.seed=1
{values}
"""
_VALUES = "lr: 0.1\nepochs: 3\n"


def template(
    schema: str = "",
    settings: Sequence[Setting] = SETTINGS,
    given: Mapping_[str, str | None] | None = None,
    options: Mapping_[str, str] | None = None,
) -> str:
    """A config to start from.

    Args:
        schema: where editors find the JSON Schema.
        given: YAML text of settings by key, instead of the example in the table; None comments the
            example out.
        options: YAML text of the script's own options by key, instead of two examples.
    """
    head = _HEAD.format(values=_VALUES)
    if options:
        values = "".join(f"{key}: {value}\n" for key, value in options.items())
        head = _HEAD_OF_OPTIONS.format(values=values, first=next(iter(options)))
    return modeline(schema) + head + section(settings, given)


def modeline(schema: str) -> str:
    """The comment by which editors find the schema of a YAML file. See
    https://github.com/redhat-developer/yaml-language-server#using-inlined-schema
    """
    return _MODELINE.format(schema=schema) if schema else ""


def section(
    settings: Sequence[Setting] = SETTINGS, given: Mapping_[str, str | None] | None = None
) -> str:
    """The `reprobox:` section alone."""
    lines = _lines(settings, "  ")
    for key, value in (given or {}).items():
        own = re.compile(rf"( +)(?:# )?{re.escape(key)}:.*\n")
        at, match = next((at, found) for at, line in enumerate(lines) if (found := own.match(line)))
        example = lines[at].removeprefix(match[1]).removeprefix("# ")
        lines[at] = f"{match[1]}# {example}" if value is None else f"{match[1]}{key}: {value}\n"
    return "reprobox:\n" + "".join(lines).rstrip("\n") + "\n"


def _lines(settings: Sequence[Setting], indent: str) -> list[str]:
    lines: list[str] = []
    for setting in settings:
        lines += [f"{indent}{line}\n" if line else "\n" for line in setting.sample.split("\n")]
        shown_whole = setting.sample.rstrip("\n").rpartition("\n")[2].startswith("#")
        if isinstance(setting.kind, Mapping) and not shown_whole:
            lines += [*_lines(setting.kind.settings, indent + "  "), "\n"]
    return lines
