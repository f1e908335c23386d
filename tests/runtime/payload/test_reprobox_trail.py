"""The trail and the operation trace as a training writes them, with planted divergences that the
judge must find exactly.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from torch_python import PAYLOAD, Ran, torch_python, under

from reprobox.judge import trail
from reprobox.kit import proc
from reprobox.model import codec
from reprobox.model.spec import Trail

TRAINING = """
import os, sys, torch
plant, at = os.environ.get("PLANT", ""), int(os.environ.get("AT", "0"))
torch.manual_seed(3)
linear = torch.nn.Linear
net = torch.nn.Sequential(linear(16, 32), torch.nn.ReLU(), linear(32, 32), torch.nn.Tanh(), linear(32, 4))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
data, target = torch.arange(128.0).reshape(8, 16) / 100, torch.arange(8) % 4
for step in range(1, int(os.environ.get("STEPS", "30")) + 1):
    if plant == "ulp" and step == at:
        with torch.no_grad():
            net[2].weight[3, 5] = torch.nextafter(net[2].weight[3, 5], torch.tensor(9.0))
    noisy = data + (1e-6 if plant == "data" and step == at else 0)
    if plant == "draw" and step == at:
        torch.rand(1)
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(noisy), target)
    if plant == "noise" and step == at:
        loss = loss + torch.rand(()) * net[4].bias.sum()
    loss.backward()
    optimizer.step()
print(sum(float(p.detach().double().sum()) for p in net.parameters()))
"""
NAMES = ("0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias")


def compared(left: Path, right: Path) -> dict[str, Any]:
    """The comparison of two runs' trails, as its JSON."""
    found: dict[str, Any] = json.loads(codec.encode(trail.compare_runs(left, right)))
    return found


def train(
    directory: Path, plant: str = "", at: int = 0, *, every: int = 1, steps: int = 30, **extra: str
) -> Ran:
    directory.mkdir(exist_ok=True)
    (directory / "train.py").write_text(TRAINING)
    asked = Trail(every=every, enabled=True, gradients=extra.pop("gradients", "") == "yes")
    ran = under(
        directory, "train.py", trail=asked, PLANT=plant, AT=str(at), STEPS=str(steps), **extra
    )
    assert ran.code == 0, ran.err
    assert ran.marker()["errors"] == []
    return ran


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("original")).directory / "out"


def test_a_trail_names_the_parameters_as_the_module_does(original: Path) -> None:
    read = trail.read(original / "trail.jsonl")
    assert (read.process, read.every, read.names, read.cut) == (
        "main",
        {"0": 1},
        {"0": NAMES},
        False,
    )
    assert [step for _, step in read.steps] == list(range(1, 31))
    bound = [
        json.loads(line)["s"]
        for line in (original / "trail.jsonl").read_text().splitlines()
        if "sha256" in line
    ]
    assert bound == [1, 2, 4, 8, 16]


def test_the_trail_does_not_change_the_run(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAINING)
    bare = under(tmp_path, "train.py")
    assert train(tmp_path / "traced", gradients="yes").out == bare.out


def test_two_runs_have_one_trail(tmp_path: Path, original: Path) -> None:
    again = train(tmp_path / "again").directory / "out"
    assert (again / "trail.jsonl").read_bytes() == (original / "trail.jsonl").read_bytes()
    assert compared(original, again) == {
        "state": "equal",
        "compared": 30,
        "only_on_one_side": [],
    }


def test_one_ulp_is_found_at_its_step_and_layer(tmp_path: Path, original: Path) -> None:
    found = compared(original, train(tmp_path / "planted", "ulp", 17).directory / "out")
    assert found is not None
    assert (found["state"], found["step"], found["window"], found["kind"]) == (
        "different",
        17,
        [16, 17],
        "parameters",
    )
    assert "2.weight" in found["tensors"]
    assert found["random_state_differs"] is False


def test_with_every_other_step_the_window_is_named(tmp_path: Path) -> None:
    sides = [
        train(tmp_path / name, plant, 17, every=5).directory / "out"
        for name, plant in (("one", ""), ("two", "ulp"))
    ]
    found = compared(*sides)
    assert found is not None
    assert (found["step"], found["window"]) == (20, [15, 20])


