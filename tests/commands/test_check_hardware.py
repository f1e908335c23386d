"""Devices side by side, by the real command. A program that computes otherwise on one CPU stands in
for a CPU that computes wrongly, which is not at hand.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from flow_project import Project

from reprobox.commands import check_hardware
from reprobox.model.verdict import Class

Change = Callable[[str, str], str]
CPUS = sorted(os.sched_getaffinity(0))

FAULTY = """\
allowed = next(l.split()[1] for l in open("/proc/self/status") if l.startswith("Cpus_allowed_list"))
wrong = allowed == "{cpu}"
open("sum.txt", "w").write(str(sum(range(1000)) + wrong))
"""


def test_a_cpu_that_gives_other_bits_is_named_where_most_agree() -> None:
    """The decision alone: three of four agree."""
    each = check_hardware._Each.__new__(check_hardware._Each)
    given = {"CPU 0": "a", "CPU 1": "a", "CPU 2": "b", "CPU 3": "a"}
    made = _examined(each, given)
    assert (made.result, [one.device for one in made.odd]) == (Class.DIFFERENT, ["CPU 2"])
    assert made.odd[0].sentence == "CPU 2 gives the same other bits twice"
    assert _examined(each, dict.fromkeys(given, "a")).result is Class.IDENTICAL
    two = _examined(each, {"CPU 0": "a", "CPU 1": "b"})
    assert (two.odd, two.why) == ((), "2 devices gave 2 different results, and none has a majority")
    chaos = _examined(each, {"CPU 0": "a", "CPU 1": "b", "CPU 2": "c"})
    assert "the program itself is not reproducible" in chaos.why
    assert _examined(each, {"CPU 0": "a", "CPU 1": ""}).result is Class.NOT_CHECKED


def _examined(each: check_hardware._Each, given: dict[str, str]) -> check_hardware.Examined:
    class Fixed(check_hardware._Each):
        def run(self, device: check_hardware._Device) -> check_hardware._Seen:
            bits = given[device.name]
            return check_hardware._Seen(bits=bits, run=device.name, compared=bool(bits))

        def odd(
            self,
            device: check_hardware._Device,
            seen: check_hardware._Seen,
            reference: check_hardware._Seen,
        ) -> check_hardware.Odd:
            again = self.run(device)
            return check_hardware.Odd(device=device.name, stable=again.bits == seen.bits)

    class Silent:
        class progress:  # noqa: N801 - stands for the context
            @staticmethod
            def note(text: str) -> None:
                """Nothing."""

    fixed = Fixed(Silent, None, None, None, 1, 1.0)  # type: ignore[arg-type]
    devices = [check_hardware._Device(name=name, cpuset=name[4:]) for name in given]
    return fixed.judged(devices)


@pytest.mark.engine
@pytest.mark.skipif(len(CPUS) < 2, reason="one CPU alone has nothing to be compared with")
def test_the_same_steps_run_on_each_cpu_in_turn(project: Project, change: Change) -> None:
    change("train.py", FAULTY.format(cpu="none"))
    two = f"{CPUS[0]},{CPUS[1]}"
    said = project("check", "config.yaml", "--hardware", "--devices", two)
    assert said.code == 0, said.err
    assert said.out == (f"hardware: 2 devices give the same bits: CPU {CPUS[0]}, CPU {CPUS[1]}\n")
    change("train.py", FAULTY.format(cpu=CPUS[1]))
    said = project("check", "config.yaml", "--hardware", "--devices", two, "--json")
    assert (said.code, said.json["result"]) == (1, "different")
    assert len(set(said.json["bits"].values())) == 2
    assert project.runs() == []
    alone = project("check", "config.yaml", "--hardware", "--devices", str(CPUS[0]))
    assert alone.code == 2
    assert "alone has nothing to be compared with" in alone.err
