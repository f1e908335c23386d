"""Profiles as pure functions: whole environments, refusals, forecasts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reprobox.errors import UsageError
from reprobox.model.observed import Cpu, Gpu, Kernel, Observed
from reprobox.model.spec import Trail
from reprobox.runtime import profiles

AVX512 = ["avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"]


def machine(vendor: str, flags: list[str], arch: str | None = "x86_64") -> Observed:
    return Observed(cpu=Cpu(vendor=vendor, flags=flags), kernel=Kernel(machine=arch))


INTEL = machine("GenuineIntel", ["sse4_2", "avx", "avx2", "fma"])
ZEN = machine("AuthenticAMD", AVX512)


def env(profile: str, **changes: object) -> dict[str, str]:
    asked = {"seed": 3, "threads": 2, "commit_time": 1_700_000_000, "trail": Trail(), **changes}
    return profiles.env(profile, **asked)  # type: ignore[arg-type]


def test_every_profile_says_its_whole_base() -> None:
    for profile in profiles.PROFILES:
        got = env(profile)
        assert {
            got[name]
            for name in (
                "OMP_NUM_THREADS",
                "MKL_NUM_THREADS",
                "OPENBLAS_NUM_THREADS",
                "NUMEXPR_NUM_THREADS",
            )
        } == {"2"}
        assert {
            got[name]
            for name in ("NPROC", "PJRT_NPROC", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        } == {"2"}
        assert (got["OMP_DYNAMIC"], got["MKL_DYNAMIC"]) == ("FALSE", "FALSE")
        assert (got["PYTHONHASHSEED"], got["TZ"], got["LC_ALL"], got["LANG"]) == (
            "0",
            "UTC",
            "C.UTF-8",
            "C.UTF-8",
        )
        assert (got["SOURCE_DATE_EPOCH"], got["PYTHONPATH"], got["HOME"]) == (
            "1700000000",
            "/.reprobox",
            "/home/reprobox",
        )
        assert (got["REPROBOX_PROFILE"], got["REPROBOX_SEED"], got["REPROBOX_OUT"]) == (
            profile,
            "3",
            "/.reprobox-out",
        )
        assert "REPROBOX_TRAIL" not in got


def test_observe_changes_no_numbers() -> None:
    numeric = {
        "MKL_CBWR",
        "ATEN_CPU_CAPABILITY",
        "ONEDNN_MAX_CPU_ISA",
        "OPENBLAS_CORETYPE",
        "NPY_DISABLE_CPU_FEATURES",
    }
    assert not numeric & env("observe").keys()
    assert (
        not {"CUBLAS_WORKSPACE_CONFIG", "REPROBOX_INTERPOSE", "PL_GLOBAL_SEED"}
        & env("observe").keys()
    )


def test_portable_profiles_pin_every_library_that_chooses_code_by_cpu() -> None:
    fast, any_cpu = env("portable-avx2"), env("portable-any")
    assert fast["REPROBOX_INTERPOSE"] == "vml,intel"
    assert any_cpu["REPROBOX_INTERPOSE"] == "vml"
    assert (fast["MKL_CBWR"], any_cpu["MKL_CBWR"]) == ("AVX2", "COMPATIBLE")
    assert "xla_cpu_max_isa=AVX2" in fast["REPROBOX_XLA_CPU"]
    assert "xla_cpu_max_isa=SSE4_2" in any_cpu["REPROBOX_XLA_CPU"]
    assert "AVX2" in any_cpu["NPY_DISABLE_CPU_FEATURES"].split()
    assert "AVX2" not in fast["NPY_DISABLE_CPU_FEATURES"].split()
    assert any_cpu["GLIBC_TUNABLES"].startswith("glibc.cpu.hwcaps=-AVX2")
    assert fast["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_the_trail_is_asked_for_by_two_variables() -> None:
    got = env("observe", trail=Trail(every=5, gradients=True, enabled=True))
    assert (got["REPROBOX_TRAIL"], got["REPROBOX_TRAIL_GRADIENTS"]) == ("5", "1")
    assert (
        "REPROBOX_TRAIL_ALSO" not in got
    )  # a variable more would be another identity for runs that ask for nothing more
    assert (
        env("observe", trail=Trail(enabled=True), also=("loss", "buffers"))["REPROBOX_TRAIL_ALSO"]
        == "loss,buffers"
    )


def test_the_images_own_python_path_comes_after_the_payload() -> None:
    assert env("observe", python_path="/opt/lib")["PYTHONPATH"] == "/.reprobox:/opt/lib"


@pytest.mark.parametrize(
    ("profile", "changes"),
    [
        ("strict", {}),
        ("observe", {"threads": 0}),
        ("portable-any", {"as_recorded": {"MKL_CBWR": "AVX2"}}),
    ],
)
def test_what_makes_no_sense_is_refused(profile: str, changes: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        env(profile, **changes)


def test_a_host_that_cannot_honour_a_profile_is_told_why() -> None:
    assert profiles.refuse("portable-avx2", ["avx2", "fma"], "x86_64") is None
    assert (
        profiles.refuse("portable-avx2", ["avx2"], "x86_64")
        == "portable-avx2 needs a CPU with fma, which this one does not offer"
    )
    assert "aarch64" in str(profiles.refuse("portable-any", [], "aarch64"))
    assert profiles.refuse("same-machine", [], "aarch64") is None
    assert profiles.refuse("observe", [], "riscv64") is None


def test_every_profile_has_a_promise() -> None:
    assert len({profiles.promise(profile) for profile in profiles.PROFILES}) == 4


@pytest.mark.parametrize(
    ("vendor", "flags", "arch", "named"),
    [
        ("GenuineIntel", AVX512, "x86_64", "intel-avx512"),
        ("GenuineIntel", ["avx", "avx2", "fma"], "x86_64", "intel-avx2"),
        ("AuthenticAMD", ["avx2", "fma"], "x86_64", "amd-avx2"),
        ("AuthenticAMD", ["avx"], "x86_64", "amd-avx"),
        ("GenuineIntel", ["sse4_2"], "x86_64", "intel-sse"),
        ("GenuineIntel", [*AVX512[:3]], "x86_64", "intel-avx2"),
        ("", [], "x86_64", "unknown"),
        ("ARM", ["asimd"], "aarch64", "aarch64"),
    ],
)
def test_dispatch_classes(vendor: str, flags: list[str], arch: str, named: str) -> None:
    assert profiles.dispatch_class(machine(vendor, flags, arch)) == named


def test_a_record_without_a_kernel_is_of_x86_64() -> None:
    intel = Observed(cpu=Cpu(vendor="GenuineIntel", flags=["avx2", "fma"]))
    assert profiles.dispatch_class(intel) == "intel-avx2"
    assert profiles.dispatch_class(Observed()) == "unknown"


def test_as_recorded_knows_what_it_can_and_cannot() -> None:
    assert profiles.as_recorded("intel-avx2")["REPROBOX_INTERPOSE"] == "intel"
    assert profiles.can_play("intel-avx2", ZEN) is None
    assert "avx512bw" in str(profiles.can_play("intel-avx512", INTEL))
    with pytest.raises(UsageError, match="cannot be replayed as recorded"):
        profiles.as_recorded("aarch64")


def test_an_amd_class_is_not_promised_on_an_intel_cpu() -> None:
    xeon = machine("GenuineIntel", ["avx2", "fma", *AVX512])
    assert "no knob makes MKL" in str(profiles.can_play("amd-avx512", xeon))
    assert profiles.can_play("amd-avx512", ZEN) is None
    assert profiles.forecast_as_recorded(INTEL, ZEN).sameness == "same-bits-as-recorded"
    assert profiles.forecast_as_recorded(xeon, ZEN).sameness == "unknown"
    assert profiles.forecast_as_recorded(xeon, xeon).sameness == "same-bits-as-recorded"


def test_one_class_with_other_instructions_for_narrow_numbers() -> None:
    cascade_lake, sapphire_rapids = (
        machine("GenuineIntel", ["avx2", "fma", *AVX512, "avx512_vnni", *more])
        for more in ((), ("amx_bf16",))
    )
    found = profiles.forecast("same-machine", cascade_lake, sapphire_rapids)
    assert (found.sameness, found.reasons) == (
        "same-bits",
        (
            (
                "same dispatch class: intel-avx512, except for bfloat16, float16 and 8-bit integers "
                "(amx_bf16 only here)"
            ),
        ),
    )
    assert (
        "amx_bf16 only in the record"
        in profiles.forecast("same-machine", sapphire_rapids, cascade_lake).reasons[0]
    )
    assert (
        "except" not in profiles.forecast("portable-avx2", cascade_lake, sapphire_rapids).reasons[0]
    )


def test_forecasts() -> None:
    assert profiles.forecast("same-machine", INTEL, INTEL).sameness == "same-bits"
    other = profiles.forecast("same-machine", INTEL, ZEN)
    assert (other.sameness, "as-recorded may reach it" in other.reasons[0]) == (
        "numbers-may-differ",
        True,
    )
    assert profiles.forecast("portable-avx2", INTEL, ZEN).sameness == "same-bits"
    old = machine("GenuineIntel", ["sse4_2"])
    assert profiles.forecast("portable-avx2", INTEL, old).sameness == "numbers-may-differ"
    assert profiles.forecast("observe", INTEL, INTEL).sameness == "unknown"
    assert profiles.forecast("same-machine", Observed(), INTEL).sameness == "unknown"


def test_a_forecast_for_a_gpu_names_what_differs() -> None:
    one, two = (
        replace(INTEL, gpus=[Gpu(name=name, driver_version="580.1")]) for name in ("H100", "H200")
    )
    assert profiles.forecast("same-machine", one, one, uses_gpu=True).sameness == "same-bits"
    found = profiles.forecast("same-machine", one, two, uses_gpu=True)
    assert (found.sameness, found.reasons[0]) == (
        "numbers-may-differ",
        "GPU name: recorded H100, here H200",
    )
    assert (
        profiles.forecast("same-machine", one, INTEL, uses_gpu=True).reasons[0]
        == "the record used a GPU and there is none here"
    )
    pair = replace(INTEL, gpus=(one.gpus or []) * 2)
    assert profiles.forecast("same-machine", pair, one, uses_gpu=True).reasons == (
        "GPUs: recorded 2, here 1",
    )
    assert (
        profiles.forecast("same-machine", one, pair, uses_gpu=True).sameness == "same-bits"
    )  # a run may be given one of many
    assert (
        profiles.forecast("portable-avx2", one, two, uses_gpu=True).sameness == "numbers-may-differ"
    )
    assert profiles.forecast("same-machine", one, two).sameness == "same-bits"  # it asked for none
