"""What was observed of a run: its shape, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from reprobox.model import codec, observed
from reprobox.model.observed import Child, Draw, Gpu, InputChange, Observed, Outside, Torch

MARKER: dict[str, Any] = {
    "pid": 7,
    "ppid": 1,
    "forked": False,
    "argv": ["python", "train.py"],
    "children": [{"pid": 8, "argv": ["ls"], "static": "train.py:3"}],
    "errors": [],
    "entropy": [{"what": "os.urandom", "place": "train.py:4"}],
    "torch": {"version": "2.9", "cudnn": None, "sm_counts": [132, 132], "tf32": [True, False]},
}
MET: dict[str, Any] = {
    "format": "reprobox.met/1",
    "cpu": {"vendor": "AuthenticAMD", "flags": ["avx2"], "allowed": 2, "stepping": "1"},
    "cgroup": {"cpus": 1, "memory": None},
    "files": {"system": "overlay", "device": 41, "open": ["1024", "524288"]},
    "security": {"aslr": 2, "personality": "00040000", "uid": 1000},
    "libc": "glibc 2.41",
    "gpus": [{"name": "H100", "uuid": "GPU-1", "pci_bus_id": "00:1"}],
    "processes": [MARKER],
}


def test_a_document_becomes_typed_values_and_what_is_not_typed_is_left_out() -> None:
    found = observed.read(MET)
    assert found.cpu is not None
    assert (found.cpu.vendor, found.cpu.allowed, found.cpu.model_name) == ("AuthenticAMD", 2, None)
    assert (found.cgroup and found.cgroup.cpus, found.libc) == (1.0, "glibc 2.41")
    assert found.files
    assert (found.files.system, found.files.open) == (
        "overlay",
        ["1024", "524288"],
    )
    assert found.security
    assert found.security.personality == "00040000"
    assert found.gpus == [Gpu(name="H100", uuid="GPU-1")]
    (process,) = found.processes
    assert process.children == [Child(pid=8, argv=["ls"], static="train.py:3")]
    assert process.entropy == [Draw(what="os.urandom", place="train.py:4")]
    assert process.torch == Torch(version="2.9", sm_counts=[132, 132])


def test_an_empty_document_has_everything_unknown() -> None:
    assert observed.read({}) == Observed()


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([], "expected `object`"),
        ({"cpu": "a"}, "$.cpu"),
        ({"gpus": [{"name": 3}]}, "$.gpus[0].name"),
        ({"processes": [{"children": [1]}]}, "$.processes[0].children[0]"),
        ({"processes": [{"torch": "2.9"}]}, "$.processes[0].torch"),
        ({"files": {"open": "1024"}}, "$.files.open"),
        ({"outside": {"files": -1}}, "$.outside"),
    ],
)
def test_another_shape_is_refused_with_its_place(value: Any, place: str) -> None:
    assert not observed.fits(value)
    with pytest.raises(ValueError) as refused:
        observed.read(value)
    assert place.lower() in str(refused.value).lower()


def test_an_input_that_changed_is_said_with_counts_and_some_paths() -> None:
    change = InputChange(
        path="/work/data",
        counts={"changed": 1200, "new": 1},
        changed=[f"{number}.bin" for number in range(9)],
        new=["late.bin"],
    )
    assert change.sentence == (
        "input /work/data changed while the run used it: "
        "1,200 changed (0.bin, 1.bin, 2.bin, 3.bin, 4.bin); 1 new (late.bin)"
    )
    plain = codec.to_json(change)
    assert observed.inputs_changed({"inputs_changed": [plain]}) == (change,)
    assert observed.inputs_changed({"inputs_changed": [{"path": 1}]}) == ()
    assert observed.inputs_changed(None) == ()


def test_files_outside_of_the_work_tree_are_counted_and_the_largest_named() -> None:
    six = [(f"/tmp/{number}", 1000) for number in range(6)]
    found = observed.outside({"outside": {"files": 6, "size": 6000, "named": six}})
    assert found is not None
    assert found.sentence.startswith("6 files left outside of the work tree and not kept: /tmp/0 (")
    assert found.sentence.endswith(" and 1 more")
    assert Outside().sentence == ""
    assert observed.outside({}) is None
    assert observed.outside({"outside": 3}) is None
