"""verify: hashes what was recorded again and reports what is damaged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reprobox.context import Context
from reprobox.errors import ReproboxError, RunBusy, RunNotFound, StoreDamaged, StoreError
from reprobox.executor import reconcile
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.text import in_a_line
from reprobox.kit.units import counted
from reprobox.model.outcome import OutputFile
from reprobox.store import integrity, layout, output_tree


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
        return {
            "id": self.id,
            "checked": self.checked,
            "damage": list(self.damage),
            "unchecked": list(self.unchecked),
        }


def verify(context: Context, reference: str | None, *, deep: bool = False) -> list[Checked]:
    """Re-hashes the record, the streams and every output of one run, or of all.

    Args:
        deep: also what they stand on: the log of records, the commit, image layers as the engine
            has them, objects, inputs.

    Raises:
        RunNotFound, RunAmbiguous: for the reference.
        RunBusy: the run has no record yet, so there is nothing that could be damaged.
    """
    reconcile.settle(context)
    wanted = (
        [context.runs.find(reference)]
        if reference
        else [run_id for run_id in context.runs.ids() if _to_be_verified(context, run_id)]
    )
    # Of one run alone the whole record is hashed, which is sooner done than reading the log.
    log = None if reference else _log(context)
    found = [_verify(context, run_id, log) for run_id in wanted]
    return list(_verify_deep(context, found)) if deep else found


def _to_be_verified(context: Context, run_id: str) -> bool:
    """Whether a run has a record, or belongs to another user, which is then said."""
    try:
        return context.runs.finished(run_id)
    except StoreError:
        return True


def _verify_deep(context: Context, found: list[Checked]) -> Iterator[Checked]:
    from reprobox.commands.shared.deep_verify import Deep

    below = Deep(context)
    for one in found:
        try:
            parts = below.verify(context.runs.record(one.id)[0])
        except ReproboxError:
            yield one
            continue
        yield Checked(
            id=one.id,
            checked=", ".join([one.checked, *(part.checked for part in parts)]),
            damage=(*one.damage, *(text for part in parts for text in part.damage)),
            unchecked=(*one.unchecked, *(text for part in parts for text in part.unchecked)),
        )


def _log(context: Context) -> integrity.Log | None:
    """The log of records; None where it cannot be read, so that no record is believed for it."""
    try:
        return integrity.read_log(context.runs)
    except ReproboxError:
        return None


def _verify(context: Context, run_id: str, log: integrity.Log | None) -> Checked:
    try:
        record, _ = context.runs.record(run_id, log.announced(run_id) if log else None)
        outputs = context.runs.outputs(run_id, record)
    except RunNotFound:
        raise
    except RunBusy:
        # It is running, so there is nothing yet that could be damaged; or its record has
        # disappeared.
        if not (gone := integrity.vouched(context.runs, run_id, integrity.read_log(context.runs))):
            raise
        return Checked(id=run_id, checked="record", damage=(gone,))
    except StoreDamaged as error:
        return Checked(id=run_id, checked="record", damage=(in_a_line(error),))
    except ReproboxError as error:
        # Unreadable, or of a newer version: whether it is damaged is not known.
        return Checked(id=run_id, checked="nothing", damage=(), unchecked=(in_a_line(error),))
    path = context.runs.path(run_id)
    damage = list(_streams(path, record.stdout, record.stderr))
    missing = not layout.exists(f"{path}/outputs")
    if outputs and missing and context.runs.outputs_stayed(run_id):
        stayed = (f"{counted(len(outputs), 'output')}: they were not included with the run",)
        return Checked(
            id=run_id, checked="record, 2 streams", damage=tuple(damage), unchecked=stayed
        )
    unread = []
    with context.progress.task(f"verifying {run_id}", record.outputs.size) as bar:
        for output in outputs:
            try:
                if fault := _fault(f"{path}/outputs", output):
                    damage.append(f"outputs/{output.path}: {fault}")
            except OSError as error:
                unread.append(f"outputs/{output.path}: {error.strerror}")
            bar.update(output.size)
    checked = f"record, 2 streams, {counted(len(outputs) - len(unread), 'output')}"
    return Checked(id=run_id, checked=checked, damage=tuple(damage), unchecked=tuple(unread))


def _streams(path: Path, stdout: str, stderr: str) -> Iterator[str]:
    for name, expected in (("stdout", stdout), ("stderr", stderr)):
        if not os.path.isfile(place := f"{path}/{name}"):
            if expected != canon.digest_bytes(b""):
                yield f"{name}: missing"
        elif canon.digest_file(place) != expected:
            yield f"{name}: changed"


def _fault(top: str, output: OutputFile) -> str | None:
    kind, found = output_tree.found(top, output.path)
    if kind == "gone":
        return "missing"
    if kind != output.kind:
        return f"was a {output.kind}, is {kind if kind == 'something else' else f'a {kind}'}"
    return None if found == output.sha256 else f"changed: recorded {output.sha256}, found {found}"
