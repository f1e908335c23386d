"""Slurm, by its own commands. Nothing here needs `sacct`: small clusters have no accounting."""

from __future__ import annotations

import functools
import math
import os
import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from reprobox.errors import GpuUnavailable, SchedulerError
from reprobox.executor import slurm_offers
from reprobox.executor.attach import GRACE
from reprobox.executor.scheduler import Batch, Here, JobState, Offers
from reprobox.kit import proc, units
from reprobox.kit.regex import regex
from reprobox.model.outcome import Reason

if TYPE_CHECKING:
    from reprobox.config.cluster import SlurmSettings

_PATIENCE = 60.0
"""Seconds for one answer; a busy controller takes long."""
_OVER: Mapping[str, Reason] = {
    "BOOT_FAIL": "lost",
    "CANCELLED": "interrupted",
    "COMPLETED": "lost",
    "DEADLINE": "timeout",
    "FAILED": "lost",
    "NODE_FAIL": "lost",
    "OUT_OF_MEMORY": "oom",
    "PREEMPTED": "interrupted",
    "REVOKED": "lost",
    "TIMEOUT": "timeout",
}
"""States in which a job does nothing more (squeue(1), "JOB STATE CODES")."""
_RUNNING = ("RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT", "SUSPENDED", "STOPPED", "RESIZING")
_TYPED = regex(r"gpu:([A-Za-z][\w.-]*)(?::\d+)?")
_CHOOSING = ("--gres", "--gpus", "-G", "--constraint", "-C", "--nodelist", "-w")
"""Options by which the user chooses the GPU, or the node."""
_AT_ONCE = 200
"""Jobs of one command."""
_ROOM = 3.0
"""Of the seconds between TERM and KILL, kept for the record."""


