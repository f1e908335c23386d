"""torch's own list of nondeterministic operations, walked: each entry has a program, and none ends
with chance bits in silence.
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from elf_calls import texts_given_to
from torch_python import ROOT, torch_python, under

from reprobox.kit import proc

PROGRAMS = ROOT / "benchmarks" / "determinism_operations.py"


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("determinism_operations", PROGRAMS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OPERATIONS = _module()


@cache
def _listed() -> tuple[list[str], list[str]]:
    """As the torch that the tests use says it."""
    done = proc.run([torch_python(), PROGRAMS, "list"])
    acts, throws = json.loads(done.out)
    return acts, throws


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[dict[str, str]]]:
    """What every program gave: two runs each with one thread and with two."""
    place = tmp_path_factory.mktemp("walked")
    return {
        threads: [under(place, PROGRAMS, "run", "cpu", threads=threads).json() for _ in range(2)]
        for threads in (1, 2)
    }


def test_every_entry_of_torchs_list_has_a_program_and_no_other() -> None:
    """A torch whose list has a new entry, or another wording, fails here."""
    acts, throws = _listed()
    assert (sorted(acts), sorted(throws)) == (sorted(OPERATIONS.ACTS), sorted(OPERATIONS.THROWS))
    assert all(name in OPERATIONS.THROWS for name in OPERATIONS.REFUSED_ON_CPU)


def test_every_entry_gives_the_same_bits_twice_or_is_refused_by_name(
    walked: dict[int, list[dict[str, str]]],
) -> None:
    for threads, (first, second) in walked.items():
        assert first.keys() == {*OPERATIONS.ACTS, *OPERATIONS.THROWS}
        assert first == second, threads
        refused = {
            entry: found.removeprefix("refused: ")
            for entry, found in first.items()
            if found.startswith("refused")
        }
        assert refused == OPERATIONS.REFUSED_ON_CPU


def test_what_acts_deterministically_on_the_cpu_does_so_with_any_number_of_threads(
    walked: dict[int, list[dict[str, str]]],
) -> None:
    on_cpu = [entry for entry in OPERATIONS.ACTS if not OPERATIONS.cuda_only(entry)]
    assert len(on_cpu) == 5
    for entry in on_cpu:
        assert walked[1][0][entry] == walked[2][0][entry], entry


@pytest.mark.parametrize("entry", OPERATIONS.REFUSED_ON_CPU)
def test_what_is_refused_is_told_with_name_line_and_way_out(tmp_path: Path, entry: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(OPERATIONS.HEADER + OPERATIONS.THROWS[entry] + "\nprint('went on')\n")
    ran = under(tmp_path, program)
    operation, line = OPERATIONS.REFUSED_ON_CPU[entry], len(program.read_text().splitlines()) - 1
    assert (ran.code, ran.out) == (1, "")
    assert (
        f"reprobox: {operation} at {program}:{line} has no deterministic form, and profile "
        "same-machine refuses it" in ran.err
    )
    assert "Ways out:" in ran.err
    assert "profile: observe" in ran.err
    assert ran.marker()["refused"] == {"operation": operation, "place": f"{program}:{line}"}


def test_no_operation_that_torch_refuses_on_the_cpu_is_missing_from_the_list() -> None:
    """Every call of the function that refuses, in the library of all CPU operations, is one that
    the table knows.
    """
    (library,) = (torch_python().parent.parent / "lib").glob(
        "python3*/site-packages/torch/lib/libtorch_cpu.so"
    )
    callers = texts_given_to(library, "_ZN2at7Context21alertNotDeterministic")
    known = set(OPERATIONS.REFUSED_ON_CPU.values())
    assert len(callers) == len(known)
    assert all(len(texts & known) == 1 for texts in callers), callers
    assert {name for texts in callers for name in texts & known} == known


def _has_cuda() -> bool:
    done = proc.run(
        [torch_python(), "-c", "import torch, sys; sys.exit(not torch.cuda.is_available())"]
    )
    return done.ok


def test_on_a_gpu_every_entry_is_refused_or_gives_the_same_bits_twice(tmp_path: Path) -> None:
    """Runs wherever REPROBOX_TORCH_PYTHON has a torch that finds a GPU; nothing else of it can be
    shown without one.
    """
    if not _has_cuda():
        pytest.skip("no GPU that this torch can use")
    first, second = (under(tmp_path, PROGRAMS, "run", "cuda").json() for _ in range(2))
    assert first == second
    assert any(
        found.startswith("refused") for entry, found in first.items() if OPERATIONS.cuda_only(entry)
    )
