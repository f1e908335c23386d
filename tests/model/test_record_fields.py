"""A record from elsewhere with every field exchanged: what passes makes a container that is no more
than what a run of ours could have.
"""

from __future__ import annotations

import copy
import json
import posixpath
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from harness_runs import LOCK, a_runspec, an_intent

from reprobox.engine.create_body import create_body
from reprobox.errors import ReproboxError
from reprobox.executor import container_spec
from reprobox.model import codec, record_fields
from reprobox.model.lock import Built, Conda, Deb, Sdist, Wheel
from reprobox.model.record import Intent
from reprobox.model.runspec import InputPin
from reprobox.model.spec import OutputRule

DIGEST = "sha256:" + "1" * 64
PIN = InputPin(path="/work/data", source="/home/ann/data", kind="tree", digest=DIGEST, size=1)
GOOD = an_intent(
    runspec=a_runspec(
        inputs=(PIN, replace(PIN, path="/data/numbers.txt", kind="file", manifest=2)),
        secrets=("TOKEN",),
        gpus='"device=0,1",capabilities=utility',
        capabilities=("SYS_PTRACE",),
        network="bridge",
        outputs=(OutputRule(pattern="*.pt", compare="tensors", ulp=2),),
    ),
    lock=replace(
        LOCK,
        wheels=(
            Wheel(
                name="numpy",
                version="2.1.0",
                filename="numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
                sha256=DIGEST,
                size=9,
            ),
        ),
        debs=(
            Deb(
                name="libgomp1",
                version="12.2.0-14",
                architecture="amd64",
                filename="pool/main/g/gcc-12/libgomp1_12.2.0-14_amd64.deb",
                sha256=DIGEST,
                size=9,
            ),
        ),
        image_env={"NVIDIA_VISIBLE_DEVICES": "all"},
    ),
)
SDIST = Sdist(filename="antlr4-python3-runtime-4.9.3.tar.gz", sha256=DIGEST, size=9)
CONDA_PACKAGE = Conda(
    name="_libgcc_mutex",
    version="0.1",
    build="conda_forge",
    subdir="linux-64",
    filename="_libgcc_mutex-0.1-conda_forge.tar.bz2",
    sha256=DIGEST,
    size=9,
)


def with_built(**other: Any) -> Intent:
    """A lock with a wheel that was built, and a conda package; `other` of its source."""
    (wheel,) = GOOD.lock.wheels
    tool = replace(wheel, filename=other.pop("tool", "tool-1.0-py3-none-any.whl"))
    conda = replace(CONDA_PACKAGE, **other.pop("conda", {}))
    built = Built(sdist=replace(SDIST, **other), requires=(tool,), repeats=True)
    return replace(
        GOOD, lock=replace(GOOD.lock, wheels=(replace(wheel, built=built),), conda=(conda,))
    )


def test_sources_and_conda_packages_are_looked_at_too() -> None:
    assert record_fields.faults(with_built()) == {}
    for wrong in (
        {"filename": "../../etc/passwd"},
        {"sha256": "sha256:../x"},
        {"size": -1},
        {"tool": "../tool.whl"},
        {"conda": {"filename": "../../evil.conda"}},
        {"conda": {"filename": "evil"}},
        {"conda": {"subdir": "../linux-64"}},
        {"conda": {"sha256": "sha256:zz"}},
        {"conda": {"size": -1}},
    ):
        assert record_fields.faults(with_built(**wrong)), wrong


def test_what_we_write_passes() -> None:
    assert record_fields.faults(GOOD) == {}
    assert record_fields.faults(an_intent()) == {}


