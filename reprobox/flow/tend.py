"""stop, rm, verify, doctor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reprobox.errors import EngineUnavailable, ReproboxError, RunBusy, RunNotFound, StoreDamaged, UsageError
from reprobox.flow import execute, expect, hidden, pending, reconcile, replay, run
from reprobox.flow.box import Box, shared_home
from reprobox.flow.watch import GRACE
from reprobox.kit import canon
from reprobox.kit.text import in_a_line
from reprobox.kit.units import counted
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.runtime import host, profiles
from reprobox.store import fsck, tree
from reprobox.version import __version__


def stop(box: Box, reference: str, *, kill: bool) -> None:
    """Ends a run's container; the record is written by its supervisor, or by us when it has none."""
    reconcile.settle(box)
    run_id = box.runs.find(reference)
    state = box.runs.state(run_id, reconcile.container_state(box))
    if state.over or state.container is None:
        raise UsageError(f"run {run_id} is not going: it is {state.name}", next_step=f"reprobox show {run_id}")
    (box.runs.path(run_id) / execute.STOPPED).touch()
    if kill:
        box.engine.kill(state.container.id)
    else:
        box.engine.stop(state.container.id, GRACE)
    reconcile.settle(box)


def remove(box: Box, references: Sequence[str]) -> Iterator[str]:
    """Forgets runs and the refs that keep their commits; each id, as soon as the run is gone.

    Raises:
        RunNotFound, RunAmbiguous: for a reference; nothing is removed.
        RunBusy: one of them is going; nothing is removed.
    """
    wanted = list(dict.fromkeys(reconcile.find_all(box, references)))
    for run_id in wanted:
        _refuse_going(box, run_id)
    for run_id in wanted:
        pending.begin(box, run_id)
        if not box.runs.finished(run_id):
            _give_up(box, run_id)
        box.runs.remove(run_id)
        pending.end(box, run_id)
        yield run_id


def _refuse_going(box: Box, run_id: str) -> None:
    """What has ended and could not be collected may go; what still may do something may not."""
    if not box.runs.finished(run_id):
        state = box.runs.state(run_id, reconcile.container_state(box))
        if state.supervised or (state.container and state.container.status in reconcile.LIVE):
            raise RunBusy(f"run {run_id} is {state.name}", next_step=f"reprobox stop {run_id}, then remove it")


