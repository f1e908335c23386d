"""What each field of a record may hold that came from elsewhere: one type for each kind of value.

A record decides how a container is created: a path becomes a mount, a size an option of a mount, a
count a limit. Everything that is not exactly such a value is refused where records arrive, before
anything is made of it. The config of a run that is made here is held to the same or narrower
grammars (reprobox/config/grammar.py).
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from reprobox.kit import canon, units
from reprobox.kit.regex import regex
from reprobox.model.lock import Lock, Wheel
from reprobox.model.record import LATEST, Intent
from reprobox.model.runspec import BOX, OUT, WORK, InputPin, RunSpec

SECRETS = "/run/secrets"
_LONGEST_PATH = 4095
"""PATH_MAX less the final zero (limits.h)."""
_LONGEST_TEXT = 128 << 10
"""MAX_ARG_STRLEN: no program can be given a longer argument or variable (execve(2))."""
_MOST_BYTES = 2**63 - 1
_RESERVED = (
    *(BOX, OUT, SECRETS, "/proc", "/sys", "/dev", "/etc/passwd", "/etc/group"),
    # A link to /run in Debian's base, and so another way to the secrets.
    "/var/run",
)
"""Places in the container, with all below, that are reprobox's or the kernel's."""
_WHOLE = ("/", WORK, "/etc", "/run", "/var", "/usr", "/bin", "/lib", "/lib64", "/sbin")
"""Directories that a mount would hide; below them a mount is fine."""

_RUN = regex(r"\d{8}-\d{6}-[a-z]+-[a-z]+-[0-9a-f]{4}")
_CONTAINER = regex(rf"reprobox-{_RUN.pattern}")
_VARIABLE = regex(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SIZE = regex(r"\d{1,15}(\.\d{1,9})? ?[bkmgtpBKMGTP]?i?[bB]?")
_CAPABILITY = regex(r"[A-Z][A-Z_]{0,39}")
_NETWORK = regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_HOST = regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_GPUS = regex(r"[A-Za-z0-9_.:/=,\" -]{1,400}")
_WORD = regex(r"[a-z0-9][a-z0-9-]{0,63}")
_OBJECT = regex(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ADDRESS = regex(r"[a-z0-9][a-z0-9._:/-]{0,500}@sha256:[0-9a-f]{64}")
_FILE = regex(r"[A-Za-z0-9][A-Za-z0-9._+!~%=-]{0,250}")
_SOURCE = regex(r"[A-Za-z0-9_.][A-Za-z0-9._+!~%=-]{0,250}")
_STANDALONE = regex(r"cpython-[A-Za-z0-9._+-]{1,200}\.tar\.gz")
_CONDA_FILE = regex(r"[A-Za-z0-9_][A-Za-z0-9._+!~%=-]{0,250}\.(conda|tar\.bz2)")
_SUBDIR = regex(r"[a-z0-9]+(-[a-z0-9]+)?")
_PACKAGE_FILE = regex(r"[A-Za-z0-9][A-Za-z0-9._+~%:/-]{0,500}")
_PLATFORM = regex(r"[a-z0-9]+/[a-z0-9]+(/[a-z0-9]+)?")

Fault = str | None


def _no(why: str) -> Callable[[Any], str]:
    return lambda value: f"{_short(value)} is not {why}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _text(value: str) -> Fault:
    """Text that a system call and the engine's API can take."""
    try:
        length = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        return f"{_short(value)} is not UTF-8"
    if "\0" in value:
        return f"{_short(value)} holds a NUL"
    return None if length < _LONGEST_TEXT else f"{_short(value)} is too long"


def is_object(value: str) -> bool:
    """Whether it is the name of an object of git: a commit or a tree."""
    return _OBJECT.fullmatch(value) is not None


def container_path(value: str) -> Fault:
    """An absolute path in the container on which an input may be mounted, in its shortest form."""
    if fault := _absolute(value):
        return fault
    for place in _RESERVED:
        if value == place or value.startswith(f"{place}/"):
            return f"{_short(value)} is in {place}, which is reserved"
    return f"{_short(value)} would be hidden as a whole" if value in _WHOLE else None


def _absolute(value: str) -> Fault:
    if fault := _text(value):
        return fault
    # POSIX lets `//` mean something of its own, so normpath keeps it.
    if not value.startswith("/") or value.startswith("//") or value != posixpath.normpath(value):
        return f"{_short(value)} is not an absolute path in its shortest form"
    return None if len(value.encode()) <= _LONGEST_PATH else f"{_short(value)} is too long"


