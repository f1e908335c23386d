"""Which host and engine a run belongs to. Only there may anything be concluded about it.

A store can be reached from several hosts (NFS) and a host can have several engines (`DOCKER_HOST`,
docker contexts, rootless Docker next to the system's). Asked anywhere else, an engine answers truly
that it has no such container, and the run would be called lost while it is running.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from reprobox.context import Context
from reprobox.engine import engines
from reprobox.errors import RunElsewhere, RunNotFound
from reprobox.executor import shim_report
from reprobox.kit.meanwhile import ahead
from reprobox.model.home import Home
from reprobox.model.record import Intent

_MACHINE_IDS = ("/etc/machine-id", "/var/lib/dbus/machine-id")


def host_facts() -> dict[str, str]:
    """This host as a person would name it, its boot, and a digest of its machine ID."""
    return {
        "name": os.uname().nodename,
        "user": _user(),
        "boot_id": _first_line("/proc/sys/kernel/random/boot_id"),
        "machine": _machine(),
    }


def engine_facts(context: Context) -> dict[str, Any]:
    """What a new run's intent keeps of the engine: all that it says of itself, and our mark."""
    return {
        **context.engine.info(),
        "mark": context.engine.mark(),
        "address": context.engine.address,
    }


def ask_ahead(context: Context) -> None:
    """Begins to ask an engine of this host about itself, which `engine_facts` then has."""
    engine = context.engine  # made here: of two threads, each might make its own

    def ask() -> None:
        if engine.is_local:
            engine.info()

    ahead(ask)


def _machine() -> str:
    """Not the ID itself, which is confidential (machine-id(5)) and would travel with the record."""
    found = next(filter(None, map(_first_line, _MACHINE_IDS)), "")
    return hashlib.sha256(f"reprobox {found}".encode()).hexdigest()[:32] if found else ""


def _first_line(path: str) -> str:
    with contextlib.suppress(OSError):
        return Path(path).read_text(errors="replace").partition("\n")[0].strip()
    return ""


def _user() -> str:
    try:
        import getpass

        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def elsewhere(context: Context) -> Callable[[Intent], str | None]:
    """A question to ask of an intent: where the run was started, as text; None for a run that was
    started here. Raises EngineUnavailable when asked and the engine does not answer.
    """
    return lambda intent: None if _is_here(context, intent) else where(intent)


def require_here(context: Context, run_id: str) -> None:
    """Raises RunElsewhere for a run without a record that another host or engine has."""
    if context.runs.finished(run_id):
        return
    intent = context.runs.intent(run_id)
    if not _is_here(context, intent):
        raise RunElsewhere(
            f"run {run_id} was started {where(intent)}, so nothing is done to it here",
            why="Only that host and engine show whether it is still running.",
            next_step=_go_there(intent, run_id),
        )


def may_be_here(context: Context, recorded: Home) -> bool:
    """Whether nothing speaks against this host and engine; for what is lost without harm."""
    here = _here(context, recorded)
    return here is not None and (recorded.same_engine(here) or recorded.alike(here))


def _is_here(context: Context, intent: Intent) -> bool:
    recorded = Home.of(intent.host, intent.engine)
    here = _here(context, recorded)
    return here is not None and (
        recorded.same_engine(here)
        or (recorded.alike(here) and _proved(context, intent, recorded, here))
    )


def _here(context: Context, recorded: Home) -> Home | None:
    """This host and engine; None where the host alone is another one, and no engine is asked."""
    here = Home.of(host_facts(), {})
    return replace(here, engine=context.engine.home()) if recorded.same_host(here) else None


def _proved(context: Context, intent: Intent, recorded: Home, here: Home) -> bool:
    """Whether an engine that has lost its mark is the run's engine all the same, or the run is over
    in any case: the container is here under its own ID, or the shim wrote how the program ended.
    """
    with contextlib.suppress(RunNotFound):
        started = context.runs.started(intent.id)
        if started and context.engine.state(started.container):
            return True
        same_boot = bool(recorded.boot) and recorded.boot == here.boot
        return same_boot and shim_report.report(context.runs.path(intent.id) / "out") is not None
    return False


def where(intent: Intent) -> str:
    """The host and engine of a run, for people."""
    host, engine = intent.host, intent.engine
    address = engine.get("address") or engine.get("root") or ""
    return f"on {host.get('name') or 'an unknown host'}" + (
        f" with the engine at {address}" if address else ""
    )


def _go_there(intent: Intent, run_id: str) -> str:
    ours = Home.of(intent.host, {}).same_host(Home.of(host_facts(), {}))
    address = intent.engine.get("address")
    command = f"reprobox show {run_id}"
    if ours and address:
        return f"{engines.choosing(str(address))} {command}"
    return f"on {intent.host.get('name') or 'its own host'}: {command}"
