"""doctor: what this machine can do, and what a replay of a run can expect on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reprobox.commands import replay
from reprobox.commands.shared import bytecode_hint, forecast, gpu_check, refusals
from reprobox.context import Context, shared_home
from reprobox.engine import engines
from reprobox.errors import EngineError, EngineUnavailable, ReproboxError
from reprobox.executor import reconcile
from reprobox.model.record import Record
from reprobox.runtime import host, profiles
from reprobox.version import __version__

if TYPE_CHECKING:
    from reprobox.engine.engine import Engine


def doctor(context: Context) -> dict[str, Any]:
    """What this machine offers; an engine that does not answer is a finding, not a failure."""
    flags, machine = host.cpu_flags(), host.machine()
    found: dict[str, Any] = {
        "reprobox": __version__,
        "machine": machine,
        "store": str(shared_home()),
    }
    try:
        info = context.engine.info()
        found["engine"] = {
            key: info.get(key)
            for key in ("name", "version", "api", "storage", "runc", "containerd", "users")
        }
        found["engine"]["address"] = context.engine.address
        found["limits"] = {
            name: "held" if held else "not held" for name, held in info["limits"].items()
        }
        found["runs"] = _can_start(context)
        found["gpus"] = context.engine.gpus_offered() or "none can be handed over"
    except EngineUnavailable as error:
        found["engine"] = f"none answers: {error.what}"
        found["gpus"] = "unknown"
    found["engines"] = dict(_engines())
    found["cpu_code"] = profiles.dispatch_class(host.observe(gpus=False))
    found["profiles"] = {
        name: profiles.refuse(name, flags, machine) or "ok" for name in profiles.PROFILES
    }
    return found


def _engines() -> Iterator[tuple[str, dict[str, Any] | str]]:
    """What each kind of engine offers here, whichever is chosen."""
    for name, kind in sorted(engines.ENGINES.items()):
        place = None
        try:
            place = kind.find(os.environ)
            yield name, _offers(kind.open(place.address, None)) if place else "not here"
        except ReproboxError as error:
            at = f" at {place.address}" if place else ""
            yield name, f"cannot be used{at}: {error.why or error.what}"


def _offers(engine: Engine) -> dict[str, Any]:
    info = engine.info()
    limits = info["limits"].items()
    return {
        "version": info["version"],
        "address": engine.address,
        "users": info["users"],
        "limits_held": ", ".join(name for name, held in limits if held) or "none",
        "limits_not_held": ", ".join(name for name, held in limits if not held) or "none",
        "gpus": engine.gpus_offered() or "none can be handed over",
    }


def doctor_on(context: Context, executor: str) -> dict[str, Any]:
    """What a cluster offers, and which engines answer on this host. Raises as
    `cluster_check.report`.
    """
    from reprobox.commands.shared import cluster_check

    return {**cluster_check.report(context, executor), "engines": dict(_engines())}


def doctor_gpu(context: Context) -> dict[str, Any]:
    """What GPUs there are, how they can be handed over, and what may be promised with them."""
    return gpu_check.report(context)


def _can_start(context: Context) -> str:
    """Whether this engine can give a run files that are the caller's own."""
    try:
        caller = context.engine.caller()
    except EngineError as refused:
        return f"{refused.what}; {refused.next_step}"
    if caller.uid != os.getuid():
        return "ok, as user 0 of a rootless engine, who is you"
    return "ok, without the engine's remapping of users" if caller.host_users else "ok"


def doctor_run(context: Context, reference: str) -> dict[str, Any]:
    """What a replay of a run may expect on this machine, and what would keep it from starting."""
    run_id = reconcile.find(context, reference)
    original, _ = context.runs.record(run_id)
    asked = original.intent.runspec
    found = forecast.forecast(original)
    return {
        "run": run_id,
        "profile": asked.profile,
        "promise": profiles.promise(asked.profile),
        "recorded": profiles.dispatch_class(original.observed),
        "here": profiles.dispatch_class(host.observe(gpus=False)),
        "forecast": found.sameness,
        "reasons": list(found.reasons),
        "in_the_way": list(_in_the_way(context, original)),
        "advice": list(filter(None, [bytecode_hint.advice(original.intent)])),
    }


def _in_the_way(context: Context, original: Record) -> Iterator[str]:
    asked = original.intent.runspec
    try:
        refusals.refuse_impossible(context, asked.profile, asked.gpus, original.intent.lock)
        replay.find_inputs(context, original)
    except ReproboxError as error:
        yield "\n".join(filter(None, (error.what, error.why)))
