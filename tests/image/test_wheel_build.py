"""Building a wheel: what goes in, what comes out, and what a failed build means."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from harness_runs import EMPTY

from reprobox.errors import BuildError
from reprobox.image import wheel_build
from reprobox.model.lock import Sdist
from reprobox.store.objects import ObjectStore

SDIST = Sdist(filename="demo-1.tar.gz", sha256=EMPTY, size=1)


def test_two_builds_that_agree_repeat(objects: ObjectStore) -> None:
    name = "demo-1-py3-none-any.whl"
    same = {f"first/{name}": b"w", f"second/{name}": b"w", "first/log.txt": b""}
    made = wheel_build._made(SDIST, same, objects)
    assert (made.filename, made.size, made.repeats) == (name, 1, True)
    assert objects.path(made.sha256).read_bytes() == b"w"
    for second in ({f"second/{name}": b"other"}, {}):
        assert not wheel_build._made(SDIST, {f"first/{name}": b"w", **second}, objects).repeats


def test_a_backend_that_asks_for_more_has_no_wheel_yet(objects: ObjectStore) -> None:
    made = wheel_build._made(SDIST, {"needs.json": b'["cython>=3"]'}, objects)
    assert made.needs == ("cython>=3",)


@pytest.mark.parametrize("names", [[], ["a.whl", "b.whl"]])
def test_anything_but_one_wheel_is_refused(objects: ObjectStore, names: list[str]) -> None:
    with pytest.raises(BuildError, match=f"gave {len(names)} wheels"):
        wheel_build._made(SDIST, {f"first/{name}": b"w" for name in names}, objects)


@pytest.mark.parametrize(
    ("log", "advice"),
    [
        ("fatal error: Python.h: No such file", "python3-dev"),
        ("fatal error: ffi.h: No such file", "headers of a C library"),
        ("error: command 'gcc' failed: No such file", "gcc"),
        ("error: cargo, the Rust package manager, is not installed", "cargo"),
        ("Temporary failure in name resolution", "no hash pins"),
        ("SyntaxError", "a version that has a wheel"),
    ],
)
def test_what_the_log_of_a_failed_build_means(log: str, advice: str) -> None:
    assert advice in wheel_build._advice(log)


def test_the_program_is_carried_with_its_plan_and_its_source(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"source")
    out = io.BytesIO()
    wheel_build._carry({"file": "source.tar", "given": []}, tmp_path / "source", out)
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        files = {one.name: archive.extractfile(one) for one in archive}
        read = {name: file.read() for name, file in files.items() if file}
    room = ".reprobox-build"
    assert read[f"{room}/source.tar"] == b"source"
    assert json.loads(read[f"{room}/plan.json"])["given"] == []
    program = read[f"{room}/program.py"].decode()
    compile(program, "program.py", "exec")
    assert "NEEDS" not in program
    assert "/ROOM" not in program


def test_files_of_the_container_lose_the_name_of_their_room() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("out/first/a.whl")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"w"))
    assert wheel_build._files(iter([out.getvalue()])) == {"first/a.whl": b"w"}