def _give_up(box: Box, run_id: str) -> None:
    with box.runs.hold(run_id) as run:
        execute.unmake(box, run, box.runs.intent(run_id))
        hidden.forget(run.path)


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What `verify` found of one run."""

    id: str
    checked: str
    damage: tuple[str, ...]
    unchecked: tuple[str, ...] = ()
    """What could not be checked; this is never the same as whole."""

    def as_json(self) -> dict[str, Any]:
        """Stable keys."""
        return {"id": self.id, "checked": self.checked, "damage": list(self.damage), "unchecked": list(self.unchecked)}


def verify(box: Box, reference: str | None, *, deep: bool = False) -> list[Checked]:
    """Re-hashes the record, the streams and every output of one run, or of all.

    Args:
        deep: also what they stand on: the log of records, the commit, image layers as the engine has them, objects, inputs.

    Raises:
        RunNotFound, RunAmbiguous: for the reference.
        RunBusy: the run has no record yet, so there is nothing that could be damaged.
    """
    reconcile.settle(box)
    wanted = [box.runs.find(reference)] if reference else [run_id for run_id in box.runs.ids() if box.runs.finished(run_id)]
    found = [_verify(box, run_id) for run_id in wanted]
    return list(_verify_deep(box, found)) if deep else found


def _verify_deep(box: Box, found: list[Checked]) -> Iterator[Checked]:
    from reprobox.flow.deep import Deep

    below = Deep(box)
    for one in found:
        try:
            parts = below.verify(box.runs.record(one.id)[0])
        except ReproboxError:
            yield one
            continue
        yield Checked(
            id=one.id,
            checked=", ".join([one.checked, *(part.checked for part in parts)]),
            damage=(*one.damage, *(text for part in parts for text in part.damage)),
            unchecked=(*one.unchecked, *(text for part in parts for text in part.unchecked)),
        )


def _verify(box: Box, run_id: str) -> Checked:
    try:
        record, _ = box.runs.record(run_id)
        outputs = box.runs.outputs(run_id)
    except RunNotFound:
        raise
    except RunBusy:
        # It goes on, so there is nothing yet that could be damaged; or its record was there once.
        if not (gone := fsck.vouched(box.runs, run_id, fsck.read_log(box.runs))):
            raise
        return Checked(id=run_id, checked="record", damage=(gone,))
    except StoreDamaged as error:
        return Checked(id=run_id, checked="record", damage=(in_a_line(error),))
    except ReproboxError as error:
        # Unreadable, or of a newer version: nobody knows whether it is damaged.
        return Checked(id=run_id, checked="nothing", damage=(), unchecked=(in_a_line(error),))
    path = box.runs.path(run_id)
    damage = list(_streams(path, record.stdout, record.stderr))
    if outputs and box.runs.outputs_stayed(run_id):
        stayed = (f"{counted(len(outputs), 'output')}: they did not come along with the run",)
        return Checked(id=run_id, checked="record, 2 streams", damage=tuple(damage), unchecked=stayed)
    unread = []
    with box.progress.task(f"verifying {run_id}", record.outputs.size) as bar:
        for output in outputs:
            try:
                if fault := _fault(path / "outputs", output):
                    damage.append(f"outputs/{output.path}: {fault}")
            except OSError as error:
                unread.append(f"outputs/{output.path}: {error.strerror}")
            bar.update(output.size)
    checked = f"record, 2 streams, {counted(len(outputs) - len(unread), 'output')}"
    return Checked(id=run_id, checked=checked, damage=tuple(damage), unchecked=tuple(unread))


def _streams(path: Path, stdout: str, stderr: str) -> Iterator[str]:
    for name, expected in (("stdout", stdout), ("stderr", stderr)):
        if not (path / name).is_file():
            if expected != canon.digest_bytes(b""):
                yield f"{name}: missing"
        elif canon.digest_file(path / name) != expected:
            yield f"{name}: changed"


def _fault(top: Path, output: OutputFile) -> str | None:
    kind, found = tree.found(top, output.path)
    if kind == "gone":
        return "missing"
    if kind != output.kind:
        return f"was a {output.kind}, is {kind if kind == 'something else' else f'a {kind}'}"
    return None if found == output.sha256 else f"changed: recorded {output.sha256}, found {found}"


def doctor(box: Box) -> dict[str, Any]:
    """What this machine offers; an engine that does not answer is a finding, not a failure."""
    flags, machine = host.cpu_flags(), host.machine()
    found: dict[str, Any] = {"reprobox": __version__, "machine": machine, "store": str(shared_home())}
    try:
        info = box.engine.info()
        found["engine"] = {key: info.get(key) for key in ("name", "version", "api", "storage", "runc", "containerd")}
        found["gpus"] = box.engine.gpus_offered() or "none can be handed over"
    except EngineUnavailable as error:
        found["engine"] = f"none answers: {error.what}"
        found["gpus"] = "unknown"
    found["cpu code"] = profiles.dispatch_class(host.met(gpus=False))
    found["profiles"] = {name: profiles.refuse(name, flags, machine) or "ok" for name in profiles.PROFILES}
    return found


def doctor_run(box: Box, reference: str) -> dict[str, Any]:
    """What a replay of a run may expect on this machine, and what would keep it from starting."""
    run_id = reconcile.find(box, reference)
    original, _ = box.runs.record(run_id)
    asked = original.intent.runspec
    found = expect.forecast(original)
    return {
        "run": run_id,
        "profile": asked.profile,
        "promise": profiles.promise(asked.profile),
        "recorded": profiles.dispatch_class(original.met),
        "here": profiles.dispatch_class(host.met(gpus=False)),
        "forecast": found.sameness,
        "reasons": list(found.reasons),
        "in the way": list(_in_the_way(box, original)),
    }


def _in_the_way(box: Box, original: Record) -> Iterator[str]:
    asked = original.intent.runspec
    try:
        run.refuse_impossible(box, asked.profile, asked.gpus)
        replay.find_inputs(box, asked.inputs)
    except ReproboxError as error:
        yield "\n".join(filter(None, (error.what, error.why)))
