"""The `reprobox:` section: which settings there are, and the Spec that they make."""

from __future__ import annotations

import posixpath
import shlex
from dataclasses import dataclass
from typing import Any, get_args

from reprobox.config import grammar
from reprobox.config.fields import Section
from reprobox.config.interpolate import filled
from reprobox.config.problems import described
from reprobox.model.spec import (
    OWN_VARIABLES,
    STDOUT,
    THREADS,
    TRAIL_ALSO,
    BaseIntent,
    Environment,
    InputIntent,
    OutputRule,
    Profile,
    Resources,
    Trail,
)

TOP = (
    *(
        "command",
        "workdir",
        "environment",
        "lock",
        "inputs",
        "outputs",
        "seed",
        "profile",
        "threads",
        "trail",
        "gpus",
        "cpus",
    ),
    *(
        "memory",
        "shm_size",
        "pids",
        "tmp_size",
        "timeout",
        "network",
        "env",
        "secrets",
        "writable_root",
        "capabilities",
    ),
    *("name", "tags"),
)
_ENVIRONMENT = ("base", "python", "apt", "requirements", "bytecode", "env")
_OUTPUT = ("compare", "ulp", "atol", "rtol")
_COMPARE = ("bytes", "content", "tensors", "ignore")
DEFAULT_BASE = BaseIntent(kind="debian", reference="bookworm")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the config stands: its path relative to the top of the repository."""

    config_path: str

    @property
    def directory(self) -> str:
        """The config's directory."""
        return posixpath.dirname(self.config_path)

    def lock(self, path: str) -> str:
        """The lock, given relative to the config."""
        return grammar.within(
            path,
            self.directory,
            "the lock is committed beside the code, so name a place in the repository",
        )

    def workdir(self, path: str) -> str:
        """The working directory, given relative to the config."""
        return grammar.within(
            path, self.directory, "only what is in the commit can run, so name a directory of it"
        )

    def both(self, path: str) -> str:
        """An input that is named once, relative to the config: it is at the same place on the host
        as in the run.
        """
        grammar.plain(path)
        if path.startswith("~"):
            raise ValueError(f"{path!r} is a place on this host; write PATH_IN_RUN: {path}")
        if path.startswith("/"):
            return posixpath.normpath(path)
        name = posixpath.basename(posixpath.normpath(path)).strip(".") or "data"
        return grammar.within(
            path,
            self.directory,
            f"say where the run sees it, too, as in `inputs: {{{name}: {path}}}`",
        )

    def host(self, path: str) -> str:
        """A place on this host, given relative to the config."""
        return (
            path
            if path.startswith(("/", "~"))
            else posixpath.normpath(posixpath.join(self.directory, path))
        )


def read(section: Section, place: Place, document: dict[Any, Any]) -> dict[str, Any]:
    """The fields of the Spec that come from the section; faults are noted there."""
    section.expect(TOP)
    workdir = str(section.text("workdir", place.workdir("."), place.workdir))
    threads = section.whole("threads", 1, low=1, high=4096)
    return {
        "command": _command(section, document),
        "workdir": workdir,
        "environment": _environment(section.section("environment"), threads),
        "lock_path": str(section.text("lock", place.lock("reprobox.lock"), place.lock)),
        "inputs": _inputs(section, workdir, place),
        "outputs": _outputs(section.section("outputs")),
        "seed": section.whole("seed", 0, low=0, high=2**32 - 1),
        "profile": section.choice("profile", "same-machine", get_args(Profile)),
        "threads": threads,
        "trail": _trail(section),
        "trail_also": _trail_also(section),
        "resources": _resources(section),
        **_container(section, threads),
    }


def _container(section: Section, threads: int) -> dict[str, Any]:
    return {
        "gpus": section.text("gpus", None, grammar.plain),
        "network": str(section.text("network", "none", grammar.plain)),
        "env": _variables(section, threads),
        "secrets": section.text_map("secrets", grammar.secret),
        "writable_root": section.flag("writable_root", False),
        "capabilities": section.texts("capabilities", grammar.capability),
        "name": section.text("name", None, grammar.run_name),
        "tags": section.texts("tags", grammar.name),
    }


def _variables(section: Section, threads: int) -> dict[str, str]:
    """`env`; what contradicts a setting is a fault, since the record would say the setting."""

    def check(name: str, value: str) -> str:
        if name.startswith(OWN_VARIABLES):
            raise ValueError(
                f"names that begin with {OWN_VARIABLES} are reprobox's own; seed, profile and "
                "trail are settings of a run"
            )
        if name in THREADS and value != str(threads):
            raise ValueError(
                f"it is {value!r}, and reprobox.threads is {threads}; take it away and write "
                "`threads: N`, which sets it and "
                "those of the other libraries"
            )
        return grammar.variable(name, value)

    return section.text_map("env", check)


def _command(section: Section, document: dict[Any, Any]) -> tuple[str, ...]:
    value = section.value.get("command")
    if isinstance(value, str):
        parts = section.read("command", list[str](), "a command line", _split)
    else:
        parts = list(section.texts("command", grammar.no_nul)) if isinstance(value, list) else []
    if not parts and not (isinstance(value, (str, list)) and value):
        section.fault(
            ("command",),
            f"expected a list or text, such as [python, train.py], found {described(value)}",
        )
    try:
        return tuple(filled(part, document) for part in parts)
    except ValueError as error:
        section.fault(("command",), str(error))
        return ()