def test_another_draw_shows_in_the_random_state_before_the_parameters(
    tmp_path: Path, original: Path
) -> None:
    found = compared(original, train(tmp_path / "planted", "draw", 9).directory / "out")
    assert found is not None
    assert (found["step"], found["kind"], found["tensors"], found["random_state_differs"]) == (
        9,
        "random state",
        [],
        True,
    )


STATEFUL = """
import os, random, numpy, torch
plant = os.environ.get("PLANT", "")
linear = torch.nn.Linear
net = torch.nn.Sequential(linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), linear(8, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
data, target = torch.arange(48.0).reshape(8, 6) / 10, torch.arange(8) % 2
for step in range(1, 7):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(data), target)
    if plant == "loss" and step == 4:
        loss = loss + 0.25
    loss.backward()
    if plant == "buffer" and step == 4:
        net[1].running_mean[5] = torch.nextafter(net[1].running_mean[5], torch.tensor(9.0))
    if plant == "numpy" and step == 4:
        numpy.random.rand()
    if plant == "random" and step == 4:
        random.random()
    optimizer.step()
"""
ALSO = ("buffers", "loss", "generators")


def stateful(
    directory: Path, plant: str = "", also: tuple[str, ...] = ALSO, every: int = 1
) -> Path:
    directory.mkdir()
    (directory / "train.py").write_text(STATEFUL)
    ran = under(
        directory, "train.py", trail=Trail(enabled=True, every=every), also=also, PLANT=plant
    )
    assert ran.code == 0, ran.err
    assert ran.marker()["errors"] == []
    return directory / "out"


@pytest.mark.parametrize(
    ("plant", "kind", "named"),
    [
        ("buffer", "buffers", ["1.running_mean"]),
        ("loss", "loss", ["0"]),
        ("numpy", "random state", ["numpy"]),
        ("random", "random state", ["random"]),
    ],
)
def test_what_is_asked_for_is_compared_too(
    tmp_path: Path, plant: str, kind: str, named: list[str]
) -> None:
    """None of the plants moves a parameter in this step: without the request they are not seen."""
    base, planted = stateful(tmp_path / "base"), stateful(tmp_path / "planted", plant)
    found = compared(base, planted)
    assert found is not None
    assert (found["state"], found["step"], found["kind"], found["tensors"]) == (
        "different",
        4,
        kind,
        named,
    )
    bare = compared(stateful(tmp_path / "one", also=()), stateful(tmp_path / "two", plant, also=()))
    assert bare == {"state": "equal", "compared": 6, "only_on_one_side": []}


def test_each_request_has_its_own_part_of_a_line(tmp_path: Path) -> None:
    for name, keys in (("buffers", {"b"}), ("loss", {"l"}), ("generators", {"r"})):
        lines = [
            json.loads(line)
            for line in (stateful(tmp_path / name, also=(name,)) / "trail.jsonl")
            .read_text()
            .splitlines()
        ]
        steps = [line for line in lines if "p" in line]
        assert all(line.keys() == {"o", "s", "p", "rng"} | keys for line in steps)
        if name == "buffers":
            assert [line["buffers"] for line in lines if "buffers" in line] == [
                ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
            ]
            assert all(len(line["b"]) == 3 for line in steps)
        elif name == "loss":
            assert [len(line["l"]) for line in steps] == [1] * 6
        else:
            assert all(line["r"].keys() == {"random", "numpy"} for line in steps)


def test_a_loss_belongs_to_its_own_step_where_not_every_step_is_written(tmp_path: Path) -> None:
    every, some = (
        stateful(tmp_path / str(k), also=("loss",), every=k) / "trail.jsonl" for k in (1, 3)
    )
    each, few = (trail.read(path).steps for path in (every, some))
    assert list(few) == [("0", 1), ("0", 3), ("0", 6)]
    assert all(len(line["l"]) == 1 and line["l"] == each[key]["l"] for key, line in few.items())


def test_k_is_measured_and_written(tmp_path: Path) -> None:
    ran = train(tmp_path, every=0, steps=300)
    lines = [
        json.loads(line)
        for line in (ran.directory / "out" / "trail.jsonl").read_text().splitlines()
    ]
    (chosen,) = [line for line in lines if "cost" in line]
    assert chosen["after"] == 8
    assert chosen["every"] * chosen["step"] * 0.015 >= chosen["cost"] * 0.99
    steps = [line["s"] for line in lines if "p" in line]
    assert steps == [*range(1, 9), *(step for step in range(9, 301) if step % chosen["every"] == 0)]


