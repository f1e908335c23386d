"""Determinism profiles: the whole environment of a run, what each profile promises, and what to
expect on another host.

Pure: no I/O. Every value is the result of a measurement or a vendor's word, see
docs/determinism.md; a part that is left out of a portable profile moves results between CPU models,
which `benchmarks/determinism.py --only ablate` shows part by part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from reprobox.errors import UsageError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.forecast import Forecast
from reprobox.model.runspec import BOX, OUT
from reprobox.model.spec import THREADS, Profile, Trail

if TYPE_CHECKING:
    from reprobox.model.observed import Gpu, Observed

ADDRESSES, FIXED = "REPROBOX_ADDRESSES", "fixed"
"""The variable by which processes fix the addresses of their children."""
PROFILES: tuple[Profile, ...] = ("observe", "same-machine", "portable-avx2", "portable-any")

_AVX512 = (
    "AVX512F AVX512CD AVX512_KNL AVX512_KNM AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL "
    "AVX512_SPR X86_V4"
)
_AVX2 = "AVX2 FMA3 X86_V3"

# Names that NumPy does not know are a hidden ImportWarning, so the union for 1.26 to 2.4 serves
# them all.
_CLASSES: dict[str, dict[str, str]] = {
    "intel-avx512": {
        "ATEN_CPU_CAPABILITY": "avx512",
        "OPENBLAS_CORETYPE": "SkylakeX",
        "MKL_CBWR": "AVX512",
        "REPROBOX_INTERPOSE": "intel",
    },
    "intel-avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": _AVX512,
        "MKL_CBWR": "AVX2",
        "REPROBOX_INTERPOSE": "intel",
    },
    "amd-avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Zen",
        "NPY_DISABLE_CPU_FEATURES": _AVX512,
    },
    "amd-avx512": {"ATEN_CPU_CAPABILITY": "avx512"},
}
# Classes that another vendor's CPU has taken with equal bits.
_SHOWN = frozenset({"intel-avx2"})
_SAME_MACHINE = {
    "TORCHINDUCTOR_DETERMINISTIC": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "XLA_FLAGS": "--xla_gpu_deterministic_ops=true",
    "TF_DETERMINISTIC_OPS": "1",
    "NCCL_ALGO": "Ring",
    "NVTE_ALLOW_NONDETERMINISTIC_ALGO": "0",  # Transformer Engine
    "MAMBA_DETERMINISTIC": "1",  # backward kernels of state-space models add atomically otherwise
    "CAUSAL_CONV1D_DETERMINISTIC": "1",
    "PL_SEED_WORKERS": "1",
}
# Without it XLA takes reciprocal roots from an instruction whose low bits are each vendor's own.
_XLA_MATH = "--xla_cpu_enable_platform_dependent_math=false"


def _compiled(march: str, cpu: str) -> dict[str, str]:
    """What compiles while a program runs, for the machine that it is on: PyTensor (PyMC), Numba."""
    return {
        "PYTENSOR_FLAGS": f"gcc__cxxflags=-march={march}",
        "NUMBA_CPU_NAME": cpu,
        "NUMBA_CPU_FEATURES": "",  # those of the name, not the machine's
    }


_PORTABLE: dict[str, dict[str, str]] = {
    "portable-avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": _AVX512,
        "MKL_CBWR": "AVX2",
        "NVIDIA_TF32_OVERRIDE": "0",
        "REPROBOX_INTERPOSE": "vml,intel",
        "REPROBOX_XLA_CPU": f"--xla_cpu_max_isa=AVX2 {_XLA_MATH}",
        **_compiled("x86-64-v3", "haswell"),
    },
    "portable-any": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Prescott",
        "NPY_DISABLE_CPU_FEATURES": f"AVX F16C {_AVX2} {_AVX512}",
        "MKL_CBWR": "COMPATIBLE",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4",
        "NVIDIA_TF32_OVERRIDE": "0",
        "REPROBOX_INTERPOSE": "vml",
        "REPROBOX_XLA_CPU": f"--xla_cpu_max_isa=SSE4_2 {_XLA_MATH}",
        **_compiled("x86-64-v2", "nehalem"),
    },
}
_PROMISES: dict[str, str] = {
    "observe": "No numeric change and no promise of equal bits; record and trail can explain a "
    "divergence.",
    "same-machine": "Same bits on the same CPU dispatch class or the same GPU model, SM count, "
    "driver and libraries, with the same "
    "number of threads; not on other GPU models, not for code that reads the clock, draws without "
    "a seed or races.",
    "portable-avx2": "CPU runs: same bits on any x86-64 with AVX2 and FMA, Intel or AMD (shown on "
    "a real one of each and on "
    "emulated ones); not for GPU kernels, torch.compile or aarch64, and for JAX as far as one "
    "small training shows.",
    "portable-any": "CPU runs: same bits on any x86-64 from v2 up, two to three times slower "
    "(shown on a real one of "
    "Intel's and of AMD's and on emulated ones); not for GPU kernels, torch.compile, JAX matrix "
    "products or aarch64.",
}
_NARROW = frozenset(
    {"avx_vnni", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8", "amx_fp16"}
)
_NEEDS: dict[str, frozenset[str]] = {
    "portable-avx2": frozenset({"avx2", "fma"}),
    "portable-any": frozenset({"ssse3", "sse4_1", "sse4_2", "popcnt", "cx16"}),
}


def env(
    profile: str,
    *,
    seed: int,
    threads: int,
    commit_time: int,
    trail: Trail,
    also: Sequence[str] = (),
    as_recorded: Mapping[str, str] | None = None,
    python_path: str = "",
    preload: str = "",
    machine: str = "x86_64",
    random_addresses: bool = False,
    box: str = BOX,
    out: str = OUT,
) -> dict[str, str]:
    """The whole environment that reprobox gives a run, besides the image's own and the declared
    part of the config.

    Args:
        commit_time: committer time in seconds since 1970, becomes SOURCE_DATE_EPOCH.
        also: what else a step of the trail holds (`model.spec.TRAIL_ALSO`).
        as_recorded: dispatch knobs from `as_recorded`, for a replay of an unpinned record on
            another CPU.
        python_path: PYTHONPATH of the image, kept behind the payload.
        preload: LD_PRELOAD of the image, kept behind ours.
        machine: of the host; what is preloaded is there for x86-64.
        random_addresses: leave the places in memory to the kernel, which draws them.
        box: where the payload is mounted.
        out: where the payload writes markers and trail.

    Raises:
        UsageError: unknown profile, threads below 1, or `as_recorded` with a profile that pins the
            dispatch itself.
    """
    if profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}", next_step="one of: " + ", ".join(PROFILES))
    if threads < 1:
        raise UsageError(f"threads must be at least 1, not {threads}")
    if as_recorded and profile in _PORTABLE:
        raise UsageError(
            f"--as-recorded cannot be combined with profile {profile}",
            why="The profile pins the dispatch class itself.",
        )
    values = _base(threads, commit_time, python_path, box)
    values |= {"REPROBOX_PROFILE": profile, "REPROBOX_SEED": str(seed), "REPROBOX_OUT": out}
    if trail.enabled:
        values |= {
            "REPROBOX_TRAIL": str(trail.every),
            "REPROBOX_TRAIL_GRADIENTS": str(int(trail.gradients)),
        }
        values |= {"REPROBOX_TRAIL_ALSO": ",".join(also)} if also else {}
    if profile != "observe":
        values |= _SAME_MACHINE | {"PL_GLOBAL_SEED": str(seed), "PYTHON_CPU_COUNT": str(threads)}
        if machine in ("x86_64", "amd64"):
            values["LD_PRELOAD"] = ":".join(filter(None, (f"{box}/steady.so", preload)))
            values |= {} if random_addresses else {ADDRESSES: FIXED}
    return values | _PORTABLE.get(profile, {}) | dict(as_recorded or {})


def _base(threads: int, commit_time: int, python_path: str, box: str) -> dict[str, str]:
    return {
        "HOME": "/home/reprobox",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "LOGNAME": "reprobox",
        "MATPLOTLIBRC": f"{box}/matplotlibrc",
        "MKL_DYNAMIC": "FALSE",
        "MPLBACKEND": "Agg",
        "OMP_DYNAMIC": "FALSE",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": f"{box}:{python_path}" if python_path else box,
        "PYTHONUNBUFFERED": "1",
        "SOURCE_DATE_EPOCH": str(commit_time),
        "TZ": "UTC",
        "USER": "reprobox",
        **dict.fromkeys(
            THREADS, str(threads)
        ),  # XLA takes the host's cores else, by which it splits sums
    }


def switches(profile: str) -> dict[str, str]:
    """The variables by which a profile reaches into libraries: with other values of them it is not
    that profile.
    """
    fixed = {"OMP_DYNAMIC": "FALSE", "MKL_DYNAMIC": "FALSE", "PYTHONHASHSEED": "0"}
    return {
        **fixed,
        **(_SAME_MACHINE if profile != "observe" else {}),
        **_PORTABLE.get(profile, {}),
    }


def refuse(profile: str, cpu_flags: Iterable[str], arch: str) -> str | None:
    """Why this host cannot honour a profile, or None when it can.

    Args:
        cpu_flags: names as /proc/cpuinfo has them.
        arch: machine as `uname -m` says it.
    """
    needs = _NEEDS.get(profile)
    if needs is None:
        return None
    if arch not in ("x86_64", "amd64"):
        return f"{profile} is for x86-64 CPUs and this one is {arch}"
    missing = sorted(needs - set(cpu_flags))
    return (
        f"{profile} needs a CPU with {', '.join(missing)}, which this one does not offer"
        if missing
        else None
    )


def promise(profile: str) -> str:
    """What a profile promises and what it does not, in one sentence for people."""
    return _PROMISES[profile]


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """What decides which CPU code the libraries choose."""

    vendor: str
    flags: frozenset[str]
    arch: str

    @classmethod
    def of(cls, observed: Observed) -> Cpu:
        """From what was observed; what is absent is empty."""
        cpu, kernel = observed.cpu, observed.kernel
        return cls(
            vendor=(cpu and cpu.vendor) or "",
            flags=frozenset((cpu and cpu.flags) or ()),
            arch=(kernel and kernel.machine) or "x86_64",
        )


def dispatch_class(observed: Observed) -> str:
    """The class of CPU code that unpinned libraries choose, such as `intel-avx512` or `amd-avx2`;
    `unknown` without flags.
    """
    cpu = Cpu.of(observed)
    if cpu.arch not in ("x86_64", "amd64"):
        return cpu.arch
    if not cpu.flags:
        return "unknown"
    maker = {"GenuineIntel": "intel", "AuthenticAMD": "amd", "HygonGenuine": "amd"}.get(
        cpu.vendor, "other"
    )
    return f"{maker}-{_level(cpu.flags)}"


def _level(flags: frozenset[str]) -> str:
    if {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"} <= flags:
        return "avx512"
    if {"avx2", "fma"} <= flags:
        return "avx2"
    return "avx" if "avx" in flags else "sse"


def as_recorded(dispatch: str) -> dict[str, str]:
    """The knobs that make this CPU take the code of a recorded dispatch class; for `env(...,
    as_recorded=...)`.

    Raises:
        UsageError: no knobs are known for that class.
    """
    if dispatch not in _CLASSES:
        raise UsageError(
            f"a record of dispatch class {dispatch} cannot be replayed as recorded",
            why="Known classes: " + ", ".join(sorted(_CLASSES)),
            next_step="replay without --as-recorded, on a CPU of that class",
        )
    return dict(_CLASSES[dispatch])


def can_play(dispatch: str, observed: Observed) -> str | None:
    """Why the CPU here cannot execute a recorded class's code, or None when it can."""
    here = Cpu.of(observed)
    need = {
        "avx512": {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"},
        "avx2": {"avx2", "fma"},
    }.get(dispatch.partition("-")[2])
    if need is None or dispatch not in _CLASSES:
        return f"no knobs are known for class {dispatch}"
    missing = sorted(need - here.flags)
    if missing:
        return f"this CPU lacks {', '.join(missing)}"
    if dispatch.startswith("amd-") and here.vendor == "GenuineIntel":
        # Tried with MKL's own question answered "not Intel" too: it takes a third way.
        return f"no knob makes MKL on an Intel CPU take the code of {dispatch}"
    return None


def forecast(
    profile: str, recorded: Observed, here: Observed, *, uses_gpu: bool = False
) -> Forecast:
    """What to expect of a replay on this host, before it starts.

    Args:
        recorded: what the record observed.
        here: the same facts of this host.
        uses_gpu: whether the run was given a GPU.
    """
    gpu = _gpu_reasons(recorded, here) if uses_gpu else []
    cpu = _cpu_reasons(profile, recorded, here)
    if gpu or (cpu and cpu[0].startswith("!")):
        return Forecast(
            sameness="numbers-may-differ",
            reasons=tuple(reason.lstrip("!") for reason in (*gpu, *cpu)),
        )
    if "unknown" in (dispatch_class(recorded), dispatch_class(here)):
        return Forecast(sameness="unknown", reasons=("the CPU of one side was not recorded",))
    if profile == "observe":
        return Forecast(sameness="unknown", reasons=(promise("observe"), *cpu))
    return Forecast(
        sameness="same-bits",
        reasons=tuple(cpu) or (f"same dispatch class: {dispatch_class(here)}",),
    )


def forecast_as_recorded(recorded: Observed, here: Observed) -> Forecast:
    """What to expect where `as_recorded` sets the class of the record: on another CPU equal bits
    were shown for one class only.
    """
    dispatch = dispatch_class(recorded)
    reason = f"the CPU code of {dispatch} is set by --as-recorded"
    if dispatch in _SHOWN or dispatch == dispatch_class(here):
        return Forecast(sameness="same-bits-as-recorded", reasons=(reason,))
    return Forecast(
        sameness="unknown",
        reasons=(f"{reason}, which has not been shown to give equal bits for that class",),
    )


def _cpu_reasons(profile: str, recorded: Observed, here: Observed) -> list[str]:
    was, now = dispatch_class(recorded), dispatch_class(here)
    cpu = Cpu.of(here)
    if profile in _PORTABLE:
        reason = refuse(profile, cpu.flags, cpu.arch)
        return (
            [f"!{reason}"]
            if reason
            else [f"{profile} pins the CPU code; recorded on {was}, here {now}"]
        )
    if was == now or "unknown" in (was, now):
        return _narrow_reasons(now, Cpu.of(recorded).flags, cpu.flags) if was == now else []
    hint = can_play(was, here)
    way = (
        "replay --as-recorded may reach it"
        if hint is None
        else f"--as-recorded cannot help: {hint}"
    )
    return [f"!recorded on {was}, this CPU is {now}; {way}"]


def _narrow_reasons(dispatch: str, recorded: frozenset[str], here: frozenset[str]) -> list[str]:
    """Where CPUs of one class differ all the same: instructions that only numbers narrower than 32
    bits use (measured: docs).
    """
    differ = sorted(_NARROW & (recorded ^ here))
    if not differ or not recorded or not here:
        return []
    numbers = (
        "8-bit integers"
        if all(flag.endswith("vnni") for flag in differ)
        else "bfloat16, float16 and 8-bit integers"
    )
    sides = [f"{flag} only {'in the record' if flag in recorded else 'here'}" for flag in differ]
    return [f"same dispatch class: {dispatch}, except for {numbers} ({', '.join(sides)})"]


def _gpu_reasons(recorded: Observed, here: Observed) -> list[str]:
    was, now = recorded.gpus or [], here.gpus or []
    if not now:
        return ["the record used a GPU and there is none here"]
    reasons = [
        f"GPU {what}: recorded {_each(was, read)}, here {_each(now, read)}"
        for what, read in _GPU_FACTS
        if _each(was, read) != _each(now, read)
    ]
    if len(now) < len(was):
        reasons.append(f"GPUs: recorded {len(was)}, here {len(now)}")
    return reasons if was else ["the record does not say which GPU it used", *reasons]


_GPU_FACTS: tuple[tuple[str, Callable[[Gpu], str | None]], ...] = (
    ("name", lambda gpu: gpu.name),
    ("compute_cap", lambda gpu: gpu.compute_cap),
    ("memory_total", lambda gpu: gpu.memory_total),
    ("mig_mode_current", lambda gpu: gpu.mig_mode_current),
    ("driver_version", lambda gpu: gpu.driver_version),
)


def _each(gpus: Sequence[Gpu], read: Callable[[Gpu], str | None]) -> str:
    return ", ".join(sorted({"?" if (value := read(gpu)) is None else value for gpu in gpus}))
