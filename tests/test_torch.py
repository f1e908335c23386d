"""`reprobox.torch`, on a real torch: inside a run (the injected copy) and outside of one."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from torch_python import ROOT, torch_python, under

from reprobox.model.spec import Trail

COMPARE = """
import torch
from reprobox.torch import assert_same, difference
f = torch.float32
a = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
b = a.clone()
assert difference(a, b) == ""
b[1, 0] = torch.nextafter(torch.tensor(3.0), torch.tensor(9.0))
text = difference(a, b)
assert text.startswith("first at [1, 0]: 3.0 in a, 3.000000238418579 in b (1 ulp); "), text
assert text.endswith("1 of 4 values differ, at most 2.38e-07 apart"), text
assert difference(a, b, ulp=1) == "" and difference(a, b, atol=1e-6) == ""
assert difference(a, b, rtol=1e-6) == "" and difference(a, b, rtol=1e-9) != ""
# Signs of zero, NaN and infinities.
zero, nan, inf = torch.tensor(0.0), torch.tensor(float("nan")), torch.tensor(float("inf"))
assert "(0 ulp)" in difference(zero, -zero)
assert difference(zero, -zero, atol=1e-30) == ""
assert difference(nan, nan.clone()) == "" and difference(nan, zero, atol=1e9) != ""
assert difference(inf, -inf, atol=1e300, rtol=1e300) != "" and difference(inf, inf) == ""
assert difference(inf, torch.tensor(3.4e38), ulp=10**9) != ""
tiny = torch.tensor(1.401298464324817e-45)
assert "(2 ulp)" in difference(tiny, -tiny) and difference(tiny, -tiny, ulp=2) == ""
# Kinds.
for kind in (torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.int64, torch.bool):
    x = torch.tensor([0, 1, 0]).to(kind)
    y = torch.tensor([0, 0, 0]).to(kind)
    assert difference(x, x.clone()) == "" and "1 of" in difference(x, y), kind
assert difference(torch.zeros(2), torch.zeros(3)) == "torch.float32 [2] in a, torch.float32 [3] in b"
assert "float64" in difference(torch.zeros(2), torch.zeros(2, dtype=torch.float64))
assert difference(torch.zeros(0), torch.zeros(0)) == ""
assert difference(torch.eye(3).to_sparse(), torch.eye(3).to_sparse()) == ""
assert difference(a.t(), a.t().contiguous()) == ""
# Names in nested values.
left = {"layer": [{"w": a}], "epoch": 3, "lr": 0.1}
right = {"layer": [{"w": b}], "epoch": 4, "lr": 0.2, "new": None}
lines = difference(left, right).split("\\n")
assert lines[0] == "new: only in b" and lines[1].startswith("layer[0].w: first at [1, 0]"), lines
assert lines[2] == "epoch: 3 in a, 4 in b" and lines[3].startswith("lr: first at []: 0.1"), lines
assert difference([1, 2], (1, 2)) == "" and "2 items in a, 1 in b" in difference([1, 2], [1])
assert difference(1, 1.0) and difference("x", "y") == "'x' in a, 'y' in b"
assert difference({str(n): 0 for n in range(9)}, {}).endswith("and 4 more")
assert_same(left, {**left})
try:
    assert_same(a, b, name="weights")
except AssertionError as error:
    assert str(error).startswith("weights: first at [1, 0]")
else:
    raise SystemExit("no error")
print("ok")
"""
DRAW = """
import torch
from reprobox.torch import generator, in_run, log, seed
print(in_run(), seed("a"), torch.randperm(5, generator=generator("a")).tolist(),
      torch.randperm(5, generator=generator("b")).tolist(), generator().initial_seed() == seed())
"""
STEPS = """
import sys, torch
from reprobox.torch import log
print(log(1, {"h": torch.ones(3), "e": torch.zeros(0)}),
      log(2, {"h": torch.tensor([1.0, float(sys.argv[1])]).t(), "e": torch.zeros(0)}))
"""


def outside(program: str, **env: str) -> str:
    done = subprocess.run(
        [torch_python(), "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_difference_is_explained_as_a_verdict_does() -> None:
    assert outside(COMPARE) == "ok"


def test_a_generator_is_decided_by_the_runs_seed_and_its_name(tmp_path: Path) -> None:
    alone = outside(DRAW)
    assert alone.startswith("False ")
    assert alone.endswith(" True")
    assert outside(DRAW) == alone
    zero = under(tmp_path / "0", "-c", DRAW, python=torch_python(), seed=0).out.strip()
    assert zero.removeprefix("True") == alone.removeprefix("False")
    seven = under(tmp_path / "7", "-c", DRAW, python=torch_python(), seed=7).out.strip()
    assert seven.split()[1] != zero.split()[1]
    again = under(tmp_path / "8", "-c", DRAW, python=torch_python(), seed=7).out.strip()
    assert again == seven


def test_logged_tensors_are_in_the_trail_of_a_run_and_nowhere_else(tmp_path: Path) -> None:
    assert outside(STEPS.replace("sys.argv[1]", "2")) == "False False"

    def lines(name: str, value: str) -> list[dict[str, object]]:
        ran = under(
            tmp_path / name,
            "-c",
            STEPS,
            value,
            python=torch_python(),
            trail=Trail(enabled=True, every=1),
        )
        assert ran.out.strip() == "True True", ran.err
        (trail,) = (tmp_path / name / "out").glob("trail*.jsonl")
        found = [json.loads(line) for line in trail.read_text().splitlines()]
        return [line for line in found if line.get("o") == "user"]

    first, same, other = lines("a", "2"), lines("b", "2"), lines("c", "3")
    assert [(line["s"], line["names"]) for line in first] == [(1, ["e", "h"]), (2, ["e", "h"])]
    assert first == same
    assert first[0] == other[0]
    assert first[1] != other[1]


def test_without_a_trail_nothing_is_written_in_a_run(tmp_path: Path) -> None:
    ran = under(tmp_path, "-c", STEPS, "2", python=torch_python())
    assert ran.out.strip() == "False False"
    assert not list((tmp_path / "out").glob("trail*"))


def test_an_installed_reprobox_keeps_its_modules_in_a_run(tmp_path: Path) -> None:
    program = "import reprobox, reprobox.torch, reprobox.version; print(reprobox.__version__, reprobox.torch.__file__)"
    ran = under(tmp_path, "-c", program, python=torch_python(), python_path=str(ROOT))
    version, place = ran.out.split()
    assert version[0].isdigit()
    assert "payload" in place


@pytest.mark.parametrize("name", ["__init__.py", "torch.py"])
def test_the_injected_files_are_few_and_whole(name: str) -> None:
    injected = ROOT / "reprobox/runtime/payload/reprobox"
    assert (injected / name).read_bytes()
    assert {path.name for path in injected.glob("*.py")} == {"__init__.py", "torch.py"}
    assert (injected / "torch.py").read_bytes() == (ROOT / "reprobox/torch.py").read_bytes()
