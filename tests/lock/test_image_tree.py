"""The files of an image: layers hide and replace what is below."""

from __future__ import annotations

from pathlib import Path

from lock_world import tar_bytes

from reprobox.lock.image_tree import Tree


def test_layers_hide_and_replace(tmp_path: Path) -> None:
    bottom = tar_bytes(
        {"a/": b"", "a/one": b"1", "a/two": b"2", "b/x": b"x", "c/y": b"y", "d/z": b"z"},
        {"link": "a", "up": "/a/../b"},
    )
    top = tar_bytes(
        {
            "a/.wh.one": b"",
            "b/.wh..wh..opq": b"",
            "b/new": b"n",
            "./a/two": b"22",
            ".wh.c": b"",
            "d": b"a file now",
        },
        {"loop": "loop"},
    )
    for name, data in (("bottom", bottom), ("top", top)):
        (tmp_path / name).write_bytes(data)
    tree = Tree([tmp_path / "bottom", tmp_path / "top"])
    assert list(tree.paths()) == ["a", "a/two", "b/new", "d", "link", "loop", "up"]
    assert tree.read("link/two") == b"22"
    assert tree.read("up/new") == b"n"
    assert tree.read("a") is None
    assert "loop" not in tree
    assert tree.read("d") == b"a file now"
