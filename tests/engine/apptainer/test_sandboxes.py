"""Images as directories: what is loaded is what the digests name, and stays so."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from images_of_our_own import archive, chunks, tiny_layer

from reprobox.engine.apptainer.sandboxes import Sandboxes
from reprobox.errors import EngineError, ImageMissing
from reprobox.kit.canon import digest_bytes

TAG = "reprobox-tests/tiny:x"


@pytest.fixture(scope="module")
def data() -> bytes:
    return archive(tiny_layer(), TAG, {"Env": ["A=b"]})


@pytest.fixture
def images(tmp_path: Path, data: bytes) -> Sandboxes:
    made = Sandboxes(tmp_path)
    made.load(chunks(data, 1000))
    return made


def fresh(tmp_path: Path) -> Sandboxes:
    """As another process sees the directory."""
    return Sandboxes(tmp_path)


def test_an_image_is_named_by_its_config_and_by_tags(images: Sandboxes, tmp_path: Path) -> None:
    found = images.inspect(TAG)
    assert found is not None
    assert found == fresh(tmp_path).inspect(found.id)
    assert (found.diff_ids, found.config["Env"]) == ((digest_bytes(tiny_layer()),), ["A=b"])
    place, settings = images.to_start(TAG)
    assert (place / "bin/sh").exists()
    assert settings == found.config
    images.tag(TAG, "other/name:1")
    images.remove(TAG)
    assert images.inspect(TAG) is None
    assert images.inspect("other/name:1") == found
    images.remove("other/name:1")
    assert images.inspect(found.id) is None
    assert [path for path in (tmp_path / "images").iterdir() if not path.name.startswith(".")] == []
    images.remove("other/name:1")


def _same_size_and_time(place: Path) -> None:
    seen = place.stat()
    data = bytearray(place.read_bytes())
    data[-1] ^= 1
    place.write_bytes(data)
    os.utime(place, ns=(seen.st_atime_ns, seen.st_mtime_ns))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "byte": lambda root: _same_size_and_time(root / "bin/busybox"),
    "gone": lambda root: (root / "bin/busybox").unlink(),
    "new": lambda root: (root / "etc/new").touch(),
    "mode": lambda root: (root / "bin/busybox").chmod(0o700),
    "link": lambda root: ((root / "bin/ls").unlink(), (root / "bin/ls").symlink_to("cat")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_changed_directory_is_no_image(
    images: Sandboxes, tmp_path: Path, data: bytes, damage: str
) -> None:
    place, _ = images.to_start(TAG)
    DAMAGES[damage](place)
    with pytest.raises(ImageMissing, match="was changed after it was unpacked"):
        images.to_start(TAG)  # looked at again, though this process has unpacked it
    assert fresh(tmp_path).inspect(TAG) is None
    images.load(chunks(data))
    assert fresh(tmp_path).inspect(TAG) is not None


def test_another_process_sees_the_damage_too(images: Sandboxes, tmp_path: Path) -> None:
    place, _ = images.to_start(TAG)
    _same_size_and_time(place / "bin/busybox")
    assert fresh(tmp_path).inspect(TAG) is None
    assert not place.exists()


def _with_layer(data: bytes, layer: bytes) -> bytes:
    """The archive with another layer behind the same config."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            file = old.extractfile(member)
            content = layer if member.name == "layer.tar" else file.read() if file else b""
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    return out.getvalue()


def test_a_compressed_layer_is_held_against_its_digest_too(tmp_path: Path, data: bytes) -> None:
    made = fresh(tmp_path)
    made.load(chunks(_with_layer(data, gzip.compress(tiny_layer(), 1))))
    assert made.inspect(TAG) is not None


@pytest.mark.parametrize("how", ["other layer", "cut", "rubbish", "empty"])
def test_what_is_not_the_image_is_not_kept(tmp_path: Path, data: bytes, how: str) -> None:
    other = tiny_layer().replace(b"busybox", b"busybux", 1)
    bad = {
        "other layer": lambda: _with_layer(data, other),
        "cut": lambda: data[: len(data) // 2],
        "rubbish": lambda: b"\1" * 5000,
        "empty": lambda: b"",
    }[how]()
    made = fresh(tmp_path)
    with pytest.raises(EngineError, match="Could not load an image"):
        made.load(chunks(bad))
    assert made.inspect(TAG) is None
    assert os.listdir(tmp_path / "images") == []


def test_names_that_are_not_there(tmp_path: Path) -> None:
    made = fresh(tmp_path)
    for name in ("x", "../images", "sha256:" + "0" * 64, "a/b:c"):
        assert made.inspect(name) is None
        made.remove(name)
        with pytest.raises(ImageMissing):
            made.to_start(name)
        with pytest.raises(ImageMissing):
            made.tag(name, "other:1")
