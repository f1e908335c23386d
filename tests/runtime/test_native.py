"""The interposed libraries: why each entry point is there, that they build to the same bytes, and
that they harm nobody.
"""

from __future__ import annotations

import ctypes
import math
import re
import sys
from pathlib import Path

from torch_python import PAYLOAD, ROOT, torch_python

from reprobox.kit import proc

BUILD = ROOT / "reprobox" / "runtime" / "native" / "build"
COMMITTED_WITH = "gcc (Debian 12.2.0-14+deb12u1) 12.2.0"
APPROXIMATE = "MKL computes it from rsqrt or rcp instructions, whose low bits are each vendor's own"
OPTIMIZER = "the step of Adam, RMSprop and Adagrad divides by it; " + APPROXIMATE
WHY = {
    "Sqrt": OPTIMIZER,
    "Ln": APPROXIMATE + "; log and every loss that takes it elementwise",
    "Log2": APPROXIMATE,
    "Log10": APPROXIMATE,
    "Asin": APPROXIMATE,
    "Acos": APPROXIMATE,
    "Atan": APPROXIMATE,
    "Tan": APPROXIMATE,
}
VML = {f"vm{kind}{name}" for name in WHY for kind in "sd"}
INTEL = {
    "mkl_serv_intel_cpu": "MKL_CBWR=AVX2 is honoured on Intel CPUs only",
    "mkl_serv_intel_cpu_true": "the same question as asked by newer parts of MKL",
}
CLEAN = {"Tanh", "Exp", "ErfInv", "Erfc", "Erf", "Cos", "Sin", "Trunc"}
"""Called by torch as well, and free of approximate instructions in the pinned branches: left to
MKL.
"""


STREAMS = set(
    "opendir fdopendir closedir readdir readdir64 readdir_r readdir64_r rewinddir telldir seekdir "
    "dirfd scandir scandir64 scandirat scandirat64".split()
)


def symbols(library: Path) -> set[str]:
    said = proc.run(["nm", "-D", "--defined-only", library]).out.decode()
    return {line.split()[2] for line in said.splitlines() if line.split()[1] == "T"}


def test_the_libraries_export_what_is_justified_and_nothing_else() -> None:
    assert symbols(PAYLOAD / "portable_vml.so") == VML
    assert symbols(PAYLOAD / "portable_intel.so") == set(INTEL)


def test_torch_calls_each_entry_point_and_no_other_vector_function_is_unknown() -> None:
    """A new torch that calls a function that nobody has looked at must not pass in silence."""
    library = torch_python().parent.parent / "lib"
    (torch,) = library.glob("python3*/site-packages/torch/lib/libtorch_cpu.so")
    called = proc.run(["readelf", "--relocs", "--wide", torch]).out.decode()
    names = set(
        re.findall(r"R_X86_64_JUMP_SLOT\s+\w+\s+(vm[sd][A-Z]\w*|mkl_serv_intel_cpu\w*) ", called)
    )
    assert names == VML | {f"vm{kind}{name}" for name in CLEAN for kind in "sd"} | set(INTEL)


def test_they_build_to_the_same_bytes(tmp_path: Path) -> None:
    built = []
    for name in ("one", "another, with a longer name"):
        (tmp_path / name).mkdir()
        done = proc.run([BUILD, tmp_path / name], cwd=tmp_path)
        assert done.ok, done.error_text
        built.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert built[0] == built[1]
    assert {
        symbol for name in built[0] for symbol in symbols(tmp_path / "one" / name)
    } == VML | set(INTEL) | STREAMS
    if proc.run(["gcc", "--version"]).out.decode().splitlines()[0] == COMMITTED_WITH:
        assert built[0] == {name: (PAYLOAD / name).read_bytes() for name in built[0]}


def test_they_need_no_new_c_library() -> None:
    assert "NEEDED" not in proc.run(["readelf", "--dynamic", PAYLOAD / "steady.so"]).out.decode()
    for name in ("portable_vml.so", "portable_intel.so", "steady.so"):
        said = proc.run(["readelf", "--version-info", "--dynamic", PAYLOAD / name]).out.decode()
        versions = {
            tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([\d.]+)", said)
        }
        assert all(version <= (2, 28) for version in versions)
        assert set(re.findall(r"NEEDED.*\[(.*)\]", said)) <= {"libm.so.6", "libc.so.6"}


def test_they_load_where_mkl_is_absent_and_give_ieee_roots() -> None:
    library = ctypes.CDLL(str(PAYLOAD / "portable_vml.so"))
    values = [
        0.0,
        -0.0,
        1.0,
        2.0,
        1e-310,
        3.0000000000000004,
        math.inf,
        -1.0,
        *(k / 7 for k in range(1, 50)),
    ]
    source, target = (ctypes.c_double * len(values))(*values), (ctypes.c_double * len(values))()
    library.vmdSqrt(ctypes.c_int(len(values)), source, target, ctypes.c_longlong(0))
    for value, got in zip(values, target, strict=True):
        assert (
            math.isnan(got)
            if value < 0
            else (got == math.sqrt(value) and math.copysign(1, got) == math.copysign(1, value))
        )


def test_single_precision_is_computed_in_double_and_rounded_once() -> None:
    library = ctypes.CDLL(str(PAYLOAD / "portable_vml.so"))
    values = [k / 1024 for k in range(1, 1024)]
    functions = {
        "Ln": math.log,
        "Log2": math.log2,
        "Log10": math.log10,
        "Asin": math.asin,
        "Acos": math.acos,
        "Atan": math.atan,
    }
    for name, function in functions.items():
        source, target = (ctypes.c_float * len(values))(*values), (ctypes.c_float * len(values))()
        getattr(library, f"vms{name}")(
            ctypes.c_int(len(values)), source, target, ctypes.c_longlong(0)
        )
        assert list(target) == [ctypes.c_float(function(value)).value for value in values], name


def test_an_array_may_be_its_own_target() -> None:
    library = ctypes.CDLL(str(PAYLOAD / "portable_vml.so"))
    array = (ctypes.c_float * 5)(4, 9, 16, 25, 36)
    library.vmsSqrt(ctypes.c_int(5), array, array, ctypes.c_longlong(0))
    assert list(array) == [2, 3, 4, 5, 6]


def test_the_intel_answer_is_yes() -> None:
    library = ctypes.CDLL(str(PAYLOAD / "portable_intel.so"))
    assert [library.mkl_serv_intel_cpu(), library.mkl_serv_intel_cpu_true()] == [1, 1]


def test_they_do_nothing_in_a_process_without_mkl() -> None:
    code = "import ctypes, sys, math; [ctypes.CDLL(p, mode=ctypes.RTLD_GLOBAL) for p in sys.argv[1:]]; print(math.sqrt(2.0))"
    done = proc.run(
        [sys.executable, "-c", code, PAYLOAD / "portable_vml.so", PAYLOAD / "portable_intel.so"]
    )
    assert done.out.decode().strip() == repr(math.sqrt(2.0))
