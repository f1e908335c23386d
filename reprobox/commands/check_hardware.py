"""check --hardware: the same first steps on each core, or each GPU, in turn.

Devices of one kind give the same bits for the same program. Where one gives others than most of its
equals do, it is run once more: the same other bits again mean that the device is wrong (or that the
program asks which device it runs on); new bits mean that nothing there can be relied on.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from pathlib import Path

from reprobox.commands import check
from reprobox.commands.shared import comparison, intents
from reprobox.commands.shared.code_choice import WORK_TREE, Choice
from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.executor.base import Job
from reprobox.executor.trial_runs import Trials, trail_env
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.record import Intent, Record
from reprobox.model.verdict import Class, TrailComparison

TAG = "hardware"


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What one device gave."""

    bits: str
    """Digest over all that was compared; equal bits, equal digests."""
    run: str
    compared: bool
    """Whether there was anything."""


@dataclass(frozen=True, kw_only=True)
class Odd:
    """A device that gives other bits than most."""

    device: str
    stable: bool
    """Whether it gave the same other bits twice."""
    trail: TrailComparison | None = None
    files: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        how = "the same other bits twice" if self.stable else "other bits each time"
        seen = self.trail
        if seen and seen.state == "different":
            names = ", ".join(seen.tensors or ())
            return f"{self.device} gives {how}: step {seen.step}, {seen.kind} {names}".rstrip()
        where = f": {', '.join(self.files)}" if self.files else ""
        return f"{self.device} gives {how}{where}"


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What all devices gave."""

    result: Class
    devices: tuple[str, ...]
    odd: tuple[Odd, ...] = ()
    why: str = ""
    """Where nothing can be said of any device."""
    bits: dict[str, str] = field(default_factory=dict)
    """Device to the digest of what it gave."""

    @property
    def same(self) -> bool:
        return self.result.same


@dataclass(frozen=True, kw_only=True)
class _Device:
    name: str
    cpuset: str | None = None
    gpu: str | None = None

    def job(self, job: Job) -> Job:
        """The same job, on this device alone."""
        return replace(job, cpuset=self.cpuset, gpus=self.gpu or job.gpus)


def check_hardware(
    context: Context,
    config: Path,
    overrides: Sequence[str],
    *,
    steps: int,
    limit: float = check.LIMIT,
    gpus: Sequence[str] = (),
    cpus: Sequence[int] = (),
    choice: Choice = WORK_TREE,
) -> Examined:
    """Runs the first steps on each device.

    Args:
        gpus: numbers or UUIDs of GPUs; none: the CPUs are looked at.
        cpus: numbers of CPUs; none: all that this process may use.

    Raises:
        as `run`, before anything is run; UsageError where there are not two devices to compare.
    """
    numbers = cpus or sorted(os.sched_getaffinity(0))
    devices = [_Device(name=f"GPU {one}", gpu=f"device={one}") for one in gpus] or [
        _Device(name=f"CPU {one}", cpuset=str(one)) for one in numbers
    ]
    if len(devices) < 2:
        raise UsageError(
            f"{devices[0].name} alone has nothing to be compared with",
            next_step="name several: --devices 0,1",
        )
    asked = intents.temporary(context, config, overrides, gpus=devices[0].gpu, choice=choice)
    with asked as (_, intent, job), Trials(context) as trials:
        return _Each(context, trials, intent, job, steps, limit).judged(devices)


@dataclass(frozen=True)
class _Each:
    """Makes one run on each device."""

    context: Context
    trials: Trials
    intent: Intent
    job: Job
    steps: int
    limit: float

    def judged(self, devices: Sequence[_Device]) -> Examined:
        seen = {}
        for number, device in enumerate(devices, 1):
            self.context.progress.note(f"hardware: {device.name} ({number} of {len(devices)})")
            seen[device.name] = self.run(device)
        found = Examined(
            result=Class.IDENTICAL,
            devices=tuple(seen),
            bits={name: one.bits for name, one in seen.items()},
        )
        if failed := [name for name, one in seen.items() if not one.compared]:
            why = (
                f"nothing to compare on {', '.join(failed)}: the program failed or left nothing, "
                "or the engine did not hold it to that CPU"
            )
            return replace(found, result=Class.NOT_CHECKED, why=why)
        groups = Counter(one.bits for one in seen.values())
        (usual, most), *others = groups.most_common()
        if not others:
            return found
        if most == 1 or most == others[0][1]:
            return replace(found, result=Class.DIFFERENT, why=_no_majority(len(groups), len(seen)))
        reference = next(one for one in seen.values() if one.bits == usual)
        odd = tuple(
            self.odd(device, seen[device.name], reference)
            for device in devices
            if seen[device.name].bits != usual
        )
        return replace(found, result=Class.DIFFERENT, odd=odd)

    def run(self, device: _Device) -> _Seen:
        trial = check.variant(self.context, self.intent, trail_env(self.steps), self.limit, tag=TAG)
        record = self.trials.run(trial, device.job(self.job))
        seen = _seen(self.context, record)
        cpu = record.observed.cpu
        held = device.cpuset is None or (cpu is not None and cpu.allowed == 1)
        return seen if held else replace(seen, compared=False)

    def odd(self, device: _Device, seen: _Seen, reference: _Seen) -> Odd:
        """What differs on a device, and whether it does so again."""
        again = self.run(device)
        found = comparison.compare(self.context, reference.run, seen.run, trails="always")
        return Odd(
            device=device.name,
            stable=again.bits == seen.bits,
            trail=found.trail,
            files=tuple(file.path for file in found.files if not file.state.implies.same),
        )


def _no_majority(kinds: int, devices: int) -> str:
    if kinds == devices and devices > 2:
        return (
            f"{devices} devices gave {kinds} different results, so the program itself is not "
            "reproducible: `reprobox check` names the cause"
        )
    return f"{devices} devices gave {kinds} different results, and none has a majority"


def _seen(context: Context, record: Record) -> _Seen:
    """The trails where there are any, since outputs are not whole after few steps; else outputs."""
    run = context.runs.path(record.id)
    trails = {path.name: path.read_bytes() for path in sorted(run.glob("trail*.jsonl"))}
    steps = {name: data for name, data in trails.items() if data.count(b"\n") > 1}
    outputs = [(file.path, file.sha256) for file in context.runs.outputs(record.id)]
    compared = bool(steps or outputs) and record.exit.reason in ("exited", "timeout")
    found = (
        [[name, str(canon.digest_bytes(data))] for name, data in steps.items()]
        if steps
        else [list(one) for one in outputs]
    )
    bits = str(canon.digest_bytes(canon.canonical([record.exit.code, found])))
    return _Seen(bits=bits, run=record.id, compared=compared and not record.exit.code)


def reasons(found: Examined) -> Iterator[str]:
    """What is to be said of single devices."""
    yield from ([found.why] if found.why else [])
    yield from (one.sentence for one in found.odd)
