"""Why two runs may differ: a table of rules over what was asked and what was observed, the most
likely cause first.

A cause is a difference that was recorded, never a proof; where nothing recorded differs, the cause
says so, with what to try.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from reprobox.judge import config_diff, languages, name_causes, seeds, unreached, value_causes
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.observed import Gpu, Observed, Process, Torch
from reprobox.model.verdict import Cause, FileVerdict, TrailComparison

Facts = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One side: the RunSpec as plain JSON, what was observed, and the resolved config where it is
    known.
    """

    runspec: Facts
    observed: Observed
    config: Facts = field(default_factory=dict)

    @property
    def processes(self) -> list[Process]:
        """Those that the injected runtime reached."""
        return self.observed.processes


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One row: what it reads on each side, and what to try when the sides differ. An empty text is
    an unknown and never differs.
    """

    weight: int
    what: str
    read: Callable[[Run], str]
    advice: str


def _join(texts: Iterable[str]) -> str:
    return ", ".join(sorted({text for text in texts if text}))


def _asked(key: str) -> Callable[[Run], str]:
    return lambda run: "" if run.runspec.get(key) is None else str(run.runspec[key])


def _observed(read: Callable[[Observed], object]) -> Callable[[Run], str]:
    return lambda run: _text(read(run.observed))


def _torch(read: Callable[[Torch], object]) -> Callable[[Run], str]:
    """What torch reported, over all processes."""
    return lambda run: _join(_text(read(one.torch)) for one in run.processes if one.torch)


def _gpu(read: Callable[[Gpu], str | None]) -> Callable[[Run], str]:
    """A property of the GPUs."""
    return lambda run: _join(_text(read(one)) for one in run.observed.gpus or ())


def _text(value: object) -> str:
    return "" if value is None else str(value)


_GPU = (
    "no setting gives equal bits across GPU models, drivers or slices; replay on the recorded one"
)
_CPU = (
    "use profile portable-avx2 for new runs; for this record, replay --as-recorded may reach the "
    "recorded CPU code"
)
RULES: tuple[Rule, ...] = (
    Rule(
        weight=100,
        what="commit",
        read=_asked("commit"),
        advice="compare runs of one commit, or read the diff between the two",
    ),
    Rule(
        weight=99,
        what="image",
        read=_asked("image"),
        advice="replay with the recorded image; another image is another experiment",
    ),
    Rule(
        weight=98,
        what="command",
        read=_asked("argv"),
        advice="the two runs were asked to do different things",
    ),
    Rule(
        weight=97,
        what="config",
        read=_asked("config_digest"),
        advice="the script reads another config file",
    ),
    Rule(weight=95, what="seed", read=_asked("seed"), advice="use one seed"),
    Rule(
        weight=94,
        what="threads",
        read=_asked("threads"),
        advice="sums are split by thread: use one number of threads",
    ),
    Rule(weight=93, what="profile", read=_asked("profile"), advice="use one determinism profile"),
    Rule(
        weight=92,
        what="injected runtime",
        read=_asked("runtime"),
        advice="replay with the runtime that is kept with the record",
    ),
    Rule(weight=90, what="GPU model", read=_gpu(lambda gpu: gpu.name), advice=_GPU),
    Rule(
        weight=89, what="GPU slice (MIG)", read=_gpu(lambda gpu: gpu.mig_mode_current), advice=_GPU
    ),
    Rule(weight=88, what="GPU memory", read=_gpu(lambda gpu: gpu.memory_total), advice=_GPU),
    Rule(
        weight=87,
        what="GPU multiprocessors",
        read=_torch(lambda torch: torch.sm_counts),
        advice=_GPU,
    ),
    Rule(weight=86, what="GPU driver", read=_gpu(lambda gpu: gpu.driver_version), advice=_GPU),
    Rule(
        weight=84,
        what="torch CPU code",
        read=_torch(lambda torch: torch.cpu_capability),
        advice=_CPU,
    ),
    Rule(
        weight=82,
        what="threads of torch",
        read=_torch(lambda torch: torch.threads_at_exit),
        advice="set threads in the config, not in code",
    ),
    Rule(
        weight=80,
        what="torch",
        read=_torch(lambda torch: torch.version),
        advice="lock one version of torch",
    ),
    Rule(
        weight=79,
        what="cuDNN",
        read=_torch(lambda torch: torch.cudnn),
        advice="lock one version of cuDNN",
    ),
    Rule(
        weight=60,
        what="CPU vendor",
        read=_observed(lambda seen: seen.cpu and seen.cpu.vendor),
        advice=_CPU,
    ),
    Rule(
        weight=50,
        what="C library",
        read=_observed(lambda seen: seen.libc),
        advice="replay with the recorded image",
    ),
    Rule(
        weight=40,
        what="CPU model",
        read=_observed(lambda seen: seen.cpu and seen.cpu.model_name),
        advice=_CPU,
    ),
    Rule(
        weight=35,
        what="CPUs allowed",
        read=_observed(lambda seen: seen.cpu and seen.cpu.allowed),
        advice="code that asks for the number of CPUs sees another one",
    ),
    Rule(
        weight=34,
        what="fixed places in memory",
        read=_observed(lambda seen: seen.security and seen.security.personality),
        advice="sets of objects that hash by their address have another order: sort them",
    ),
    Rule(
        weight=30,
        what="CPU quota",
        read=_observed(lambda seen: seen.cgroup and seen.cgroup.cpus),
        advice="code that asks for the quota sees another one",
    ),
    Rule(
        weight=25,
        what="file system",
        read=_observed(lambda seen: seen.files and seen.files.system),
        advice="the order of a directory is the file system's own for a program that asks the "
        "kernel itself (statically linked, ftw); sizes of directories, device and inode numbers "
        "and free space differ, too",
    ),
    Rule(
        weight=20,
        what="address randomisation",
        read=_observed(lambda seen: seen.security and seen.security.aslr),
        advice="sets of objects are ordered by address: sort",
    ),
    Rule(
        weight=15,
        what="kernel",
        read=_observed(lambda seen: seen.kernel and seen.kernel.release),
        advice="rarely a cause; look at the others first",
    ),
    Rule(
        weight=12,
        what="limit of open files",
        read=_observed(lambda seen: seen.files and seen.files.open),
        advice="a program that sizes pools by it takes other sizes",
    ),
    Rule(
        weight=11,
        what="disk of the work tree",
        read=_observed(lambda seen: seen.files and seen.files.device),
        advice="a program that looks at device or inode numbers, or at free space, sees other ones",
    ),
    Rule(
        weight=10,
        what="memory",
        read=_observed(lambda seen: seen.memory and seen.memory.total),
        advice="rarely a cause, unless the program sizes its batches by it",
    ),
)
_WATCHING = ("REPROBOX_TRAIL", "REPROBOX_OPTRACE", "REPROBOX_STOP")
"""Variables that make a run write more, or end earlier, and change no number."""
_TELLING = 10
"""Weights below this are asides: they explain nothing alone."""


def causes(
    left: Run,
    right: Run,
    *,
    files: Sequence[FileVerdict] = (),
    trail: TrailComparison | None = None,
    dispatch: Callable[[Observed], str] | None = None,
    cut_off: bool = False,
) -> tuple[Cause, ...]:
    """Ranked causes, the most likely first.

    Args:
        left: the original.
        right: the replay.
        files: the verdicts of their outputs, for what a difference looks like.
        trail: what the comparison of the trails found.
        dispatch: names the class of CPU code (`runtime.profiles.dispatch_class`).
        cut_off: whether one of them was ended from outside, which is reason enough for a
            difference.
    """
    found = [cause for rule in RULES if (cause := _apply(rule, left, right)) is not None]
    found = [
        *_config(found, left, right),
        *_inputs(left, right),
        *_inputs_changed(left, right),
        *_environment(left, right),
        *_packages(left, right),
        *_markers(left, right),
        *_entropy(left, right),
        *_threads(left, right),
        *seeds.differ(left.processes, right.processes),
        *_unfixed(left, right),
    ]
    ordinary = any(cause.weight > value_causes.BYTE for cause in found)
    found += value_causes.causes(files, ordinary=ordinary)
    found += name_causes.causes(files)
    if dispatch is not None:
        rule = Rule(
            weight=85,
            what="CPU dispatch class",
            read=lambda run: dispatch(run.observed).replace("unknown", ""),
            advice=_CPU,
        )
        found += [cause for cause in (_apply(rule, left, right),) if cause is not None]
    ranked = sorted(found, key=lambda cause: -_weight(cause, left))
    telling = [cause for cause in ranked if cause.weight >= _TELLING]
    return tuple(ranked) if telling or cut_off else (*_nothing(trail), *ranked)


def _apply(rule: Rule, left: Run, right: Run) -> Cause | None:
    ours, theirs = rule.read(left), rule.read(right)
    if not ours or not theirs or ours == theirs:
        return None
    return Cause(what=rule.what, ours=ours, theirs=theirs, advice=rule.advice, weight=rule.weight)


def _weight(cause: Cause, left: Run) -> int:
    """Under a portable profile the CPU should not matter, so it is suspected last."""
    portable = str(left.runspec.get("profile", "")).startswith("portable")
    return cause.weight - 60 if portable and cause.advice == _CPU else cause.weight


def _config(found: list[Cause], left: Run, right: Run) -> Iterable[Cause]:
    """The keys instead of the file's digest, where the configs are known."""
    keys = (
        tuple(config_diff.differ(left.config, right.config)) if left.config and right.config else ()
    )
    for cause in found:
        if cause.what == "config" and any(key.weight == cause.weight for key in keys):
            continue
        if cause.what == "config" and config_diff.same_values(left.config, right.config):
            cause = replace(
                cause,
                advice="the same values in another spelling (comments, order of keys)",
                weight=33,
            )
        yield cause
    yield from keys