def relative_path(value: str) -> Fault:
    """A path below the work tree, in its shortest form."""
    if fault := _text(value):
        return fault
    leaves = value.startswith("/") or value.split("/")[0] == ".."
    return (
        f"{_short(value)} is not a path in the work tree, in its shortest form"
        if leaves or value != posixpath.normpath(value)
        else None
    )


def size(value: str) -> Fault:
    """A size in docker's grammar and nothing else, because it becomes an option of a mount."""
    try:
        right = bool(_SIZE.fullmatch(value)) and 0 < units.bytes_of(value) <= _MOST_BYTES
    except ValueError:
        right = False
    return None if right else f"{_short(value)} is not a size"


def _count(low: int, high: int) -> Callable[[int], Fault]:
    return lambda value: (
        None if low <= value <= high else f"{_short(value)} is not within {low} to {high}"
    )


def _number(high: float) -> Callable[[float], Fault]:
    return lambda value: (
        None
        if math.isfinite(value) and 0 < value <= high
        else f"{_short(value)} is not a number above 0 and up to {high:g}"
    )


def _like(pattern: re.Pattern[str], what: str) -> Callable[[str], Fault]:
    return lambda value: None if pattern.fullmatch(value) else _no(what)(value)


def _digest(value: str) -> Fault:
    return None if canon.is_digest(value) else _no("a digest")(value)


_variable = _like(_VARIABLE, "the name of an environment variable")
_bytes = _count(0, _MOST_BYTES)
_Check = Callable[[Any], Fault]


def faults(intent: Intent) -> dict[str, str]:
    """Every field of a foreign intent that holds something else than its type allows: dotted name
    to what is wrong.
    """
    found: dict[str, str] = {}
    for name, check, values in (*_of_spec(intent.runspec), *_of_intent(intent)):
        for value in values:
            if value is not None and (fault := check(value)):
                found.setdefault(name, fault)
    return found


_Field = tuple[str, _Check, Iterable[Any]]


def _of_spec(asked: RunSpec) -> Iterator[_Field]:
    limits = asked.resources
    yield "runspec.argv", _not_empty, (asked.argv,)
    yield "runspec.argv", _text, asked.argv
    yield "runspec.workdir", relative_path, (asked.workdir,)
    yield "runspec.env", _variable, asked.env
    yield "runspec.env", _text, asked.env.values()
    yield "runspec.commit", _like(_OBJECT, "a commit"), (asked.commit,)
    yield "runspec.tree", _like(_OBJECT, "a tree"), (asked.tree,)
    yield "runspec.config_path", relative_path, (asked.config_path,)
    for name in ("config_digest", "image", "lock", "runtime"):
        yield f"runspec.{name}", _digest, (getattr(asked, name),)
    yield "runspec.seed", _count(-(2**63), 2**64), (asked.seed,)
    yield "runspec.profile", _like(_WORD, "a profile"), (asked.profile,)
    yield "runspec.threads", _count(1, 4096), (asked.threads,)
    yield "runspec.trail.every", _count(0, 2**53), (asked.trail.every,)
    yield "runspec.secrets", _like(_NAME, "the name of a secret"), asked.secrets
    yield "runspec.gpus", _like(_GPUS, "a request for GPUs"), (asked.gpus,)
    yield "runspec.network", _like(_NETWORK, "the name of a network"), (asked.network,)
    yield "runspec.hostname", _like(_HOST, "a host name"), (asked.hostname,)
    yield "runspec.capabilities", _like(_CAPABILITY, "a capability"), asked.capabilities
    yield "runspec.resources.cpus", _number(4096), (limits.cpus,)
    for name in ("memory", "shm_size", "tmp_size"):
        yield f"runspec.resources.{name}", size, (getattr(limits, name),)
    yield "runspec.resources.pids", _count(1, 2**22), (limits.pids,)
    yield "runspec.resources.timeout", _number(LATEST), (limits.timeout,)
    yield "runspec.outputs", _text, (rule.pattern for rule in asked.outputs)
    for pin in asked.inputs:
        yield from _of_input(pin)
    yield "runspec.inputs", _distinct, ([pin.path for pin in asked.inputs],)