def _split(value: str) -> list[str]:
    return [grammar.no_nul(part) for part in shlex.split(value)]


def _environment(section: Section, threads: int) -> Environment:
    section.expect(_ENVIRONMENT)
    return Environment(
        base=_base(section),
        python=str(section.text("python", "3.11", grammar.python)),
        apt=section.texts("apt", grammar.package),
        requirements=section.texts("requirements", grammar.plain),
        bytecode=section.flag("bytecode", False),
        image_env=_variables(section, threads),
    )


def _base(section: Section) -> BaseIntent:
    value = section.value.get("base")
    if isinstance(value, dict):
        return _base_mapping(section.section("base"))
    reference = section.text("base", None, grammar.plain)
    if reference is None:
        return DEFAULT_BASE
    suite = grammar.suite(reference)
    return (
        BaseIntent(kind="debian", reference=suite)
        if suite
        else BaseIntent(kind="registry", reference=reference)
    )


def _base_mapping(section: Section) -> BaseIntent:
    section.expect(("image", "dockerfile", "archive", "context"))
    kinds = {"image": "registry", "dockerfile": "dockerfile", "archive": "archive"}
    named = [name for name in kinds if name in section.value]
    if len(named) != 1 or ("context" in section.value and named != ["dockerfile"]):
        section.fault((), "expected one of image, dockerfile (with or without context) and archive")
        return DEFAULT_BASE
    kind: Any = kinds[named[0]]
    reference = section.text(named[0], None, grammar.plain)
    if reference is None:
        section.fault((named[0],), "expected text, found nothing")
        return DEFAULT_BASE
    return BaseIntent(
        kind=kind, reference=reference, context=str(section.text("context", ".", grammar.plain))
    )


def _inputs(section: Section, workdir: str, place: Place) -> tuple[InputIntent, ...]:
    if isinstance(section.value.get("inputs"), dict):
        mapped = section.text_map(
            "inputs", lambda path, source: grammar.plain(source) and _seen(path, workdir) and source
        )
        return tuple(
            InputIntent(path=posixpath.normpath(path), source=place.host(source))
            for path, source in mapped.items()
        )
    listed = section.texts("inputs", place.both)
    return tuple(InputIntent(path=_from(workdir, path), source=path) for path in listed)


def _seen(path: str, workdir: str) -> str:
    """Where a run sees an input: absolute, or below the top when taken from the working directory."""
    grammar.plain(path)
    return (
        path
        if path.startswith("/")
        else grammar.within(path, workdir, "a run sees its inputs inside, or at an absolute path")
    )


def _from(workdir: str, path: str) -> str:
    """A path relative to the working directory, where both are relative to the top; absolute ones
    stay.
    """
    return (
        path
        if path.startswith("/")
        else posixpath.relpath(f"/{path}", posixpath.join("/", workdir))
    )


def _outputs(section: Section) -> tuple[OutputRule, ...]:
    return tuple(_output(section, pattern) for pattern in section.value)


def _output(section: Section, key: Any) -> OutputRule:
    pattern = str(key)
    known = ("bytes", "ignore") if pattern == STDOUT else _COMPARE
    if not isinstance(section.value[key], dict):
        compare: Any = section.choice(key, "bytes", known)
        return OutputRule(pattern=pattern, compare=compare)
    inside = section.section(key)
    inside.expect(_OUTPUT)
    compare = inside.choice("compare", "bytes", known)
    rule = OutputRule(
        pattern=pattern,
        compare=compare,
        ulp=inside.whole("ulp", 0, low=0, high=2**53),
        atol=inside.number("atol", 0.0),
        rtol=inside.number("rtol", 0.0),
    )
    if compare in ("bytes", "ignore") and (rule.ulp or rule.atol or rule.rtol):
        inside.fault((), f"a tolerance needs compare: tensors or content, and here it is {compare}")
    return rule


def _trail(section: Section) -> Trail:
    value = section.value.get("trail")
    if not isinstance(value, dict):
        return Trail(enabled=section.flag("trail", False))
    inside = section.section("trail")
    inside.expect(("every", "gradients", *TRAIL_ALSO))
    every = inside.whole("every", 0, low=0, high=2**31)
    return Trail(enabled=True, every=every, gradients=inside.flag("gradients", False))


def _trail_also(section: Section) -> tuple[str, ...]:
    if not isinstance(section.value.get("trail"), dict):
        return ()
    inside = section.section("trail")
    return tuple(name for name in TRAIL_ALSO if inside.flag(name, False))


def _resources(section: Section) -> Resources:
    standard = Resources()
    cpus = section.number("cpus", None)
    if cpus == 0:
        section.fault(("cpus",), "expected a number above 0")
    return Resources(
        cpus=cpus,
        memory=section.text("memory", None, grammar.size),
        shm_size=str(section.text("shm_size", standard.shm_size, grammar.size)),
        pids=section.whole("pids", standard.pids, low=1, high=2**22),
        tmp_size=str(section.text("tmp_size", standard.tmp_size, grammar.size)),
        timeout=_timeout(section),
    )


def _timeout(section: Section) -> float | None:
    def convert(value: Any) -> float | None:
        text = section.written("timeout")
        if text is None or isinstance(value, bool):
            raise TypeError
        return grammar.seconds(text)

    return section.read("timeout", None, "seconds, or text such as 30s, 10m or 2h", convert)
