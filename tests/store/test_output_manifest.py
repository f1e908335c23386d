"""outputs.jsonl: any name survives, and hostile bytes are one clear error."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprobox.errors import NewerFormat, StoreDamaged
from reprobox.kit import canon
from reprobox.model.outcome import OutputFile
from reprobox.store.output_manifest import outputs_manifest, read_manifest

NAMES = st.binary(min_size=1, max_size=40).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)


@settings(max_examples=200, deadline=None)
@given(names=st.sets(st.lists(NAMES, min_size=1, max_size=4).map(b"/".join), max_size=10))
def test_a_manifest_of_any_names_survives(names: set[bytes]) -> None:
    files = [
        OutputFile(
            path=os.fsdecode(name), kind="file", size=1, mode=0o644, sha256=canon.digest_bytes(name)
        )
        for name in names
    ]
    data = outputs_manifest(files)
    back = read_manifest(data)
    assert [os.fsencode(file.path) for file in back] == sorted(names)
    assert outputs_manifest(reversed(back)) == data


HEAD = b'{"format":"reprobox.outputs/1"}\n'


LINE = (
    b'{"kind":"file","mode":420,"path":"%s","sha256":"'
    + canon.digest_bytes(b"").encode()
    + b'","size":0}\n'
)


HOSTILE = [
    b"",
    b"\n",
    HEAD[:-1],
    LINE % b"a",
    HEAD + (LINE % b"a")[:-1],
    HEAD + LINE % b"b" + LINE % b"a",
    HEAD + LINE % b"a" + LINE % b"a",
    *(
        HEAD + LINE % path
        for path in (
            b"",
            b"/etc/passwd",
            b"../x",
            b"a/../b",
            b"a//b",
            b"./a",
            b"a/",
            b"a\\u0000b",
            b"\\ud800",
        )
    ),
    HEAD + (LINE % b"a").replace(b"sha256:", b"md5:"),
    HEAD + (LINE % b"a").replace(b'"file"', b'"device"'),
    HEAD + (LINE % b"a").replace(b"420", b'"420"'),
    HEAD + (LINE % b"a").replace(b"420", b"NaN"),
    HEAD + (LINE % b"a").replace(b"420", b"2541"),
    HEAD + (LINE % b"a").replace(b'"size":0', b'"size":-1'),
    HEAD + b'{"a":' * 200 + b"\n",
    b"\xff\xfe\n",
]


@pytest.mark.parametrize("data", HOSTILE)
def test_a_hostile_manifest_is_one_clear_error(data: bytes) -> None:
    with pytest.raises(StoreDamaged):
        read_manifest(data)


def test_a_newer_manifest_says_so() -> None:
    with pytest.raises(NewerFormat):
        read_manifest(b'{"format":"reprobox.outputs/2"}\n')


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=300), cut=st.integers(0, 400))
def test_no_bytes_surprise_the_manifest_reader(data: bytes, cut: int) -> None:
    whole = HEAD + LINE % b"a"
    for mangled in (data, HEAD + data, whole[:cut] + data + whole[cut:]):
        try:
            read_manifest(mangled)
        except (StoreDamaged, NewerFormat):
            continue
