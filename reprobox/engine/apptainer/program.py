"""Apptainer itself: where it is, which version, and what it can do for this caller."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from reprobox.errors import EngineError, EngineUnavailable
from reprobox.kit import proc
from reprobox.kit.regex import regex

_OLDEST = (1, 1)
"""The first that runs without setuid, with limits for ordinary users."""
_SECONDS = 20
_VERSION = regex(r"(\d+)\.(\d+)\S*")
_INSTALL = "install Apptainer (apptainer.org), or choose another engine with REPROBOX_ENGINE"
_CGROUPS = Path("/sys/fs/cgroup")
_PASSED_ON = ("HOME", "PATH", "TMPDIR", "USER", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""Apptainer's own variables (APPTAINER_BIND, APPTAINERENV_...) would change what a run sees."""


def found(environment: Mapping[str, str] = os.environ) -> str | None:
    """The program, as the shell would find it."""
    return shutil.which("apptainer", path=environment.get("PATH"))


@dataclass(frozen=True)
class Program:
    """An installation of Apptainer."""

    path: str

    @cached_property
    def version(self) -> str:
        """As it says it.

        Raises:
            EngineUnavailable: it does not start, or is too old.
        """
        said = self._say("version")
        match = _VERSION.match(said)
        if match is None or (int(match[1]), int(match[2])) < _OLDEST:
            raise EngineUnavailable(
                f"{self.path} is not an Apptainer that reprobox can use",
                why=f"It says its version is {said[:200]!r}; 1.1 or newer is needed.",
                next_step=_INSTALL,
            )
        return said

    @cached_property
    def built(self) -> dict[str, str]:
        """What it was built for: `NAME=value`, as `apptainer buildcfg` prints it."""
        pairs = (line.partition("=") for line in self._say("buildcfg").splitlines())
        return {name: value for name, _, value in pairs}

    def require_settings(self) -> None:
        """Raises EngineError where this caller may not choose Apptainer's settings: then it would
        mount what the administrator chose into every run.
        """
        if os.geteuid() != 0 and self.built.get("APPTAINER_SUID_INSTALL") == "1":
            raise EngineError(
                f"{self.path} is installed with setuid, and does not let its settings be chosen",
                why="A run would see what the administrator mounts into every container.",
                next_step="unpack one of your own without setuid (Apptainer's "
                "tools/install-unprivileged.sh) and put it first in PATH",
            )

    def _say(self, *words: str) -> str:
        try:
            done = proc.run((self.path, *words), env=environment(), timeout=_SECONDS)
        except (OSError, proc.TooLong) as fault:
            raise EngineUnavailable(
                f"{self.path} does not start", why=str(fault), next_step=_INSTALL
            ) from fault
        if not done.ok:
            raise EngineUnavailable(
                f"{self.path} does not work", why=done.error_text, next_step=_INSTALL
            )
        return done.out.decode("utf-8", "replace").strip()


def environment() -> dict[str, str]:
    """Apptainer's own environment on the host."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def cgroup_version() -> int:
    """2 where the machine has nothing but version 2 (cgroups(7))."""
    return 2 if (_CGROUPS / "cgroup.controllers").exists() else 1


def systemd() -> bool:
    """Whether systemd is the first process of this machine (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def held(*, root: bool) -> frozenset[str]:
    """The limits that Apptainer can hold: all for root; for others those whose controllers systemd
    has delegated, with version 2 alone.
    """
    if root:
        return frozenset(name for name, part in _PARTS.items() if _writable(part))
    if cgroup_version() != 2 or not systemd():
        return frozenset()
    uid = os.getuid()
    service = _CGROUPS / f"user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers"
    try:
        delegated = service.read_text().split()
    except OSError:
        return frozenset()
    return frozenset(name for name, part in _PARTS.items() if part in delegated)


_PARTS = {"memory": "memory", "cpus": "cpu", "pids": "pids"}
"""Our names of limits, and the controllers that hold them."""


def _writable(controller: str) -> bool:
    if cgroup_version() == 2:
        try:
            return controller in (_CGROUPS / "cgroup.controllers").read_text().split()
        except OSError:
            return False
    return os.access(_CGROUPS / controller, os.W_OK)
