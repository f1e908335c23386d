"""Wheels that have a file at one path: the later one's is there, and RECORD names what is there."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import posixpath
import tarfile

import pytest
from image_world import put_wheel, wheel_bytes

from reprobox.errors import ImageError
from reprobox.image import layer_plan, wheel_paths
from reprobox.image.wheel import write_wheels
from reprobox.model import codec
from reprobox.model.lock import Contested, Lock, Wheel
from reprobox.store.objects import ObjectStore

SITE = "opt/venv/lib/python3.11/site-packages"
POINT = "[console_scripts]\ntool = {}:main\n"


def brought(objects: ObjectStore, name: str, files: dict[str, bytes], points: str = "") -> Wheel:
    return put_wheel(objects, name, "1.0", wheel_bytes(name, "1.0", files, entry_points=points))


def contested(objects: ObjectStore, wheels: list[Wheel], *order: str) -> tuple[Contested, ...]:
    return wheel_paths.contested(wheels, order, objects.path, "3.11")


def layer(
    objects: ObjectStore, wheels: list[Wheel], found: tuple[Contested, ...] = ()
) -> dict[str, bytes]:
    buffer = io.BytesIO()
    named = [(wheel, objects.path(wheel.sha256)) for wheel in wheels]
    write_wheels(named, "3.11", buffer, found)
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as archive:
        names = archive.getnames()
        assert len(names) == len(set(names)), "an engine refuses a path that stands twice"
        return {
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive
            if member.isreg()
        }


def wrong_rows(*layers: dict[str, bytes]) -> list[str]:
    """RECORD rows that do not describe the file in the image; the last layer is the top one."""
    files = {path: data for one in layers for path, data in one.items()}
    wrong = []
    for path, text in files.items():
        if not path.endswith(".dist-info/RECORD"):
            continue
        for name, digest, size in csv.reader(text.decode().splitlines()):
            data = files[posixpath.normpath(f"{SITE}/{name}")]
            said = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            if name.endswith("/RECORD"):
                continue
            if (digest, size) != (f"sha256={said}", str(len(data))):
                wrong.append(name)
    return wrong


def test_equal_files_are_written_once_and_not_contested(objects: ObjectStore) -> None:
    wheels = [brought(objects, name, {"shared/__init__.py": b""}) for name in ("one", "two")]
    assert contested(objects, wheels, "one", "two") == ()
    files = layer(objects, wheels)
    assert files[f"{SITE}/shared/__init__.py"] == b""
    assert wrong_rows(files) == []


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_the_one_installed_last_wins_within_a_layer(
    objects: ObjectStore, order: tuple[str, str]
) -> None:
    wheels = [
        brought(objects, name, {"shared/a.py": name.encode() * 3}, POINT.format(name))
        for name in ("one", "two")
    ]
    found = contested(objects, wheels, *order)
    assert [(one.path, one.wheels) for one in found] == [
        ("opt/venv/bin/tool", order),
        (f"{SITE}/shared/a.py", order),
    ]
    files = layer(objects, wheels, found)
    assert files[f"{SITE}/shared/a.py"] == order[1].encode() * 3
    assert f"from {order[1]} import main".encode() in files["opt/venv/bin/tool"]
    assert wrong_rows(files) == []


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_the_one_installed_last_wins_across_layers(
    objects: ObjectStore, order: tuple[str, str]
) -> None:
    wheels = [brought(objects, name, {"a.py": name.encode() * 2}) for name in ("one", "two")]
    found = contested(objects, wheels, *order)
    layers = [layer(objects, [wheel], found) for wheel in wheels]
    there = layers[0] | layers[1]
    assert there[f"{SITE}/a.py"] == order[1].encode() * 2
    assert wrong_rows(*layers) == []


def test_three_wheels_of_which_one_has_a_layer_of_its_own(objects: ObjectStore) -> None:
    wheels = [brought(objects, name, {"a.py": name.encode()}) for name in ("x", "yy", "zzz")]
    found = contested(objects, wheels, "zzz", "x", "yy")
    low, high = layer(objects, wheels[1:2], found), layer(objects, [wheels[0], wheels[2]], found)
    assert (low | high)[f"{SITE}/a.py"] == b"yy"
    assert wrong_rows(low, high) == []


def test_a_lock_that_was_made_before_names_no_winner(objects: ObjectStore) -> None:
    wheels = [brought(objects, name, {"a.py": name.encode()}) for name in ("one", "two")]
    files = layer(objects, wheels)
    assert files[f"{SITE}/a.py"] == b"two"
    assert wrong_rows(files) == []


def test_a_hash_that_is_not_sha256_is_compared_by_the_bytes(objects: ObjectStore) -> None:
    data = b"the same"
    said = "sha512=" + base64.urlsafe_b64encode(hashlib.sha512(data).digest()).decode().rstrip("=")
    first = put_wheel(
        objects, "one", "1.0", wheel_bytes("one", "1.0", {"a.py": data}, record={"a.py": said})
    )
    assert contested(objects, [first, brought(objects, "two", {"a.py": data})], "one", "two") == ()


def test_a_file_where_another_wheel_has_a_directory(objects: ObjectStore) -> None:
    wheels = [
        brought(objects, "one", {"thing/a.py": b""}),
        brought(objects, "two", {"thing": b""}),
    ]
    with pytest.raises(ImageError, match="cannot be installed together") as caught:
        contested(objects, wheels, "one", "two")
    assert f"{SITE}/thing is a file in the first" in caught.value.why


def test_a_layer_is_remembered_by_who_wins(objects: ObjectStore, small_base_lock: Lock) -> None:
    wheels = tuple(brought(objects, name, {"a.py": name.encode()}) for name in ("one", "two"))
    keys = []
    for order in (("one", "two"), ("two", "one")):
        lock = codec.from_json(Lock, codec.to_json(small_base_lock), where="here")
        found = contested(objects, list(wheels), *order)
        lock = Lock(**{**vars(lock), "wheels": wheels, "contested": found})
        keys.append(layer_plan.recipes(lock, 1, objects)[-1].key)
    assert keys[0] != keys[1]
    plain = layer_plan.recipes(Lock(**{**vars(small_base_lock), "wheels": wheels}), 1, objects)[
        -1
    ].key
    assert set(plain) == {"python", "wheels"}, "locks of before keep what is remembered of them"


@pytest.fixture
def small_base_lock(objects: ObjectStore) -> Lock:
    from image_world import make_lock, put_base

    return make_lock(put_base(objects, "one"))
