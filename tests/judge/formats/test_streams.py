"""Compressed streams: their payload, streams one behind the other, and what follows them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from file_contents import content_of, plain, rest

from reprobox.judge.leaves import Unreadable

WAYS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("m.json.gz", gzip.compress),
    "bzip2": ("m.json.bz2", bz2.compress),
    "xz": ("m.json.xz", lzma.compress),
    "lzma": ("m.json.lzma", lambda data: lzma.compress(data, lzma.FORMAT_ALONE)),
    "zlib": ("m.json.z", zlib.compress),
}


@pytest.mark.parametrize("kind", WAYS)
def test_the_payload_is_read_under_the_name_without_the_ending(tmp_path: Path, kind: str) -> None:
    name, pack = WAYS[kind]
    content = content_of(tmp_path, name, pack(b'{"a": 1}'))
    assert (content.format, plain(content)) == (kind, {"m.json!": "json", "m.json!$.a": 1})
    assert rest(content) == []
    assert content.inner is not None
    assert dict(content.inner.leaves) == {"$.a": 1}


@pytest.mark.parametrize("kind", WAYS)
def test_a_stream_that_is_cut_off_is_not_read_in_part(tmp_path: Path, kind: str) -> None:
    name, pack = WAYS[kind]
    with pytest.raises(Unreadable):
        content_of(tmp_path, name, pack(b"text that is long enough to be cut" * 9)[:-9])


def test_streams_one_behind_the_other_are_one_payload(tmp_path: Path) -> None:
    data = gzip.compress(b"one ") + gzip.compress(b"two")
    assert plain(content_of(tmp_path, "a.gz", data))["a!line 1"] == "one two"


def test_what_follows_and_is_no_stream_is_rest(tmp_path: Path) -> None:
    data = gzip.compress(b"one")
    content = content_of(tmp_path, "a.gz", data + b"tail")
    assert rest(content) == [(len(data), 4)]
    assert content.inner is None


def test_what_a_gzip_header_says_besides_time_and_name_is_rest(tmp_path: Path) -> None:
    packed = gzip.compress(b"one", mtime=0)
    named = packed[:3] + b"\x08" + packed[4:10] + b"name\0" + packed[10:]
    comment = packed[:3] + b"\x10" + packed[4:10] + b"note\0" + packed[10:]
    assert rest(content_of(tmp_path, "a.gz", named)) == []
    assert rest(content_of(tmp_path, "a.gz", comment)) == [(0, len(comment))]