WRONG: dict[str, list[Any]] = {
    "runspec.inputs.path": [
        "/usr/../.reprobox/sitecustomize.py",
        "/root/../proc/sys/kernel/core_pattern",
        "/.reprobox/shim.py",
        "//.reprobox/shim.py",
        "/.reprobox",
        "/.reprobox-out/exit.json",
        "/work/../.reprobox/x",
        "/work/./data",
        "/work/",
        "/work",
        "/",
        "",
        "work/data",
        "/proc/self/mem",
        "/sys/fs",
        "/dev/shm",
        "/run/secrets/TOKEN",
        "/var/run/secrets/TOKEN",
        "/etc/passwd",
        "/etc",
        "/usr",
        "/a\0b",
        "/a\ud800",
        "/" + "a/" * 3000 + "a",
    ],
    "runspec.resources.tmp_size": [
        "900g,suid,dev",
        "1g,exec",
        " 1g",
        "1g\n",
        "0",
        "-1",
        "",
        "1e99",
    ],
    "runspec.resources.shm_size": ["0b", "lots", "1g,x"],
    "runspec.resources.memory": ["-4g", "9" * 40],
    "runspec.resources.pids": [-1, 0, 2**40],
    "runspec.resources.cpus": [-1.0, 0.0, 1e300],
    "runspec.resources.timeout": [-5.0, 0.0],
    "runspec.threads": [0, -1, 10**6],
    "runspec.workdir": ["..", "../x", "/etc", "a/../../b", "a//b", "", "a\0"],
    "runspec.config_path": ["/etc/passwd", "../x", ""],
    "runspec.network": ["container:abc", "host\n", "ns:/proc/1/ns/net", ""],
    "runspec.hostname": ["x:10.0.0.1", "a b", "", "x" * 70],
    "runspec.gpus": ["all;rm", "a\nb", ""],
    "runspec.env": [{"A=B": "x"}, {"": "x"}, {"A\0": "x"}, {"A": "x\0y"}, {"A": "\udcff"}],
    "runspec.argv": [[], [""], ["a\0b"], ["\udcff"]],
    "runspec.secrets": [["../../etc/passwd"], ["a/b"], [""]],
    "runspec.capabilities": [["all"], ["SYS_ADMIN,NET_RAW"], ["sys_ptrace"]],
    "runspec.image": ["python:3.11", "sha256:xyz"],
    "image.addresses": [["evil.example/x:latest"], ["x@sha256:1"]],
    "lock.python.executable": ["python3", "/usr/../work/evil", ""],
    "lock.image_env": [{"A=B": "x"}, {"A": "\0"}],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_value_is_named_by_its_field(name: str, value: Any) -> None:
    document = codec.to_json(GOOD)
    place = document
    *above, last = name.split(".")
    for part in above:
        place = place[part][0] if part == "inputs" else place[part]
    place[last] = value
    if name.startswith("runspec.inputs."):
        place["tracked"] = False
    try:
        found = codec.from_json(Intent, document, where="an intent")
    except ReproboxError:
        return
    assert name in record_fields.faults(found), value


def test_two_inputs_in_one_place_are_refused() -> None:
    spec = replace(GOOD.runspec, inputs=(PIN, PIN))
    assert "runspec.inputs" in record_fields.faults(replace(GOOD, runspec=spec))


NASTY: list[Any] = [
    *("", " ", "..", "/", "//", "/..", "../..", "/work", "/work/../proc", "/.reprobox/x", "~"),
    *("a,b", "a=b", "a:b", "a b", "a\nb", "a\0b", "\udc80", "\u202e", "-1", "0", "1g,suid,dev"),
    *("host", "container:x", "all", "ALL", "sha256:x", DIGEST, "x" * 200_000, "/" + "x/" * 5000),
    *(-1, 0, 1, 2**31, 2**63, 2**64, -(2**70), 1.5, -0.0, 1e308, True, False, None),
    *([], {}, [""], {"": ""}, ["a"], {"a=b": "c"}, ["/usr/../.reprobox/x"]),
]
LIMITS = re.compile(r"rw,exec,nosuid,nodev,mode=1777,size=\d+(\.\d+)? ?[a-zA-Z]*")
OURS = {"/work", "/.reprobox", "/.reprobox-out", "/etc/passwd", "/etc/group", "/run/secrets"}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value in a document."""
    yield at
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, part in inner:
        yield from places(part, (*at, key))


def exchanged(document: Any, at: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    place = changed
    for key in at[:-1]:
        place = place[key]
    place[at[-1]] = value
    return changed


def test_what_passes_makes_a_container_as_ours(tmp_path: Path) -> None:
    document = codec.to_json(GOOD)
    chance = random.Random(1)
    ways = [(at, value) for at in places(document) if at for value in NASTY]
    passed = refused = 0
    for at, value in ways:
        changed = exchanged(document, at, value)
        if chance.random() < 0.2:
            other, more = chance.choice(ways)
            try:
                changed = exchanged(changed, other, more)
            except (KeyError, IndexError, TypeError):
                continue
        try:
            intent = codec.decode(Intent, _bytes(changed), where="x")
            faults = record_fields.faults(intent)
        except (ReproboxError, ValueError):
            refused += 1
            continue
        if faults:
            refused += 1
            continue
        passed += 1
        _check(intent, tmp_path)
    assert passed > 100
    assert refused > 1000


def _bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


def _check(intent: Intent, run_dir: Path) -> None:
    """Whether the engine would be asked for nothing that a run of ours would not ask for."""
    spec = intent.runspec
    container = container_spec.container(
        spec,
        name=f"reprobox-{intent.id}",
        store="/store",
        image=DIGEST,
        python=intent.lock.python.executable,
        run_dir=run_dir,
        inputs={pin.path: "/host/data" for pin in spec.inputs if not pin.tracked},
        secrets=run_dir / "secrets" if spec.secrets else None,
    )
    body = create_body(container)
    host = body["HostConfig"]
    assert all(LIMITS.fullmatch(options) for options in host["Tmpfs"].values())
    for mount in host["Mounts"]:
        target = mount["Target"]
        assert target == posixpath.normpath(target)
        assert target.startswith("/")
        assert not target.startswith("//")
        if mount["Source"] == "/host/data":
            assert mount["ReadOnly"] is True
            assert target not in OURS
            assert not target.startswith(
                ("/.reprobox", "/proc", "/sys", "/dev", "/run/secrets", "/etc/passwd", "/etc/group")
            )
        else:
            assert target in OURS
    assert 0 < host["PidsLimit"] <= 2**22
    assert host["ShmSize"] > 0
    assert host.get("Memory", 1) > 0
    assert host.get("NanoCpus", 1) >= 0
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"]
    assert ":" not in host["NetworkMode"]
    assert all(line.count(":") == 1 for line in host.get("ExtraHosts", ()))
    assert posixpath.normpath(body["WorkingDir"]) == body["WorkingDir"]
    assert (body["WorkingDir"] + "/").startswith("/work/")
    assert all(re.match(r"[A-Za-z_][A-Za-z0-9_]*=", line) for line in body["Env"])
    assert json.dumps(body).encode()