def _inputs(left: Run, right: Run) -> Iterable[Cause]:
    ours, theirs = (
        {pin["path"]: pin["digest"] for pin in run.runspec.get("inputs") or ()}
        for run in (left, right)
    )
    for path in sorted(ours.keys() | theirs.keys()):
        if ours.get(path) != theirs.get(path):
            advice = "the two runs read different data here"
            yield Cause(
                what=f"input {path}",
                ours=ours.get(path, "absent"),
                theirs=theirs.get(path, "absent"),
                advice=advice,
                weight=96,
            )


def _inputs_changed(left: Run, right: Run) -> Iterable[Cause]:
    """Inputs that another process wrote while a run read them."""
    for side, run in (("ours", left), ("theirs", right)):
        for change in run.observed.inputs_changed:
            yield Cause(
                what=change.sentence,
                ours="changed" if side == "ours" else "",
                theirs="changed" if side == "theirs" else "",
                advice="run it again when nothing writes to its inputs",
                weight=97,
            )


def _environment(left: Run, right: Run) -> Iterable[Cause]:
    ours, theirs = left.runspec.get("env") or {}, right.runspec.get("env") or {}
    named = (
        {"REPROBOX_SEED", "REPROBOX_PROFILE", "PL_GLOBAL_SEED"}
        if left.runspec.get("seed") != right.runspec.get("seed")
        else set()
    )
    if left.runspec.get("threads") != right.runspec.get("threads"):
        named |= {name for name in ours if name.endswith("_NUM_THREADS")}
    if left.runspec.get("commit") != right.runspec.get("commit"):
        named.add("SOURCE_DATE_EPOCH")
    if left.runspec.get("profile") != right.runspec.get("profile"):
        named |= (ours.keys() | theirs.keys()) - config_diff.variables(left.config, right.config)
    for name in sorted((ours.keys() | theirs.keys()) - named):
        if ours.get(name) != theirs.get(name) and not name.startswith(_WATCHING):
            advice = "a variable of the environment differs"
            yield Cause(
                what=f"variable {name}",
                ours=str(ours.get(name, "")),
                theirs=str(theirs.get(name, "")),
                advice=advice,
                weight=91,
            )


