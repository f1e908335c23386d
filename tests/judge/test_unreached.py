"""Processes that the injected runtime did not reach, by the markers of the others."""

from __future__ import annotations

import pytest

from reprobox.judge import unreached
from reprobox.model.observed import Child, Observed, Process

PYTHON = ("python", "train.py")


def seen(*processes: Process) -> Observed:
    return Observed(processes=list(processes))


def started(*children: Child) -> Observed:
    return seen(Process(pid=9, ppid=1, argv=list(PYTHON), children=list(children)))


def test_without_a_marker_the_whole_command_was_not_reached() -> None:
    (line,) = unreached.outside(["bash", "-c", "x" * 9], Observed())
    assert line.startswith("bash -c xxxxxxxxx: no process of it was reached")


def test_a_python_that_left_its_marker_was_reached() -> None:
    assert unreached.outside(PYTHON, started()) == ()


def test_the_command_itself_is_the_child_of_process_1() -> None:
    (line,) = unreached.outside(PYTHON, seen(Process(pid=9, ppid=5)))
    assert line.startswith("python train.py: it left no marker, though it is Python")


@pytest.mark.parametrize(
    ("child", "escaped"),
    [
        (Child(pid=12, argv=["/usr/bin/python3.11", "-I", "x.py"]), True),
        (Child(pid=12, argv=["pypy3", "x.py"]), True),
        (Child(pid=12, argv=["python -I x.py"]), True),  # one line for a shell
        (Child(pid=9, argv=["python", "x.py"]), False),  # its marker is there
        (Child(pid=1, argv=["python", "x.py"]), False),  # a shell that was the parent of one
        (Child(pid=12, argv=["ls", "python"]), False),
        (Child(pid=12), False),
    ],
)
def test_a_python_child_without_a_marker_has_escaped(child: Child, escaped: bool) -> None:
    assert bool(unreached.outside(PYTHON, started(child))) is escaped


def test_faults_of_the_injected_runtime_are_reported() -> None:
    found = seen(Process(pid=9, ppid=1, argv=list(PYTHON), errors=["torch: OSError", 3]))
    assert unreached.outside(PYTHON, found) == ("python train.py: torch: OSError; 3",)


def test_other_programs_are_listed_once_and_those_that_only_ask_are_not() -> None:
    children = [Child(pid=pid, argv=["R", "-f", "fit.R"]) for pid in (12, 13)]
    asking = Child(pid=14, argv=["uname", "-p"])
    assert unreached.others(started(*children, asking)) == ("R -f fit.R",)


def test_statically_linked_programs_come_with_the_line_that_started_them() -> None:
    found = started(
        Child(pid=12, argv=["./solve", *"abcdefghijklm"], static="train.py:3"),
        Child(pid=13, argv=["./other"]),
    )
    assert unreached.static(found) == ("./solve a b c d e f g h i j k ..., started at train.py:3",)
