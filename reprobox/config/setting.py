"""One setting: everything that is said of a key below `reprobox:`, in one place.

The parser, the JSON Schema, the template of `reprobox init` and docs/config.md are made from rows
of this type; `settings.SETTINGS` holds the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from reprobox.config.fields import Section
from reprobox.config.kinds import Json, Kind, Scope
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

Keys = tuple[str, ...]
_LINK = regex(r"\[([^]]*)\]\([^)]*\)")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A key. Where it is absent, the default of the Spec's field stands."""

    key: str
    kind: Kind
    about: str
    """What it does, in Markdown: one to four sentences."""
    sample: str
    """Its lines in the template, as YAML; commented out with `# ` where most configs lack it."""
    absent: str = ""
    """How docs name the default, where the value of the field does not say it."""
    field: str | tuple[str, ...] = ""
    """The Spec's field (or fields, for a kind that gives a tuple) where it is not named as the key;
    `resources.memory` is a field of a part of the Spec.
    """
    default: Callable[[Scope], Any] | None = None
    """Gives the value of an absent key, where it depends on the config's place."""
    required: bool = False
    first: bool = False
    """Read before the others, because some of them look at it."""

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field or self.key,) if isinstance(self.field, str) else self.field


@dataclass(frozen=True)
class Mapping:
    """A mapping with settings of its own; `make` gets their values by the names of their fields."""

    settings: tuple[Setting, ...]
    make: Callable[[dict[str, Any]], Any]
    as_written = False

    def read(self, section: Section, name: str, scope: Scope) -> Any:
        return self.make(read_all(section.section(name), self.settings, scope))

    def schema(self) -> Json:
        return object_schema(self.settings)


def read_all(section: Section, settings: Sequence[Setting], scope: Scope) -> dict[str, Any]:
    """The values that a section gives, by field; unknown keys and wrong values become faults."""
    section.expect([setting.key for setting in settings])
    found: dict[str, Any] = {}
    for setting in sorted(settings, key=lambda setting: not setting.first):
        value = _value(section, setting, scope)
        if value is None:
            continue
        values = value if isinstance(setting.field, tuple) else (value,)
        found.update(zip(setting.fields, values, strict=True))
        scope.values.update(found if setting.first else {})
    return found


def _value(section: Section, setting: Setting, scope: Scope) -> Any:
    absent = section.value.get(setting.key) is None
    value = None
    if not absent or setting.required:
        value = setting.kind.read(section, setting.key, scope)
    return setting.default(scope) if value is None and setting.default else value


def object_schema(settings: Iterable[Setting]) -> Json:
    rows = list(settings)
    required = [row.key for row in rows if row.required]
    return {
        "type": "object",
        "properties": {row.key: _property(row) for row in rows},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _property(setting: Setting) -> Json:
    value = setting.kind.schema()
    about = {"description": _LINK.sub(r"\1", setting.about).replace("`", "")}
    if setting.required:
        return about | value
    # A key without a value, as in `inputs:`, counts as absent.
    if "enum" in value:
        return about | value | {"enum": [*value["enum"], None]}
    if "type" in value:
        types = value["type"] if isinstance(value["type"], list) else [value["type"]]
        return about | value | {"type": [*types, "null"]}
    return about | value | {"anyOf": [*value["anyOf"], {"type": "null"}]}


def as_written(settings: Iterable[Setting]) -> list[Keys]:
    """The keys whose numbers count as they were written; what is below such a key counts so too."""
    found: list[Keys] = []
    for setting in settings:
        if setting.kind.as_written:
            found.append((setting.key,))
        elif isinstance(setting.kind, Mapping):
            found += [(setting.key, *inner) for inner in as_written(setting.kind.settings)]
    return found