def _packages(left: Run, right: Run) -> Iterable[Cause]:
    for kind in ("python", "debian"):
        ours, theirs = ((run.observed.packages or {}).get(kind, {}) for run in (left, right))
        if not ours or not theirs:
            continue
        names = sorted(
            name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
        )
        for name in names[:10]:
            advice = "replay with the recorded image"
            yield Cause(
                what=f"package {name}",
                ours=ours.get(name, "absent"),
                theirs=theirs.get(name, "absent"),
                advice=advice,
                weight=81,
            )


def _markers(left: Run, right: Run) -> Iterable[Cause]:
    """Processes that the injection did not reach, or where it failed."""
    ours, theirs = (
        unreached.outside(run.runspec.get("argv") or (), run.observed) for run in (left, right)
    )
    language = languages.seed_advice(left.runspec.get("argv") or ())
    for what in dict.fromkeys((*ours, *theirs)):
        yield Cause(
            what=f"a process outside the profile: {what}",
            ours="outside" if what in ours else "",
            theirs="outside" if what in theirs else "",
            advice=language
            or "no seed and no switch reached it: start it plainly, without -I, -E or -S, and "
            "keep PYTHONPATH",
            weight=93 if bool(ours) != bool(theirs) else 80,
        )
    for what in sorted({*unreached.static(left.observed), *unreached.static(right.observed)}):
        yield Cause(
            what=f"a statically linked program: {what}",
            ours="",
            theirs="",
            advice="nothing can be preloaded into it: it sees the file system's order of a "
            "directory; sort what it lists",
            weight=9,
        )
    for what in sorted({*unreached.others(left.observed), *unreached.others(right.observed)}):
        own = languages.seed_advice(what.split())
        yield Cause(
            what=f"a program that is not Python: {what}",
            ours="",
            theirs="",
            advice=own or "no profile applies to a program that is not Python; rarely a cause",
            weight=70 if own else 7,
        )


