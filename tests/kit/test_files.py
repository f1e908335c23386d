from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from reprobox.kit import canon, files

FIRST, CHUNK = 1 << 16, 1 << 20
SIZES = (0, 1, FIRST - 1, FIRST, FIRST + 1, 2 * FIRST, 2 * FIRST + CHUNK, 3 * CHUNK + 7)


@pytest.mark.parametrize("size", SIZES)
def test_files_of_every_size_are_read_to_their_end(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    path = tmp_path / "file"
    path.write_bytes(data)
    told: list[int] = []
    expected = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert canon.digest_file(path) == canon.digest_file(path, told.append) == expected
    assert sum(told) == size
    assert files.read_whole(path) == files.read_whole(str(path)) == data


def test_what_comes_in_pieces_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as source:
        for piece in (b"a", b"b" * 100, b"c"):
            os.write(writing, piece)
        assert os.read(source.fileno(), 1) == b"a"
        os.close(writing)
        found = canon.digest_descriptor(source.fileno())
    assert found == canon.digest_bytes(b"b" * 100 + b"c")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    for read in (canon.digest_file, files.read_whole):
        with pytest.raises(IsADirectoryError):
            read(tmp_path)