def test_a_kernel_is_told_from_inputs_and_from_draws(tmp_path: Path) -> None:
    """The window is traced on both sides; what is planted is what must be named."""
    ask = partial(train, steps=6, REPROBOX_OPTRACE="4:5")
    base = ask(tmp_path / "base").directory / "out" / "optrace.jsonl"
    same = trail.compare_operations(
        base, ask(tmp_path / "same").directory / "out" / "optrace.jsonl"
    )
    assert (same.state, same.cause) == ("equal", "none")
    assert same.compared > 30

    data = trail.compare_operations(
        base, ask(tmp_path / "data", "data", 5).directory / "out" / "optrace.jsonl"
    )
    assert (data.cause, data.name) == ("inputs", "aten.add.Tensor")
    assert data.at.endswith("train.py:13")

    kernel = (
        ask(tmp_path / "kernel", ATEN_CPU_CAPABILITY="default", MKL_CBWR="COMPATIBLE").directory
        / "out"
        / "optrace.jsonl"
    )
    found = trail.compare_operations(
        ask(tmp_path / "wide", ATEN_CPU_CAPABILITY="avx2").directory / "out" / "optrace.jsonl",
        kernel,
    )
    assert found.state == "different"

    sequence = trail.compare_operations(
        base, ask(tmp_path / "noise", "noise", 5).directory / "out" / "optrace.jsonl"
    )
    assert (sequence.cause, sequence.detail["right"]["at"].endswith("train.py:19")) == (
        "sequence",
        True,
    )


def test_a_kernel_of_another_thread_count_is_named(tmp_path: Path) -> None:
    program = """
import torch
x = torch.nn.Parameter((torch.arange(1000003) % 1013).float() / 7)
optimizer = torch.optim.SGD([x], lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    total = x.dot(x)
    total.backward()
    optimizer.step()
"""
    traces = []
    for threads in (1, 2):
        (tmp_path / str(threads)).mkdir()
        (tmp_path / str(threads) / "sum.py").write_text(program)
        ran = under(tmp_path / str(threads), "sum.py", threads=threads, REPROBOX_OPTRACE="1:2")
        assert ran.code == 0, ran.err
        traces.append(ran.directory / "out" / "optrace.jsonl")
    found = trail.compare_operations(*traces)
    assert (found.cause, found.name, found.step) == ("kernel", "aten.dot.default", 1)
    assert found.at.endswith("sum.py:7")
    assert "same inputs, another output" in found.sentence()


def test_fingerprints_see_what_they_must(tmp_path: Path) -> None:
    """One ulp, one bit, a swap, signs of zero, and two signs at once; large tensors (mix64) and
    small ones (BLAKE2b).
    """
    program = f"""
import sys; sys.path.insert(0, {str(PAYLOAD)!r})
import torch, reprobox_trail
hasher = reprobox_trail.Hasher(torch)
torch.manual_seed(0)
for size in (1000, 70001, 200000):
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        base = torch.randn(size).to(dtype)
        def changed(act):
            other = base.clone()
            act(other)
            return other
        def flip(*places):
            def act(t):
                for place in places: t[place] = -t[place]
            return act
        def swap(t): t[[3, 700]] = t[[700, 3]]
        def bit(t): t.view(torch.uint8)[-1] ^= 1
        acts = [flip(5), flip(5, 6), flip(5, 7), flip(1, size - 1), swap, bit]
        variants = [base, *map(changed, acts)]
        found = hasher.many(variants)
        assert len(set(found)) == len(variants), (size, dtype, found)
        assert hasher.many([base]) == found[:1] == hasher.many([base.clone()])
        assert hasher.many([base.reshape(1, -1).expand(2, -1)[1]]) == found[:1]
zeros = torch.zeros(100000)
assert hasher.many([zeros]) != hasher.many([-zeros])
wide = torch.randn(300, 400)
assert hasher.many([wide.t().contiguous().t()]) == hasher.many([wide])
weights = torch.randn(500, 500)
missed = 0
before = hasher.many([weights])
flat = weights.view(-1).view(torch.int32)
for number in range(500):
    place, bit = number * 499, number % 32
    flat[place] ^= (1 << bit) if bit < 31 else -(1 << 31)
    missed += hasher.many([weights]) == before
    flat[place] ^= (1 << bit) if bit < 31 else -(1 << 31)
assert missed == 0 and hasher.many([weights]) == before
print("good")
"""
    done = proc.run([torch_python(), "-c", program], cwd=tmp_path)
    assert done.out == b"good\n", done.error_text


