"""A Container as a command of Apptainer. Pure; every flag of a run is decided in this file.

The program gets its environment and nothing else: Apptainer would add a dozen variables, and
evaluates `$(...)` in those that it is given (`--env`). So the container's first process is a small
launcher that reads the environment from its stdin, answers with one byte, waits until the
supervisor has noted which process answered (`keeper`), and becomes the program.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reprobox.errors import ConfigError, EngineError
from reprobox.kit import units
from reprobox.kit.regex import regex
from reprobox.model.outcome import Container, Mount

_PYTHON = ("-I", "-S")
"""The first arguments of an interpreter that runs our shim."""
_FROM_PYTHON = """\
import posix as p,sys
n,d=int(sys.argv[1]),b""
while len(d)<n:
 c=p.read(0,n-len(d))
 if not c:p._exit(125)
 d+=c
s,_,e=d.partition(b"\\0\\0")
for t in s.split(b"\\0"):
 try:p.chmod(t,0o1777)
 except OSError:pass
p.write(0,b"1")
if not p.read(0,3):p._exit(125)
p.dup2(p.open("/dev/null",0),0)
p.closerange(3,4096)
p.execve(sys.argv[2],sys.argv[2:],dict(x.partition(b"=")[::2]for x in e.split(b"\\0")if x))
"""
_FROM_SHELL = (
    'printf 1 >&0; read -r go || exit 125; exec 3>&- 4>&- 5>&- 6>&- </dev/null; exec env -i "$@"'
)
_SIZE = regex(r"(?:^|,)size=([^,]+)")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ROOTS_ALONE = ("/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/sysrq-trigger")
"""What root could write to without any capability; engines mount it read-only."""
_NET = "none"
_OWN = 16 << 20
"""Bytes that Apptainer itself needs in the memory that it calls its session."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """What Apptainer can do for this caller on this host."""

    program: str
    config: Path
    """The settings that it is started with."""
    root: bool
    """Whether the caller is root, who needs no user namespace."""
    limits: frozenset[str]
    """Of `memory`, `cpus` and `pids`: those that are held."""


def arguments(container: Container, sandbox: Path, own: Path, means: Means) -> list[str]:
    """The command line.

    Args:
        sandbox: the image's directory.
        own: the container's directory, with `hosts` in it.

    Raises:
        ConfigError: for text that cannot be passed on.
        EngineError: the container asks for what Apptainer does not have.
    """
    _refuse(container, means)
    return [
        means.program,
        "--quiet",
        "--config",
        str(means.config),
        "exec",
        *_isolation(container, means),
        *_limits(container, means),
        *_mounts(container, own, means),
        "--cwd",
        _text(container.workdir),
        str(sandbox),
        *_launched(container),
    ]


def merged(
    container: Container, settings: Mapping[str, Any], devices: Sequence[str] = ()
) -> dict[str, str]:
    """The container's environment over the image's, with what Docker adds of its own, and over both
    what devices need.
    """
    return {
        "PATH": _PATH,
        "HOSTNAME": container.hostname,
        **_pairs(settings.get("Env") or ()),
        **container.env,
        **_pairs(devices),
    }


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def environment(container: Container) -> bytes:
    """What the launcher reads: the directories in memory, which everyone may write to, and the
    environment.
    """
    pairs = [f"{_name(name)}={_text(value)}" for name, value in sorted(container.env.items())]
    if not _is_python(container):
        return b""
    encoded = [pair.encode("utf-8", "surrogateescape") for pair in pairs]
    return b"\0".join(path.encode() for path in container.tmpfs) + b"\0\0" + b"\0".join(encoded)


def settings(container: Container, *, systemd: bool) -> str:
    """apptainer.conf for one container: nothing of the host's is mounted unasked. (/sys is the
    host's in any case, so it is mounted by us, read-only.)
    """
    session = _OWN + sum(_size(options) for options in container.tmpfs.values())
    values = {
        "allow setuid": "no",
        "mount proc": "yes",
        "mount sys": "no",
        "mount dev": "minimal",
        "mount devpts": "yes",
        "mount home": "no",
        "mount tmp": "no",
        "mount hostfs": "no",
        "config passwd": "no",
        "config group": "no",
        "config resolv_conf": "no",
        "user bind control": "yes",
        "enable fusemount": "no",
        "enable overlay": "yes",
        "enable underlay": "yes",
        "mount slave": "yes",
        "sessiondir max size": str(math.ceil(session / (1 << 20))),
        "root default capabilities": "no",
        "memory fs type": "tmpfs",
        "systemd cgroups": "yes" if systemd else "no",
    }
    return "".join(f"{name} = {value}\n" for name, value in values.items())


def hosts(hostname: str) -> str:
    """/etc/hosts: the container's own name is looked up by gloo, MPI and others."""
    return (
        f"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t{hostname}\n"
    )


