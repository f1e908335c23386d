"""The forecast: what to expect of a replay on this host, and whether the verdict confirmed it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reprobox.errors import ProfileUnavailable, UsageError
from reprobox.judge import unreached
from reprobox.model.forecast import Forecast
from reprobox.model.record import Record
from reprobox.model.verdict import Class, Verdict
from reprobox.runtime import host, profiles

_WORDS = {
    "same-bits": "the same bits",
    "same-bits-as-recorded": "the same bits, by the recorded CPU code",
    "numbers-may-differ": "numbers may differ",
    "unknown": "nothing can be promised",
}


def forecast(original: Record, *, as_recorded: bool = False, gpus: str | None = None) -> Forecast:
    """Which sameness a replay on this host may expect of a record.

    Args:
        as_recorded: whether the recorded dispatch class will be set.
        gpus: devices, where others than the recorded ones are to be used.
    """
    asked = original.intent.runspec
    uses_gpu = bool(gpus or asked.gpus)
    here = host.observe(gpus=uses_gpu)
    found = profiles.forecast(asked.profile, original.observed, here, uses_gpu=uses_gpu)
    if as_recorded and not uses_gpu:
        found = profiles.forecast_as_recorded(original.observed, here)
    doubts = _doubts(original)
    if doubts and found.promised:
        return Forecast(sameness="unknown", reasons=doubts)
    return found


def knobs(original: Record) -> dict[str, str]:
    """The variables that make this CPU take the code of the record's dispatch class; what the run
    sets itself stays.

    Raises:
        UsageError: the profile pins the class itself, or no knobs are known for it.
        ProfileUnavailable: this CPU cannot execute that code.
    """
    asked, dispatch = original.intent.runspec, profiles.dispatch_class(original.observed)
    if asked.profile.startswith("portable"):
        raise UsageError(
            f"--as-recorded cannot be combined with profile {asked.profile}",
            why="The profile pins the CPU code itself.",
            next_step=f"reprobox replay {original.id}",
        )
    values = profiles.as_recorded(dispatch)
    if why := profiles.can_play(dispatch, host.observe(gpus=False)):
        raise ProfileUnavailable(
            f"this host cannot execute the recorded CPU code ({dispatch})", why=why
        )
    return {name: value for name, value in values.items() if name not in asked.env}


def _doubts(original: Record) -> tuple[str, ...]:
    """What the record itself says against equal bits, on whatever machine."""
    draws = {
        f"the run drew without a seed: {note.what} at {note.place}"
        for one in original.observed.processes
        for note in one.entropy or ()
        if "-packages/" not in note.place
    }
    cut = original.exit.by_the_moment
    moment = (
        f"the recorded run was ended from outside ({original.exit.reason}), and what it left "
        "depends on when"
    )
    return (
        *([moment] if cut else ()),
        *gpus_unseen(original),
        *outside(original),
        *sorted(draws),
    )


def gpus_unseen(record: Record) -> Iterator[str]:
    """GPUs that were asked for and not observed: devices can be handed over without the driver's
    files and programs, by a CDI specification that was written by hand.
    """
    asked, seen = record.intent.runspec.gpus, record.observed.gpus or ()
    if asked and not seen:
        yield (
            f"GPUs were asked for ({asked}) and none was observed in the container, so the record "
            "does not say which hardware was used"
        )
    elif asked and asked.isdigit() and len(seen) < int(asked):
        yield f"{asked} GPUs were asked for and {len(seen)} observed in the container"


def outside(record: Record) -> tuple[str, ...]:
    """What the run's profile did not reach, as lines for people; none where no program could be
    started.
    """
    if record.exit.reason in ("not-found", "not-executable", "engine", "lost"):
        return ()
    asked = record.intent.runspec
    missed = (*_replaced(record), *unreached.outside(asked.argv, record.observed))
    return tuple(f"outside profile {asked.profile}: {what}" for what in missed)


def _replaced(record: Record) -> Iterator[str]:
    """Switches of the profile that the config set otherwise. The config may be another user's and
    have any shape.
    """
    section = record.intent.config.get("reprobox")
    said = section.get("env") if isinstance(section, dict) else None
    own = said if isinstance(said, dict) else {}
    asked = record.intent.runspec
    for name, value in sorted(profiles.switches(asked.profile).items()):
        if name in own and asked.env.get(name) != value:
            yield f"the config sets {name}={asked.env.get(name)}, and the profile {name}={value}"


def sentence(found: Forecast) -> str:
    """The forecast in one line."""
    return f"forecast: {_WORDS[found.sameness]} ({'; '.join(found.reasons)})"


def judged(found: Forecast, verdict: Verdict) -> tuple[Forecast, str]:
    """The forecast with whether it held, and a line about that for the verdict's notes."""
    checked = verdict.result is not Class.NOT_CHECKED
    held = verdict.same if found.promised and checked else None
    note = f"{_said(found.promised, held)}: {_WORDS[found.sameness]}"
    return replace(found, held=held), note


def _said(promised: bool, held: bool | None) -> str:
    if held is None:
        return (
            "whether the forecast held was not checked" if promised else "no sameness was forecast"
        )
    return "the forecast held" if held else "the forecast did not hold"