def test_other_frameworks_log_by_a_call(tmp_path: Path) -> None:
    program = """
import array, reprobox_trail
for step in (1, 2):
    reprobox_trail.log(step, {"w": array.array("d", [step, 2.0]), "b": b"x"})
"""
    ran = under(tmp_path, "-c", program, trail=Trail(enabled=True))
    assert ran.code == 0, ran.err
    read = trail.read(tmp_path / "out" / "trail.jsonl")
    assert list(read.steps) == [("user", 1), ("user", 2)]
    assert read.steps["user", 1]["names"] == ["b", "w"]
    assert under(tmp_path, "-c", program).code == 0
    assert len(list((tmp_path / "out").glob("trail*"))) == 1


def test_each_rank_has_a_file_of_its_own(tmp_path: Path) -> None:
    for rank in ("0", "1"):
        train(tmp_path, steps=2, RANK=rank)
    assert sorted(path.name for path in (tmp_path / "out").glob("trail*")) == [
        "trail-rank0.jsonl",
        "trail-rank1.jsonl",
    ]


def test_a_fault_ends_the_trail_and_not_the_training(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAINING)
    (tmp_path / "out").mkdir()
    for number in range(1, 3):
        (tmp_path / "out" / ("trail.jsonl" if number == 1 else "trail-2.jsonl")).mkdir()
    program = "import os, shutil, torch; shutil.rmtree(os.environ['REPROBOX_OUT']); exec(open('train.py').read())"
    ran = under(tmp_path, "-c", program, trail=Trail(enabled=True, every=1))
    assert ran.code == 0, ran.err
    assert float(ran.out) == float(train(tmp_path / "good").out)


GENERATORS = """
import time, weakref, torch, numpy as np
torch.manual_seed(3)
class Kept: pass
def train(batches=4):
    held = Kept()
    gone = weakref.ref(held)
    mine = torch.Generator().manual_seed(41)
    theirs = np.random.default_rng(42)
    set_ = torch.utils.data.TensorDataset(torch.ones(8, 2))
    loader = torch.utils.data.DataLoader(set_, shuffle=True, num_workers=2, generator=torch.Generator().manual_seed(43))
    net = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for (batch,) in loader:
        net(batch).sum().backward()
        optimizer.step()
        held = None
        assert gone() is None, "the look at the variables keeps them alive"
whole = torch.Generator().manual_seed(44)
if __name__ == "__main__":
    train()
"""


def test_seeds_of_generators_in_the_programs_variables_are_found_at_the_first_step(
    tmp_path: Path,
) -> None:
    (tmp_path / "train.py").write_text(GENERATORS)
    ran = under(tmp_path, "train.py", trail=Trail(every=1, enabled=True))
    assert ran.code == 0, ran.err
    (main,) = (marker for marker in ran.markers if not marker["forked"])
    assert main["errors"] == []
    here = ran.directory / "train.py"
    assert [(note["what"], note["place"], note["value"]) for note in main["seeds"]] == [
        ("torch.manual_seed", f"{here}:3", "3"),
        ("numpy.random.default_rng", f"{here}:9", "42"),
        ("generator mine", f"{here} in train", "41"),
        ("generator theirs", f"{here} in train", "42"),
        ("generator loader.generator", f"{here} in train", "43"),
        ("generator loader.sampler.generator", f"{here} in train", "43"),
        ("generator whole", f"{here}", "44"),
    ]
    # What loaders give their workers follows from the program's seeds and is not the program's.
    assert all(
        marker["seeds"] == main["seeds"][:2] or marker["seeds"] == main["seeds"]
        for marker in ran.markers
    )