def _refuse(container: Container, means: Means) -> None:
    if container.capabilities and not means.root:
        raise EngineError(
            "Apptainer cannot give a capability to a program of an ordinary user: "
            + ", ".join(container.capabilities),
            next_step="leave out `capabilities`, or use Docker or Podman",
        )
    wanted = {"memory": container.memory, "cpus": container.cpus}
    unheld = [
        name for name, value in wanted.items() if value is not None and name not in means.limits
    ]
    if unheld:
        raise EngineError(
            f"Apptainer cannot hold a limit of {' and '.join(unheld)} here",
            why="For ordinary users it needs control groups of version 2, delegated by systemd.",
            next_step=f"leave out `{unheld[0]}`, set the limit where the job is started (Slurm's "
            "--mem and --cpus-per-task hold for it), or use another engine",
        )


def _isolation(container: Container, means: Means) -> list[str]:
    flags = [
        "--containall",
        "--cleanenv",
        "--no-home",
        "--no-init",
        "--no-umask",
        "--no-eval",
        "--no-mount",
        "bind-paths",
        "--hostname",
        _text(container.hostname),
    ]
    if container.network == _NET:
        flags += ["--net", "--network", _NET]
    if means.root and not container.capabilities:
        flags.append("--no-privs")
    elif container.capabilities:
        flags += ["--add-caps", ",".join(container.capabilities)]
    return flags if container.read_only else [*flags, "--writable-tmpfs"]


def _limits(container: Container, means: Means) -> list[str]:
    flags: list[str] = []
    if container.memory is not None:
        flags += ["--memory", str(container.memory), "--memory-swap", str(container.memory)]
    if container.cpus is not None:
        flags += ["--cpus", f"{container.cpus:g}"]
    if container.pids is not None and "pids" in means.limits:
        flags += ["--pids-limit", str(container.pids)]
    return flags


def _mounts(container: Container, own: Path, means: Means) -> list[str]:
    places = ["/sys", *(path for path in _ROOTS_ALONE if means.root and os.path.exists(path))]
    binds = [Mount(source=path, target=path) for path in places]
    if container.network == _NET:
        binds.append(Mount(source=str(own / "hosts"), target="/etc/hosts"))
    else:
        binds += [Mount(source=path, target=path) for path in ("/etc/hosts", "/etc/resolv.conf")]
    flags = [part for mount in (*binds, *container.mounts) for part in ("--mount", _bind(mount))]
    return [*flags, *(part for path in container.tmpfs for part in ("--scratch", _text(path)))]


def _bind(mount: Mount) -> str:
    """One CSV record of `key=value` fields, as --mount takes it."""
    fields = ["type=bind", f"source={mount.source}", f"destination={mount.target}"]
    if mount.read_only:
        fields.append("ro")
    return ",".join(_quoted(_text(field)) for field in fields)


def _quoted(field: str) -> str:
    if not any(letter in field for letter in '",\n\r'):
        return field
    return '"' + field.replace('"', '""') + '"'


def _launched(container: Container) -> list[str]:
    argv = [_text(part) for part in container.argv]
    if _is_python(container):
        length = str(len(environment(container)))
        return [argv[0], *_PYTHON, "-c", _FROM_PYTHON, length, *argv]
    pairs = [f"{_name(name)}={_text(value)}" for name, value in sorted(container.env.items())]
    return ["/bin/sh", "-c", _FROM_SHELL, "sh", *pairs, *argv]


def _is_python(container: Container) -> bool:
    return container.argv[1:3] == _PYTHON


def _size(options: str) -> int:
    found = _SIZE.search(options)
    return units.bytes_of(found[1]) if found else 64 << 20


def _name(name: str) -> str:
    if not name or "=" in name:
        raise ConfigError(
            f"{name!r} cannot be the name of an environment variable", next_step="rename it"
        )
    return _text(name)


def _text(text: str) -> str:
    if "\0" in text:
        raise ConfigError(f"Apptainer cannot be given {text!r}", why="It holds a NUL.")
    return text
