"""YAML by its nodes: values as JSON has them, and nothing that is built or called."""

from __future__ import annotations

from pathlib import Path

import pytest
from file_contents import content_of, plain

from reprobox.judge.leaves import Unreadable


def test_style_comments_and_order_are_not_content(tmp_path: Path) -> None:
    one = b"# made today\nb: [1.0, 'x']\na: {c: true}\n"
    other = b'a:\n  c: yes\nb:\n- 1\n- "x"\n'
    first, second = (plain(content_of(tmp_path, "a.yaml", data)) for data in (one, other))
    assert first == second == {"$.a.c": True, "$.b[0]": 1, "$.b[1]": "x"}


def test_scalars_are_what_they_say(tmp_path: Path) -> None:
    data = b"n: ~\nt: '1'\no: 010\nx: 0x1f\nd: 2026-11-28\ninf: -.inf\ne: {}\nl: []\n1: one\n"
    assert plain(content_of(tmp_path, "a.yml", data)) == {
        "$.n": None,
        "$.t": "1",
        "$.o": "int 010",
        "$.x": "int 0x1f",
        "$.d": "timestamp 2026-11-28",
        "$.inf": float("-inf"),
        "$.e{}": "empty",
        "$.l[]": "empty",
        "$[int 1]": "one",
    }


def test_an_alias_is_one_value_in_two_places(tmp_path: Path) -> None:
    shared = plain(content_of(tmp_path, "a.yaml", b"a: &x {k: 1}\nb: *x\n"))
    assert shared == {"$.a.k": 1, "$.b<same>": "the value at $.a"}


def test_tags_and_documents_are_told_apart(tmp_path: Path) -> None:
    found = plain(content_of(tmp_path, "a.yaml", b"--- !!python/object:os.system {a: 1}\n--- 2\n"))
    assert found["[0].a"] == 1
    assert found["[1]"] == 2


def test_a_tag_of_another_kind_is_a_leaf(tmp_path: Path) -> None:
    assert plain(content_of(tmp_path, "a.yaml", b"!mine {a: 1}"))["$<tag>"] == "!mine"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"a: [", "not YAML"),
        (b"? [a]\n: 1\n", "key that is not a plain value"),
        (b"[" * 300 + b"]" * 300, "nested too deeply"),
        (b"a: 1\na: 2\n", "two values of one name"),
        (b"a: \xff\n", "not UTF-8"),
    ],
)
def test_what_is_not_read_says_why(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        content_of(tmp_path, "a.yaml", data)
