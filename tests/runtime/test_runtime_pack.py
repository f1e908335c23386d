"""The injected runtime: its bytes are named, kept and put back."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from reprobox.errors import FetchError, NewerFormat, StoreDamaged
from reprobox.kit.canon import canonical, digest_bytes
from reprobox.runtime import runtime_pack
from reprobox.store.objects import ObjectStore

FILES = {"shim.py": b"print(1)\n", "deep/er/lib.so": bytes(range(256)), "empty": b""}


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    """An empty store."""
    return ObjectStore(tmp_path / "store")


def test_the_payload_is_whole_and_sorted() -> None:
    files = runtime_pack.payload()
    assert {"shim.py", "_reprobox_met.py", "sitecustomize.py"} <= files.keys()
    assert list(files) == sorted(files)
    assert not [name for name in files if "__pycache__" in name or name.endswith(".pyc")]
    top = Path(runtime_pack.__file__).parent / "payload"
    assert all((top / name).read_bytes() == data for name, data in files.items())


def test_the_digest_is_that_of_the_manifest() -> None:
    listed = json.loads(runtime_pack.manifest(FILES))
    assert listed["format"] == "reprobox.runtime/1"
    assert listed["files"]["shim.py"] == {"sha256": digest_bytes(b"print(1)\n"), "mode": "0444"}
    assert runtime_pack.digest(FILES) == digest_bytes(runtime_pack.manifest(FILES))
    assert runtime_pack.digest(FILES) == runtime_pack.digest(dict(reversed(FILES.items())))
    assert runtime_pack.digest(FILES) != runtime_pack.digest({**FILES, "empty": b"x"})


def test_there_and_back(objects: ObjectStore, tmp_path: Path) -> None:
    name = runtime_pack.put(FILES, objects)
    assert name == runtime_pack.digest(FILES) == runtime_pack.put(FILES, objects)
    target = tmp_path / "box"
    runtime_pack.materialise(name, objects, target)
    found = {
        str(path.relative_to(target)): path.read_bytes()
        for path in target.rglob("*")
        if path.is_file()
    }
    assert found == FILES
    modes = {stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*") if path.is_file()}
    assert modes == {0o444}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (target, target / "deep")} == {0o555}


def test_changed_bytes_are_found(objects: ObjectStore, tmp_path: Path) -> None:
    name = runtime_pack.put(FILES, objects)
    path = objects.path(digest_bytes(FILES["shim.py"]))
    path.chmod(0o644)
    path.write_bytes(b"print(2)\n")
    with pytest.raises(StoreDamaged):
        runtime_pack.materialise(name, objects, tmp_path / "box")


def test_missing_bytes_are_found(objects: ObjectStore, tmp_path: Path) -> None:
    name = runtime_pack.put(FILES, objects)
    objects.path(digest_bytes(FILES["empty"])).unlink()
    with pytest.raises(FetchError):
        runtime_pack.materialise(name, objects, tmp_path / "box")


GOOD = {"sha256": digest_bytes(b""), "mode": "0444"}


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"null",
        b'{"format":"reprobox.runtime/1"}',
        b'{"format":"other/1","files":{}}',
        *(
            canonical({"format": "reprobox.runtime/1", "files": {name: GOOD}})
            for name in ("../x", "/x", "a/../../x", "a//b", "", ".", "a/\0", "a/..")
        ),
        canonical({"format": "reprobox.runtime/1", "files": {"x": {"sha256": "../../etc/passwd"}}}),
        canonical({"format": "reprobox.runtime/1", "files": {"x": {}}}),
        canonical({"format": "reprobox.runtime/1", "files": {"x": "y"}}),
        canonical({"format": "reprobox.runtime/1", "files": ["x"]}),
    ],
)
def test_a_hostile_manifest_writes_nothing(
    objects: ObjectStore, tmp_path: Path, manifest: bytes
) -> None:
    objects.put_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    name = objects.put_bytes(manifest)
    with pytest.raises(StoreDamaged):
        runtime_pack.materialise(name, objects, tmp_path / "box" / "deep")
    assert [
        path
        for path in sorted(tmp_path.rglob("*"))
        if path not in before and "store" not in path.parts
    ] == []


def test_a_newer_runtime_is_named(objects: ObjectStore, tmp_path: Path) -> None:
    name = objects.put_bytes(canonical({"format": "reprobox.runtime/2", "files": {}}))
    with pytest.raises(NewerFormat):
        runtime_pack.materialise(name, objects, tmp_path / "box")