def _entropy(left: Run, right: Run) -> Iterable[Cause]:
    """Draws that no seed fixes, as the injected runtime saw them; also those of both sides, because
    these are what makes two equal runs differ.
    """
    ours, theirs = (
        {f"{draw.what} at {draw.place}" for one in run.processes for draw in one.entropy or ()}
        for run in (left, right)
    )
    for what in sorted(ours | theirs):
        # A library that draws on both sides does so for names and keys, when it is imported; a line
        # of the program draws for its results.
        harmless = "-packages/" in what and what in ours and what in theirs
        advice = (
            "a library's own draw, seldom a cause"
            if harmless
            else "this draws from the system's entropy: give it a seed"
        )
        yield Cause(
            what=f"draw without a seed: {what}",
            ours="drawn" if what in ours else "",
            theirs="drawn" if what in theirs else "",
            advice=advice,
            weight=6 if harmless else 78,
        )


_SEVERAL = 2
"""Workers at once that can overtake each other."""


def _threads(left: Run, right: Run) -> Iterable[Cause]:
    """Threads, and worker processes, that ran at once: what they write or add up together is in the
    order of the moment.
    """
    ours, theirs = (_at_once(run) for run in (left, right))
    for place in sorted(ours.keys() | theirs.keys()):
        counts = [side.get(place, 0) for side in (ours, theirs)]
        if max(counts) >= _SEVERAL:
            yield Cause(
                what=f"threads that race: {max(counts)} at once, started at {place}",
                ours=str(counts[0]),
                theirs=str(counts[1]),
                advice="they finish in the order of the moment: use one worker, or take results "
                "in a fixed order",
                weight=77,
            )
    workers = [sum(bool(one.forked) for one in run.processes) for run in (left, right)]
    if max(workers) >= _SEVERAL:
        yield Cause(
            what=f"worker processes: {max(workers)}",
            ours=str(workers[0]),
            theirs=str(workers[1]),
            advice="results that are taken as they come (imap_unordered, as_completed) are in the "
            "order of the moment: take them in a fixed order",
            weight=9,
        )


def _at_once(run: Run) -> dict[str, int]:
    """Threads by the line that started them: the most at one time, in any process."""
    found: dict[str, int] = {}
    for process in run.processes:
        for one in process.threads or ():
            found[one.place] = max(found.get(one.place, 0), one.at_once)
    return found


_RANDOM = "00000000"
"""/proc/self/personality of a process whose places in memory the kernel draws."""


def _unfixed(left: Run, right: Run) -> Iterable[Cause]:
    """What was left open on both sides, and so may differ each time."""
    if left.runspec.get("profile") == right.runspec.get("profile") == "observe":
        advice = "profile observe sets no seed and no deterministic operation: use same-machine"
        yield Cause(
            what="profile observe",
            ours="no seed is set",
            theirs="no seed is set",
            advice=advice,
            weight=5,
        )
    ours, theirs = (
        str((run.runspec.get("env") or {}).get("PYTHONHASHSEED", "random")) for run in (left, right)
    )
    if left.processes and {ours, theirs} == {"random"}:
        advice = (
            "sets and the hashes of text have another order in each process: leave "
            "PYTHONHASHSEED to reprobox"
        )
        yield Cause(
            what="PYTHONHASHSEED is random", ours=ours, theirs=theirs, advice=advice, weight=82
        )
    kept = [run.observed.security for run in (left, right)]
    if any(one is not None and one.personality == _RANDOM for one in kept):
        yield Cause(
            what="places in memory are drawn anew in each process",
            ours="",
            theirs="",
            advice="sets of objects that hash by their address have another order in each run: "
            "sort them; every profile but observe fixes the places, where the engine lets it",
            weight=9,
        )
    if names := sorted(
        {*(left.runspec.get("secrets") or ()), *(right.runspec.get("secrets") or ())}
    ):
        advice = (
            "the values of secrets are not recorded, so whether they were the same is not known"
        )
        yield Cause(what=f"secrets {', '.join(names)}", ours="", theirs="", advice=advice, weight=3)


def _nothing(trail: TrailComparison | None) -> tuple[Cause, ...]:
    """Nothing that was recorded differs."""
    advice = (
        "replay twice: if the two replays differ, the program itself is not deterministic "
        "(clock, race, draws without a seed)"
    )
    what = "nothing that was recorded differs"
    if trail and trail.window:
        first, last = trail.window
        where = f"step {last}" if last - first == 1 else f"steps {first} to {last}"
        tensors = ", ".join(trail.tensors or ()) or trail.kind or "parameters"
        verb = "diverges" if len(trail.tensors or ()) == 1 else "diverge"
        what = f"{what}, and {tensors} {verb} at {where}"
        advice += "; `reprobox explain --operations` traces the operations there"
    return (Cause(what=what, ours="", theirs="", advice=advice, weight=0),)