class Slurm:
    """Implements `scheduler.Scheduler`."""

    def __init__(self, settings: Callable[[], SlurmSettings], options: Sequence[str] = ()) -> None:
        """Args: `settings` reads the user's; a worker, and a look at the queue, need none."""
        self._read, self._options = settings, tuple(options)
        self._asking = threading.Lock()
        self._said: Mapping[str, str] | None = None

    @functools.cached_property
    def _settings(self) -> SlurmSettings:
        return self._read()

    @property
    def _config(self) -> Mapping[str, str]:
        """Asked once, by whichever thread is first."""
        with self._asking:
            if self._said is None:
                lines = _ask("scontrol", "show", "config").splitlines()
                pairs = (line.partition("=") for line in lines if "=" in line)
                self._said = {name.strip(): value.strip() for name, _, value in pairs}
            return self._said

    def _number(self, name: str, otherwise: int) -> int:
        digits = self._config.get(name, "").partition(" ")[0]
        return int(digits) if digits.isdigit() else otherwise

    def cluster(self) -> str:
        return self._config.get("ClusterName", "")

    def grace(self) -> float:
        return min(GRACE, max(1.0, self._number("KillWait", 30) - _ROOM))

    def most_tasks(self) -> int:
        # An index is below MaxArraySize, and every task counts as a job.
        array, jobs = self._number("MaxArraySize", 1001), self._number("MaxJobCount", 10000)
        return max(1, min(array - 1, jobs // 2))

    def offers(self) -> Offers:
        return Offers(
            cluster=self.cluster(),
            version=f"Slurm {self._config.get('SLURM_VERSION', 'of an unknown version')}",
            partitions=tuple(
                slurm_offers.partitions(_ask("sinfo", "-h", "-o", slurm_offers.FORMAT))
            ),
            limits=slurm_offers.limits(self._config),
        )

    def submit(self, batch: Batch) -> str:
        gpu_type = self._gpu_type(batch.gpu_model) if batch.gpu_model else ""
        words = [*_fixed(batch), *_needs(batch, gpu_type), *self._own(), *self._options]
        answer = _ask("sbatch", *words, stdin=batch.script)
        return answer.strip().partition(";")[0]

    def _own(self) -> Iterable[str]:
        """What the user's cluster.yaml says."""
        settings = self._settings
        named = (
            ("partition", settings.partition),
            ("account", settings.account),
            ("time", settings.time),
        )
        yield from (f"--{name}={value}" for name, value in named if value)
        yield from settings.options

    def _gpu_type(self, model: str) -> str:
        """How the cluster calls a GPU that a record names: `h100` for NVIDIA H100 80GB HBM3.

        Raises:
            GpuUnavailable: where the jobs go there is none.
        """
        if any(word.startswith(_CHOOSING) for word in self._options):
            return ""  # the user has chosen
        own = [word for word in self._own() if word.startswith("--partition")]
        given = [word for word in self._options if word.startswith(("--partition=", "-p"))]
        text = _ask("sinfo", "-h", "-o", "%G", *(given[-1:] or own))
        types = {found[1] for found in _TYPED.finditer(text)}
        words = re.split(r"[^a-z0-9]+", model.lower())
        for one in sorted(types, key=len, reverse=True):
            if set(re.split(r"[^a-z0-9]+", one.lower())) <= set(words):
                return one
        raise GpuUnavailable(
            f"the recorded run had {model}, and this partition says it has "
            f"{', '.join(sorted(types)) or 'none of a named model'}",
            why="Another model computes other bits.",
            next_step="choose a partition, or the GPU yourself, after --: -- --gres=gpu:TYPE:1",
        )

    def job_of(self, batch: str, task: int, tasks: int) -> str:
        return f"{batch}_{task}" if tasks > 1 else batch

    def task(self) -> str:
        return "${SLURM_ARRAY_TASK_ID:-0}"

    @functools.cached_property
    def _me(self) -> str:
        return str(os.getuid())

    def states(self) -> Mapping[str, JobState]:
        form = "%i|%T|%r|%N"
        text = _ask("squeue", "-h", "-r", "-t", "all", "-u", self._me, "-o", form)
        rows = (line.split("|") for line in text.splitlines())
        return {row[0]: _state(*row[1:4]) for row in rows if len(row) == 4}

    def named(self, name: str) -> str | None:
        text = _ask("squeue", "-h", "-t", "all", "-u", self._me, "-n", name, "-o", "%F")
        return next(iter(text.split()), None)

    def cancel(self, jobs: Sequence[str], *, kill: bool) -> None:
        names = _ranges(jobs)
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            if kill:
                # TERM would be sent first, and the program given its time.
                _cancel("--full", "--signal=KILL", *some)
            _cancel(*some)

    def here(self) -> Here | None:
        env = os.environ
        if "SLURM_JOB_ID" not in env:
            return None
        array, task = env.get("SLURM_ARRAY_JOB_ID"), env.get("SLURM_ARRAY_TASK_ID")
        job = f"{array}_{task}" if array and task else env["SLURM_JOB_ID"]
        restarts = int(env.get("SLURM_RESTART_COUNT") or 0)
        cpus = env.get("SLURM_CPUS_ON_NODE", "")
        # The ids on the host. CUDA_VISIBLE_DEVICES counts within the job, where Slurm confines it.
        devices = env.get("SLURM_JOB_GPUS") or env.get("SLURM_STEP_GPUS")
        return Here(
            job=job,
            attempt=f"{job}.{restarts}",
            node=env.get("SLURMD_NODENAME") or socket.gethostname(),
            restarts=restarts,
            cpus=float(cpus) if cpus.isdigit() else None,
            memory=_memory(env),
            gpus=tuple(devices.split(",")) if devices else None,
        )

    def requeue(self, job: str) -> bool:
        try:
            _ask("scontrol", "requeue", job)
        except SchedulerError:
            return False
        return True


def _cancel(*words: str) -> None:
    try:
        _ask("scancel", *words)
    except SchedulerError as refused:
        # Jobs that are over are forgotten after MinJobAge seconds; the others were cancelled.
        if "Invalid job id" not in (refused.why or ""):
            raise


def _ranges(jobs: Sequence[str]) -> list[str]:
    """Jobs as scancel takes many: `7_[0-9,11]` for tasks of an array."""
    arrays, names = dict[str, list[int]](), list[str]()
    for job in jobs:
        array, _, task = job.partition("_")
        if task.isdigit():
            arrays.setdefault(array, []).append(int(task))
        else:
            names.append(job)
    for array, numbers in arrays.items():
        spans: list[list[int]] = []
        for number in sorted(set(numbers)):
            if spans and spans[-1][1] == number - 1:
                spans[-1][1] = number
            else:
                spans.append([number, number])
        text = ",".join(f"{a}-{b}" if a < b else str(a) for a, b in spans)
        names.append(f"{array}_{text}" if text.isdigit() else f"{array}_[{text}]")
    return names


def _fixed(batch: Batch) -> Iterable[str]:
    yield from ("--parsable", "--nodes=1", "--ntasks=1", "--requeue", "--open-mode=append")
    yield f"--job-name={batch.name}"
    yield f"--chdir={batch.directory}"
    yield f"--output={str(batch.log).replace('{task}', '%a' if batch.tasks > 1 else '0')}"
    if batch.tasks > 1:
        throttle = f"%{batch.at_once}" if batch.at_once else ""
        yield f"--array=0-{batch.tasks - 1}{throttle}"


def _needs(batch: Batch, gpu_type: str) -> Iterable[str]:
    """What the runs ask for; the largest of each."""
    asked = [spec.resources for spec in batch.asked]
    cpus = [max(spec.threads, math.ceil(spec.resources.cpus or 1)) for spec in batch.asked]
    yield f"--cpus-per-task={max(cpus, default=1)}"
    memory = [units.bytes_of(one.memory) for one in asked if one.memory]
    if memory:
        yield f"--mem={math.ceil(max(memory) / 2**20)}M"
    limits = [one.timeout for one in asked]
    if limits and all(limits):
        # A minute more for each run, so that the run's own limit is the one that is met.
        each = math.ceil(max(filter(None, limits)) / 60) + 1
        yield f"--time={each * batch.runs_of_a_task}"
    count = max((count_of(spec.gpus) for spec in batch.asked if spec.gpus), default=0)
    if count:
        yield f"--gres=gpu:{gpu_type}:{count}" if gpu_type else f"--gres=gpu:{count}"


def count_of(gpus: str) -> int:
    """How many GPUs a run asks a scheduler for.

    Raises:
        GpuUnavailable: it asks for all, and of which node cannot be known.
    """
    from reprobox.engine.gpu import requests

    request = requests.parse(gpus)
    named = len(request.devices) or len(request.cdi)
    if request.count < 0 or any(name.endswith("=all") for name in request.cdi):
        raise GpuUnavailable(
            "a scheduler hands out a number of GPUs, and `gpus: all` is none",
            next_step="give a number: --gpus 1",
        )
    return named or request.count


def _state(word: str, why: str, node: str) -> JobState:
    word = word.strip()
    reason = _OVER.get(word)
    said = "" if why in ("None", "") else why
    if reason is not None:
        return JobState(name="over", word=word, why=said, node=node, reason=reason)
    # A word of a later Slurm that is not known here is not taken for an end.
    return JobState(
        name="running" if word in _RUNNING else "queued", word=word, why=said, node=node
    )


def _memory(env: Mapping[str, str]) -> int | None:
    """Bytes that the job was given on its node; None where Slurm does not divide memory."""
    node, each = env.get("SLURM_MEM_PER_NODE", ""), env.get("SLURM_MEM_PER_CPU", "")
    if node.isdigit() and int(node):
        return int(node) << 20
    cpus = env.get("SLURM_CPUS_ON_NODE", "")
    if each.isdigit() and int(each) and cpus.isdigit():
        return int(each) * int(cpus) << 20
    return None


def _ask(program: str, *words: str, stdin: str | None = None) -> str:
    """What one of Slurm's commands answers."""
    given = None if stdin is None else stdin.encode()
    try:
        done = proc.run([program, *words], stdin=given, timeout=_PATIENCE)
    except FileNotFoundError as fault:
        raise SchedulerError(
            f"there is no command {program} on this machine",
            why="Slurm's own commands are used.",
            next_step="run this on a login node of the cluster",
        ) from fault
    except proc.TooLong as fault:
        raise SchedulerError(
            f"{program} gave no answer within {_PATIENCE:g} s", next_step="scontrol ping"
        ) from fault
    if not done.ok:
        raise SchedulerError(
            f"{program} refused", why=done.error_text, next_step="scontrol ping; sinfo"
        )
    return done.out.decode("utf-8", "replace")
