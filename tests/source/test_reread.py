"""The second reader of a commit: whole repositories are whole to it; a damaged, missing or replaced
object is named by its file.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import zlib
from pathlib import Path

import pytest

from reprobox.source.lfs import stored_at
from reprobox.source.reread import Reread, reread

CONTENT = b"weights " * 1000
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(CONTENT).hexdigest()}\nsize {len(CONTENT)}\n".encode()


def reading(top: Path, commit: str = "HEAD") -> Reread:
    return reread(top, commit, lambda _: None)


def loose(work, name: str) -> Path:
    oid = work.git("rev-parse", f"HEAD:{name}")
    return work.top / ".git/objects" / oid[:2] / oid[2:]


@pytest.mark.parametrize("packed", [False, True])
def test_a_whole_commit_is_read_loose_and_packed(work, packed: bool) -> None:
    for number in range(40):
        work.write(b"t\xe4glich/%d.txt" % number, b"line\n" * number + secrets.token_bytes(9))
        work.write("grows.bin", secrets.token_bytes(2000) * 3 + b"%d" % number)
        if number % 13 == 0:
            work.commit()
    work.write("large.bin", bytes(5 << 20))
    work.commit()
    if packed:
        work.git("repack", "-a", "-d", "-q", "--depth=20")
        assert not loose(work, "train.py").exists()
    read: list[int] = []
    names = set(work.git("ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0")) - {""}
    assert reread(work.top, "HEAD", read.append) == Reread(files=len(names), damage=())
    assert sum(read) > 5 << 20


@pytest.mark.parametrize("format_", ["sha1", "sha256"])
def test_an_object_overwritten_by_another_is_named(make, format_: str) -> None:
    work = make("repo", f"--object-format={format_}")
    work.write("train.py", "print('train')\n")
    work.write("other.py", "other\n")
    work.commit()
    assert reading(work.top) == Reread(files=2, damage=())
    place, data = loose(work, "train.py"), b"print('Train')\n"
    place.chmod(0o644)
    place.write_bytes(zlib.compress(b"blob %d\0" % len(data) + data))
    (fault,) = reading(work.top).damage
    assert fault.startswith("train.py: the git object")
    assert "is damaged" in fault


@pytest.mark.parametrize("harm", ["gone", "empty", "noise", "cut"])
def test_unreadable_objects_are_named(work, harm: str) -> None:
    work.write("train.py", secrets.token_bytes(9000))
    work.commit()
    place = loose(work, "train.py")
    place.chmod(0o644)
    if harm == "gone":
        place.unlink()
    else:
        whole = place.read_bytes()
        place.write_bytes(
            {"empty": b"", "noise": secrets.token_bytes(50), "cut": whole[: len(whole) // 2]}[harm]
        )
    (fault,) = reading(work.top).damage
    assert fault.startswith("train.py: the git object")


def test_a_flipped_byte_in_a_pack_is_found(work) -> None:
    work.write("noise.bin", secrets.token_bytes(200_000))
    work.commit()
    work.git("repack", "-a", "-d", "-q")
    (pack,) = (work.top / ".git/objects/pack").glob("*.pack")
    pack.chmod(0o644)
    with pack.open("r+b") as file:
        middle = os.fstat(file.fileno()).st_size // 2
        file.seek(middle)
        byte = file.read(1)
        file.seek(middle)
        file.write(bytes([byte[0] ^ 1]))
    (fault,) = reading(work.top).damage
    assert fault.startswith("noise.bin: the git object")


def test_submodules_and_lfs_content_are_read_too(make, work) -> None:
    inner = make("inner")
    inner.write("deep file.py", "deep\n")
    inner.commit()
    work.git("submodule", "add", "-q", str(inner.top), "libs/in ner")
    work.write("weights.bin", POINTER)
    work.commit()
    assert "weights.bin: its LFS content was not fetched" in reading(work.top).damage
    place = stored_at(work.top / ".git", hashlib.sha256(CONTENT).hexdigest())
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    assert reading(work.top).damage == ()
    assert reading(work.top).files == 8
    place.write_bytes(CONTENT[:-1] + b"!")
    assert reading(work.top).damage == ("weights.bin: its LFS content is damaged",)
    (work.top / "libs/in ner/.git").unlink()
    for path in (work.top / ".git/modules").rglob("HEAD"):
        path.unlink()
    (fault,) = reading(work.top).damage
    assert "is not fetched" in fault


def test_a_commit_that_is_not_here(work) -> None:
    (fault,) = reading(work.top, "0" * 40).damage
    assert "is not in" in fault
