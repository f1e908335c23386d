"""Kinds of values that only one setting has."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Any

from reprobox.config import grammar
from reprobox.config.command_line import split
from reprobox.config.fields import Section
from reprobox.config.interpolate import filled
from reprobox.config.kinds import SCALAR, Json, Scope
from reprobox.config.problems import described
from reprobox.config.setting import Setting, object_schema, read_all
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.presets import PRESETS
from reprobox.model.spec import (
    OWN_VARIABLES,
    STDERR,
    STDOUT,
    THREADS,
    TRAIL_ALSO,
    BaseIntent,
    InputIntent,
    OutputRule,
    Trail,
)

COMPARE = ("bytes", "content", "tensors", "except-times", "ignore")
DEFAULT_BASE = BaseIntent(kind="debian", reference="bookworm")
_BASE_KINDS = {"image": "registry", "dockerfile": "dockerfile", "archive": "archive"}
_DURATION = r"^([0-9.]+|([0-9.]+(ms|s|m|h|d))+)$"


@dataclass(frozen=True)
class Command:
    """A list of arguments, or text that is split as a shell would. `${a.b}` is filled in after it
    was split.
    """

    as_written = True

    def read(self, section: Section, name: str, scope: Scope) -> tuple[str, ...] | None:
        try:
            return tuple(filled(part, scope.document) for part in self._parts(section, name))
        except ValueError as error:
            section.fault((name,), str(error))
            return None

    def _parts(self, section: Section, name: str) -> list[str]:
        value = section.value.get(name)
        if value and isinstance(value, str):
            return section.read(name, list[str](), "a command line", split)
        if value and isinstance(value, list):
            return list(section.texts(name, grammar.no_nul))
        raise ValueError(
            f"expected a list or text, such as [python, train.py], found {described(value)}"
        )

    def schema(self) -> Json:
        return {
            "type": ["string", "array"],
            "minLength": 1,
            "minItems": 1,
            "items": {"type": list(SCALAR)},
        }


@dataclass(frozen=True)
class Base:
    """`debian:SUITE`, an image by name, or a mapping that says where the image comes from."""

    as_written = False

    def read(self, section: Section, name: str, scope: Scope) -> BaseIntent | None:
        if isinstance(section.value.get(name), dict):
            return self._mapping(section.section(name))
        reference = section.text(name, None, grammar.plain)
        if reference is None:
            return None
        suite = grammar.suite(reference)
        return BaseIntent(kind="debian" if suite else "registry", reference=suite or reference)

    def _mapping(self, section: Section) -> BaseIntent | None:
        section.expect((*_BASE_KINDS, "context"))
        named = [name for name in _BASE_KINDS if name in section.value]
        if len(named) != 1 or ("context" in section.value and named != ["dockerfile"]):
            section.fault(
                (), "expected one of image, dockerfile (with or without context) and archive"
            )
            return None
        kind: Any = _BASE_KINDS[named[0]]
        if section.value[named[0]] is None:
            section.fault((named[0],), "expected text, found nothing")
        reference = section.text(named[0], "", grammar.plain)
        context = section.text("context", ".", grammar.plain)
        return BaseIntent(kind=kind, reference=reference, context=context)

    def schema(self) -> Json:
        text = {"type": ["string", "number"], "minLength": 1}
        mappings = [
            {
                "type": "object",
                "properties": dict.fromkeys(names, text),
                "required": [names[0]],
                "additionalProperties": False,
            }
            for names in (("image",), ("dockerfile", "context"), ("archive",))
        ]
        return {"anyOf": [text, *mappings]}


@dataclass(frozen=True)
class Inputs:
    """A list of paths, or a mapping of a path in the run to a path on the host."""

    as_written = True

    def read(self, section: Section, name: str, scope: Scope) -> tuple[InputIntent, ...]:
        workdir = str(scope.values["workdir"])
        if isinstance(section.value[name], dict):
            mapped = section.text_map(name, lambda path, source: _input(path, source, workdir))
            return tuple(
                InputIntent(path=posixpath.normpath(path), source=scope.place.host(source))
                for path, source in mapped.items()
            )
        listed = section.texts(name, scope.place.both)
        return tuple(InputIntent(path=_from(workdir, path), source=path) for path in listed)

    def schema(self) -> Json:
        return {
            "type": ["string", "array", "object"],
            "items": {"type": list(SCALAR)},
            "additionalProperties": {"type": list(SCALAR)},
        }


def _input(path: str, source: str, workdir: str) -> str:
    """Checks a path in the run, which must be absolute, or below the repository's top when taken
    from the working directory.
    """
    grammar.plain(source)
    if not grammar.plain(path).startswith("/"):
        grammar.within(path, workdir, "a run sees its inputs inside, or at an absolute path")
    return source


def _from(workdir: str, path: str) -> str:
    """A path relative to the working directory, where both are relative to the top; absolute paths
    stay.
    """
    if path.startswith("/"):
        return path
    return posixpath.relpath(f"/{path}", posixpath.join("/", workdir))


@dataclass(frozen=True)
class Outputs:
    """Patterns and their rules: a word, or a mapping with tolerances."""

    rule: tuple[Setting, ...]
    as_written = False

    def read(self, section: Section, name: str, scope: Scope) -> tuple[OutputRule, ...]:
        return self.rules(section.section(name), scope)

    def rules(self, section: Section, scope: Scope) -> tuple[OutputRule, ...]:
        """The rules of a section whose keys are patterns."""
        return tuple(self._output(section, pattern, scope) for pattern in section.value)

    def _output(self, section: Section, key: Any, scope: Scope) -> OutputRule:
        pattern = str(key)
        if not isinstance(section.value[key], dict):
            word: Any = section.choice(key, "bytes", _words(pattern))
            return OutputRule(pattern=pattern, compare=word)
        inside = section.section(key)
        rule = OutputRule(pattern=pattern, **read_all(inside, self.rule, scope))
        if rule.compare not in _words(pattern):
            inside.choice("compare", "bytes", _words(pattern))
        elif rule.compare not in ("content", "tensors") and (rule.ulp or rule.atol or rule.rtol):
            inside.fault(
                (), f"a tolerance needs compare: tensors or content, and here it is {rule.compare}"
            )
        return rule

    def schema(self) -> Json:
        rule = object_schema(self.rule)
        words = {"enum": [*COMPARE, None]}
        only = {"enum": ["bytes", "ignore", None]}
        stream = {"anyOf": [only, {**rule, "properties": {"compare": only}}]}
        return {
            "type": "object",
            "properties": {STDOUT: stream, STDERR: stream},
            "additionalProperties": {"anyOf": [words, rule]},
        }


@dataclass(frozen=True)
class Presets:
    """Names of presets; one name stands for a list of one."""

    as_written = False

    def read(self, section: Section, name: str, scope: Scope) -> tuple[str, ...]:
        return section.texts(name, preset)

    def schema(self) -> Json:
        names = {"enum": list(PRESETS)}
        return {"anyOf": [names, {"type": "array", "items": names}]}


def preset(name: str) -> str:
    """The name, where there is such a preset. Raises ValueError."""
    if name not in PRESETS:
        raise ValueError(f"there are no rules for {name!r}: expected {', '.join(PRESETS)}")
    return name


def _words(pattern: str) -> tuple[str, ...]:
    """The rules that a pattern can have; streams have no tensors."""
    return ("bytes", "ignore") if pattern in (STDOUT, STDERR) else COMPARE


@dataclass(frozen=True)
class TrailKind:
    """True, false, or a mapping of what a step holds. Gives the Trail and the names in `TRAIL_ALSO`
    that are on.
    """

    inner: tuple[Setting, ...]
    as_written = False

    def read(
        self, section: Section, name: str, scope: Scope
    ) -> tuple[Trail, tuple[str, ...]] | None:
        value = section.value[name]
        if isinstance(value, bool):
            return Trail(enabled=value), ()
        if not isinstance(value, dict):
            section.fault((name,), f"expected true or false, found {described(value)}")
            return None
        given = read_all(section.section(name), self.inner, scope)
        also = tuple(word for word in TRAIL_ALSO if given.pop(word, False))
        return Trail(enabled=True, **given), also

    def schema(self) -> Json:
        return {**object_schema(self.inner), "type": ["boolean", "object"]}


@dataclass(frozen=True)
class Duration:
    """Seconds, or text such as 2h; gives seconds."""

    as_written = False

    def read(self, section: Section, name: str, scope: Scope) -> float | None:
        def convert(value: Any) -> float:
            text = section.written(name)
            if text is None or isinstance(value, bool):
                raise TypeError
            return grammar.seconds(text)

        return section.read(name, None, "seconds, or text such as 30s, 10m or 2h", convert)

    def schema(self) -> Json:
        return {"type": ["string", "number"], "pattern": _DURATION, "exclusiveMinimum": 0}


def variable(name: str, value: str, scope: Scope) -> str:
    """A variable of the program. One that contradicts `threads` is refused, because the record
    would say the setting.
    """
    threads = scope.values.get("threads", 1)
    if name.startswith(OWN_VARIABLES):
        raise ValueError(
            f"names that begin with {OWN_VARIABLES} are reprobox's own; seed, profile and "
            "trail are settings of a run"
        )
    if name in THREADS and value != str(threads):
        raise ValueError(
            f"it is {value!r}, and reprobox.threads is {threads}; remove it and write "
            "`threads: N`, which sets it and those of the other libraries"
        )
    return grammar.variable(name, value)


def lock_default(scope: Scope) -> str:
    return scope.place.lock("reprobox.lock")


def workdir_default(scope: Scope) -> str:
    return scope.place.workdir(".")


@dataclass(frozen=True)
class Requirements:
    """Texts, and mappings of a file with the extras and groups wanted of it; see `lock.asked`."""

    check: Callable[[str], str]
    as_written = True

    def read(self, section: Section, name: str, scope: Scope) -> tuple[str, ...] | None:
        value = section.value[name]
        many = value if isinstance(value, list) else [value]
        if not any(isinstance(one, dict) for one in many):
            return section.texts(name, self.check)
        found = [
            _entry(one) if isinstance(one, dict) else one if isinstance(one, str) else None
            for one in many
        ]
        for number, one in enumerate(many):
            if found[number] is None:
                section.fault(
                    (name, number) if isinstance(value, list) else (name,),
                    "expected a requirement, a file, or {file: NAME, extras: [...], groups: "
                    f"[...]}}, found {described(one)}",
                )
        return tuple(self.check(one) for one in found if one is not None)

    def schema(self) -> Json:
        words = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
        chosen = {
            "type": "object",
            "properties": {"file": {"type": "string"}, "extras": words, "groups": words},
            "required": ["file"],
            "additionalProperties": False,
        }
        one = {"anyOf": [{"type": list(SCALAR)}, chosen]}
        return {"anyOf": [*one["anyOf"], {"type": "array", "items": one}]}


def _entry(value: dict[Any, Any]) -> str | None:
    words = {key: value.get(key, []) for key in ("extras", "groups")}
    lists = {key: [one] if isinstance(one, str) else one for key, one in words.items()}
    texts = all(
        isinstance(one, list) and all(isinstance(word, str) and _plain(word) for word in one)
        for one in lists.values()
    )
    if value.keys() - {"file", "extras", "groups"} or not texts:
        return None
    if not isinstance(value.get("file"), str) or not _plain(value["file"]):
        return None
    extras = f"[{','.join(lists['extras'])}]" if lists["extras"] else ""
    groups = f"{{{','.join(lists['groups'])}}}" if lists["groups"] else ""
    return str(value["file"]) + extras + groups


def _plain(word: str) -> bool:
    return bool(word) and not set(word) & set("[]{},\n")
