"""A wheel, with what its RECORD says checked against its bytes."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from image_world import wheel_bytes

from reprobox.errors import ImageError
from reprobox.image import wheel_source
from reprobox.model.lock import Wheel

WHEEL = Wheel(name="demo", version="1.0", filename="demo-1.0-py3-none-any.whl", sha256="", size=0)


def read(folder: Path, data: bytes) -> dict[str, tuple[bytes, str, bool]]:
    """Path to bytes, digest as RECORD writes it, and whether it is a program."""
    (folder / "x").write_bytes(data)
    found = {}
    with wheel_source.opened(WHEEL, folder / "x") as source:
        for record, stream, executable in source.get_contents():
            content = stream.read()
            stream.check()  # type: ignore[attr-defined]
            found[record[0]] = (content, stream.named_sha256(), executable)  # type: ignore[attr-defined]
    return found


def recorded(data: bytes, kind: str = "sha256") -> str:
    digest = hashlib.new(kind, data).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_files_with_the_digest_that_record_names(tmp_path: Path) -> None:
    found = read(tmp_path, wheel_bytes("demo", "1.0", {"demo/a.py": b"a = 1"}, mode=0o755))
    assert found["demo/a.py"] == (b"a = 1", recorded(b"a = 1"), True)


@pytest.mark.parametrize("kind", ["sha384", "sha512"])
def test_another_hash_is_checked_too_and_named_as_sha256(tmp_path: Path, kind: str) -> None:
    said = {"demo/a.py": f"{kind}={recorded(b'a', kind)}"}
    found = read(tmp_path, wheel_bytes("demo", "1.0", {"demo/a.py": b"a"}, record=said))
    assert found["demo/a.py"][1] == recorded(b"a")
    with pytest.raises(ImageError) as caught:
        read(tmp_path, wheel_bytes("demo", "1.0", {"demo/a.py": b"b"}, record=said))
    assert "is not what the wheel's RECORD says" in caught.value.why


def test_compiled_files_and_the_installer_s_own_note_are_left_out(tmp_path: Path) -> None:
    files = {"demo/__pycache__/a.pyc": b"", "demo-1.0.dist-info/INSTALLER": b"pip", "demo/a": b""}
    found = read(tmp_path, wheel_bytes("demo", "1.0", files))
    assert "demo/a" in found
    assert not [path for path in found if "pycache" in path or path.endswith("INSTALLER")]


@pytest.mark.parametrize("path", ["", "/a", "../a", "a//b", "a/./b", "a\\b", "a\0"])
def test_a_path_that_leaves_its_place_is_unsafe(path: str) -> None:
    with pytest.raises(ValueError, match="unsafe path"):
        wheel_source.safe(path)
    assert wheel_source.safe("a/b c") == "a/b c"


def test_what_is_no_wheel_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"demo-1\.0-py3-none-any\.whl cannot be installed"):
        read(tmp_path, b"not a zip file")