def _of_input(pin: InputPin) -> Iterator[_Field]:
    yield "runspec.inputs.path", container_path, (pin.path,)
    yield "runspec.inputs.source", _source, (pin.source,)
    yield "runspec.inputs.kind", _kind, (pin.kind,)
    yield "runspec.inputs.digest", _digest, (pin.digest,)
    yield "runspec.inputs.size", _bytes, (pin.size,)
    yield "runspec.inputs.files", _bytes, (pin.files,)
    yield "runspec.inputs.manifest", _count(1, 1000), (pin.manifest,)
    if pin.place:
        yield "runspec.inputs.place", relative_path, (pin.place,)
    if pin.tracked and not pin.place:
        yield "runspec.inputs.path", _in_work, (pin.path,)


def _of_intent(intent: Intent) -> Iterator[_Field]:
    image, lock = intent.image, intent.lock
    yield "id", _like(_RUN, "the id of a run"), (intent.id, intent.replay_of)
    yield "container", _like(_CONTAINER, "the name of a container"), (intent.container,)
    yield "source.commit", _like(_OBJECT, "a commit"), (intent.source.commit,)
    yield "source.tree", _like(_OBJECT, "a tree"), (intent.source.tree,)
    yield "image.config", _digest, (image.config, image.manifest, *image.diff_ids)
    yield "image.addresses", _like(_ADDRESS, "an address of an image"), image.addresses
    yield "created", _number(LATEST), (intent.created or None,)
    yield "lock.digests", _digest, _digests_of(lock)
    wheels = list(_wheels_of(lock.wheels))
    sources = [one.built.sdist for one in wheels if one.built]
    yield "lock.files", _like(_FILE, "the name of a wheel"), (one.filename for one in wheels)
    yield "lock.files", _like(_SOURCE, "the name of a source"), (one.filename for one in sources)
    yield "lock.conda", _like(_CONDA_FILE, "a conda package"), (one.filename for one in lock.conda)
    yield "lock.conda", _like(_SUBDIR, "a platform of conda"), (one.subdir for one in lock.conda)
    yield "lock.sizes", _bytes, [*(one.size for one in sources), *(one.size for one in lock.conda)]
    debs = (*lock.debs, *lock.base.packages)
    yield (
        "lock.files",
        _like(_PACKAGE_FILE, "the place of a package"),
        (one.filename for one in debs),
    )
    yield "lock.files", _inside, (one.filename for one in debs)
    yield "lock.sizes", _bytes, (one.size for one in wheels)
    yield "lock.sizes", _bytes, (one.size for one in debs)
    yield "lock.base.reference", _text, (lock.base.reference,)
    if own := lock.python.standalone:
        yield "lock.python.standalone", _like(_STANDALONE, "an interpreter"), (own.filename,)
        yield "lock.sizes", _bytes, (own.size,)
    yield "lock.python.executable", _absolute, (lock.python.executable,)
    yield "lock.platform", _like(_PLATFORM, "a platform"), (lock.platform,)
    yield "lock.timestamp", _count(0, 2**40), (lock.timestamp,)
    yield "lock.image_env", _variable, lock.image_env
    yield "lock.image_env", _text, lock.image_env.values()


def _wheels_of(wheels: Iterable[Wheel]) -> Iterator[Wheel]:
    """Wheels, and those that they were built with."""
    for wheel in wheels:
        yield wheel
        if wheel.built is not None:
            yield from _wheels_of(wheel.built.requires)


def _digests_of(lock: Lock) -> Iterator[str | None]:
    base = lock.base
    wheels = list(_wheels_of(lock.wheels))
    yield from (one.sha256 for one in wheels)
    yield from (one.sha256 for one in lock.conda)
    yield lock.python.standalone.sha256 if lock.python.standalone else None
    yield from (one.built.sdist.sha256 for one in wheels if one.built)
    yield from (one.sha256 for one in (*lock.debs, *base.packages))
    yield from (base.digest, base.dockerfile, *base.diff_ids, lock.intent)


def _not_empty(value: tuple[str, ...]) -> Fault:
    return None if value and value[0] else "there is no command"


def _kind(value: str) -> Fault:
    return None if value in ("file", "tree") else _no("`file` or `tree`")(value)


def _source(value: str) -> Fault:
    """Where the input was on the other host; only looked at, and what is there is hashed."""
    return f"{_short(value)} holds a NUL" if "\0" in value else None


def _in_work(value: str) -> Fault:
    return None if value.startswith(f"{WORK}/") else _no("below the work tree")(value)


def _inside(value: str) -> Fault:
    return None if ".." not in value.split("/") else _no("a path that stays below its top")(value)


def _distinct(paths: list[str]) -> Fault:
    return None if len(set(paths)) == len(paths) else "two inputs are in the same place"
