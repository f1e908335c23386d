"""Layers over each other, in a directory that nothing leaves."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from reprobox.engine.apptainer.unpack import Tree
from reprobox.errors import EngineError


def layer(*entries: tuple[str, bytes | str | None], mode: int = 0o644) -> io.BytesIO:
    """A tar: bytes are a file, text is a link's target (`=x` a hard link), None is a directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, what in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.mtime = mode, 1000
            info.uid, info.gid = os.getuid(), os.getgid()
            if what is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(what, str):
                hard = what.startswith("=")
                info.type = tarfile.LNKTYPE if hard else tarfile.SYMTYPE
                info.linkname = what.removeprefix("=")
            else:
                info.size = len(what)
            tar.addfile(info, io.BytesIO(what) if isinstance(what, bytes) else None)
    out.seek(0)
    return out


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def unpacked(root: Path, *layers: io.BytesIO) -> dict[str, str | bytes | None]:
    tree = Tree(root)
    for one in layers:
        tree.apply(one)
    tree.finish()
    return {
        path.relative_to(root).as_posix(): os.readlink(path)
        if path.is_symlink()
        else None
        if path.is_dir()
        else path.read_bytes()
        for path in sorted(root.rglob("*"))
    }


def test_later_layers_win_and_whiteouts_remove(root: Path) -> None:
    below = layer(
        ("a/one", b"1"),
        ("a/two", b"2"),
        ("b/x/y", b"deep"),
        ("c", b"file"),
        ("d", None),
        ("d/z", b"z"),
    )
    above = layer(
        ("a/one", b"new"),
        ("a/.wh.two", b""),
        ("b/own", b"own"),
        ("b/.wh..wh..opq", b""),
        ("c", None),
        ("c/in", b"in"),
        ("d", b"now a file"),
    )
    assert unpacked(root, below, above) == {
        "a": None,
        "a/one": b"new",
        "b": None,
        "b/own": b"own",
        "c": None,
        "c/in": b"in",
        "d": b"now a file",
    }


def test_links_lead_inside_as_below_a_root(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    first = layer(
        ("usr/lib", None),
        ("lib", "usr/lib"),
        ("abs", "/usr/lib"),
        ("up", "../../../../usr"),
        ("out", f"{tmp_path}/outside"),
    )
    second = layer(
        ("lib/a", b"a"), ("abs/b", b"b"), ("up/lib/c", b"c"), ("../../d", b"d"), ("out/e", b"e")
    )
    found = unpacked(root, first, second)
    assert {found[f"usr/lib/{name}"] for name in "abc"} == {b"a", b"b", b"c"}
    assert found["d"] == b"d"
    assert found[f"{tmp_path.as_posix().lstrip('/')}/outside/e"] == b"e"
    assert os.listdir(tmp_path / "outside") == []


def test_a_file_replaces_a_link_and_does_not_follow_it(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "victim"
    target.write_bytes(b"safe")
    found = unpacked(root, layer(("x", str(target))), layer(("x", b"own")))
    assert found == {"x": b"own"}
    assert target.read_bytes() == b"safe"


def test_hard_links_modes_and_times(root: Path) -> None:
    unpacked(root, layer(("bin/a", b"prog"), ("bin/b", "=bin/a"), mode=0o555), layer(("bin", None)))
    a, b = root / "bin/a", root / "bin/b"
    assert a.stat().st_ino == b.stat().st_ino
    assert a.stat().st_mode & 0o777 == 0o555
    assert a.stat().st_mtime == (root / "bin").stat().st_mtime == 1000


@pytest.mark.parametrize(
    "bad",
    [io.BytesIO(b"no tar at all" * 100), layer(("loop", "loop"), ("loop/x", b""))],
    ids=["rubbish", "loop"],
)
def test_what_cannot_be_laid_out_is_refused(root: Path, bad: io.BytesIO) -> None:
    with pytest.raises(EngineError, match="Could not load an image"):
        unpacked(root, bad)
