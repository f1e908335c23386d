"""A tar with the same bytes for the same members, whoever writes it and when."""

from __future__ import annotations

import hashlib
import io
import tarfile

from reprobox.kit.tar import EPOCH_1980, TarStream, entry


def written() -> bytes:
    target = io.BytesIO()
    tar = TarStream(target)
    tar.directory("d/")
    tar.file("d/a", b"data", 0o755)
    tar.symlink("d/l", "a")
    tar.stream(entry("b", size=3), io.BytesIO(b"xyz"))
    tar.close()
    return target.getvalue()


def test_the_bytes_are_these_for_ever() -> None:
    """Digests of layers depend on them."""
    found = hashlib.sha256(written()).hexdigest()
    assert found == "c7b283baca2a9603f8348297ad14b4cdaef97a67af359edc7b17b6a7ef114b51"


def test_every_field_is_fixed() -> None:
    with tarfile.open(fileobj=io.BytesIO(written())) as tar:
        members = {one.name: one for one in tar}
        assert {name: one.mode for name, one in members.items()} == {
            "d": 0o755,
            "d/a": 0o755,
            "d/l": 0o777,
            "b": 0o644,
        }
        for one in members.values():
            assert (one.uid, one.gid, one.uname, one.gname) == (0, 0, "", "")
            assert one.mtime == EPOCH_1980
        assert members["d/l"].linkname == "a"
        file = tar.extractfile("b")
        assert file is not None
        assert file.read() == b"xyz"
