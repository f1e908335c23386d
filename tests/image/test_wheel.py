"""Wheel layers: what is in them, what is refused, and the same bytes on every Python."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_world import put_wheel, wheel_bytes

import reprobox
from reprobox.errors import ImageError
from reprobox.image.layer import Hashing
from reprobox.image.wheel import write_wheels
from reprobox.model.lock import Wheel
from reprobox.store.objects import ObjectStore

SITE = "opt/venv/lib/python3.11/site-packages"
DEMO = {
    "demo/__init__.py": b"VALUE = 1\n",
    "demo/data/näme.txt": b"text\n",
    "demo-1.0.data/scripts/tool": b"#!python -x\nprint(1)\n",
    "demo-1.0.data/headers/demo.h": b"#define DEMO 1\n",
    "demo-1.0.data/data/share/demo.txt": b"shared\n",
    "demo-1.0.data/purelib/extra.py": b"EXTRA = 2\n",
    "demo/__pycache__/__init__.cpython-311.pyc": b"not ours",
    "demo-1.0.dist-info/INSTALLER": b"pip\n",
}
POINTS = "[console_scripts]\ndemo = demo.cli:main\n\n[gui_scripts]\ndemo-gui = demo.gui:App.run\n"
GOLDEN = "sha256:613b22f6e8c5fe5c086f7bfaccee9e34ddfb8e0396b9aba404169acd81de482d"
"""Digest of the demo wheel's layer. A change here changes the digest of every image: raise
layout.FORMAT with it.
"""


def layer_of(objects: ObjectStore, *wheels: Wheel) -> bytes:
    buffer = io.BytesIO()
    write_wheels([(wheel, objects.path(wheel.sha256)) for wheel in wheels], "3.11", buffer)
    return buffer.getvalue()


def demo(objects: ObjectStore) -> Wheel:
    return put_wheel(objects, "demo", "1.0", wheel_bytes("demo", "1.0", DEMO, entry_points=POINTS))


def test_a_wheel_is_spread_over_its_schemes(objects: ObjectStore) -> None:
    with tarfile.open(fileobj=io.BytesIO(layer_of(objects, demo(objects)))) as archive:
        found = {member.name: member for member in archive}
        texts = {
            name: archive.extractfile(member).read()
            for name, member in found.items()
            if member.isreg()
        }  # type: ignore[union-attr]
    assert texts[f"{SITE}/demo/__init__.py"] == b"VALUE = 1\n"
    assert texts[f"{SITE}/extra.py"] == b"EXTRA = 2\n"
    assert texts["opt/venv/share/demo.txt"] == b"shared\n"
    assert texts["opt/venv/include/site/python3.11/demo/demo.h"] == b"#define DEMO 1\n"
    assert texts["opt/venv/bin/tool"] == b"#!/opt/venv/bin/python\nprint(1)\n"
    assert texts["opt/venv/bin/demo"].startswith(b"#!/opt/venv/bin/python\n")
    assert b"from demo.gui import App" in texts["opt/venv/bin/demo-gui"]
    assert texts[f"{SITE}/demo-1.0.dist-info/INSTALLER"] == b"reprobox\n"
    assert not [name for name in found if "__pycache__" in name]
    assert {found[name].mode for name in ("opt/venv/bin/tool", "opt/venv/bin/demo")} == {0o755}
    assert found[f"{SITE}/demo/__init__.py"].mode == 0o644
    assert {(member.uid, member.gid, member.uname, member.mtime) for member in found.values()} == {
        (0, 0, "", 315532800)
    }


def test_every_parent_directory_is_written_once_and_first(objects: ObjectStore) -> None:
    with tarfile.open(fileobj=io.BytesIO(layer_of(objects, demo(objects)))) as archive:
        names = archive.getnames()
    assert len(names) == len(set(names))
    for name in names:
        parent = name.rpartition("/")[0]
        assert not parent or names.index(parent) < names.index(name)


def test_record_is_sorted_and_names_what_is_there(objects: ObjectStore) -> None:
    with tarfile.open(fileobj=io.BytesIO(layer_of(objects, demo(objects)))) as archive:
        record = archive.extractfile(f"{SITE}/demo-1.0.dist-info/RECORD")
        assert record is not None
        rows = [line.split(",")[0] for line in record.read().decode().splitlines()]
        files = {member.name for member in archive if member.isreg()}
    assert {os.path.normpath(f"{SITE}/{row}") for row in rows} == files
    assert "../../../bin/demo" in rows


def test_golden_digest(objects: ObjectStore) -> None:
    hashing = Hashing()
    hashing.write(layer_of(objects, demo(objects)))
    assert hashing.digest == GOLDEN


def interpreters() -> list[str]:
    """Other supported Pythons of this machine: on PATH, or installed by pyenv."""
    found = [path for minor in range(11, 16) if (path := shutil.which(f"python3.{minor}"))]
    found += map(
        str,
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob(
            "3.1[1-9].*/bin/python3"
        ),
    )
    told = [
        subprocess.run(
            [path, "-c", "import sys; print(sys.executable)"],
            capture_output=True,
            text=True,
            check=False,
        )
        for path in found
    ]
    real = {os.path.realpath(done.stdout.strip()) for done in told if done.returncode == 0}
    return sorted(real - {os.path.realpath(sys.executable)})


CHILD = """
import sys
from pathlib import Path
from reprobox.image.layer import Hashing
from reprobox.image.wheel import write_wheels
from reprobox.model.lock import Wheel
hashing = Hashing()
wheel = Wheel(name="demo", version="1.0", filename="demo-1.0-py3-none-any.whl", sha256="", size=0)
write_wheels([(wheel, Path(sys.argv[1]))], "3.11", hashing)
sys.stdout.write(hashing.digest)
"""


@pytest.mark.parametrize("python", interpreters())
def test_golden_digest_on_every_python_here(python: str, objects: ObjectStore) -> None:
    """The wheel room needs only pure-Python packages, so another interpreter can borrow ours."""
    import installer

    path = os.pathsep.join(
        [str(Path(reprobox.__file__).parents[1]), str(Path(installer.__file__).parents[1])]
    )
    done = subprocess.run(
        [python, "-c", CHILD, str(objects.path(demo(objects).sha256))],
        env={
            "PYTHONPATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "7",
            "LC_ALL": "C",
            "TZ": "Asia/Tokyo",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == GOLDEN, done.stderr


@pytest.mark.parametrize(
    "path",
    [
        "../evil.py",
        "/etc/evil",
        "demo/../../evil.py",
        "demo-1.0.data/scripts/../../../evil",
        "demo//x.py",
        "demo/./x.py",
    ],
)
def test_paths_that_leave_their_place_are_refused(path: str, objects: ObjectStore) -> None:
    wheel = put_wheel(objects, "demo", "1.0", wheel_bytes("demo", "1.0", {path: b"x"}))
    with pytest.raises(ImageError, match=r"demo-1.0-py3-none-any.whl cannot be installed"):
        layer_of(objects, wheel)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"not a zip", "BadZipFile"),
        (wheel_bytes("other", "1.0", {"other.py": b"x"}), "doesn't match wheel filename"),
        (
            wheel_bytes("demo", "1.0", {"a.py": b"x"}, record={"a.py": "sha256=AAAA"}),
            "not what the wheel's RECORD says",
        ),
        (
            wheel_bytes(
                "demo",
                "1.0",
                {"demo-1.0.data/scripts/a": b"x"},
                record={"demo-1.0.data/scripts/a": "sha512=AA"},
            ),
            "RECORD says",
        ),
        (
            wheel_bytes("demo", "1.0", {"demo-1.0.data/odd/a": b"x"}),
            "not contained in a valid .data",
        ),
        (
            wheel_bytes("demo", "1.0", {}, entry_points="[console_scripts]\nx = \n"),
            "AssertionError",
        ),
        (
            wheel_bytes("demo", "1.0", {}, entry_points="[console_scripts]\n../x = a:b\n"),
            "unsafe path",
        ),
    ],
)
def test_broken_wheels_are_refused_with_the_reason(
    data: bytes, why: str, objects: ObjectStore
) -> None:
    with pytest.raises(ImageError) as caught:
        layer_of(objects, put_wheel(objects, "demo", "1.0", data))
    assert why in caught.value.why
    assert caught.value.next_step


def test_executable_bit_is_kept(objects: ObjectStore) -> None:
    wheel = put_wheel(
        objects,
        "demo",
        "1.0",
        wheel_bytes("demo", "1.0", {"demo/bin/tool": b"\x7fELF"}, mode=0o755),
    )
    with tarfile.open(fileobj=io.BytesIO(layer_of(objects, wheel))) as archive:
        assert archive.getmember(f"{SITE}/demo/bin/tool").mode == 0o755


@settings(max_examples=40, deadline=None)
@given(
    files=st.dictionaries(
        st.text("abcäß漢 -_", min_size=1, max_size=40).map(lambda name: f"demo/{name}.bin"),
        st.binary(max_size=3000),
        max_size=5,
    )
)
def test_any_content_comes_out_as_it_went_in(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("wheel") / "demo.whl"
    path.write_bytes(wheel_bytes("demo", "1.0", files))
    buffer = io.BytesIO()
    wheel = Wheel(
        name="demo", version="1.0", filename="demo-1.0-py3-none-any.whl", sha256="", size=0
    )
    write_wheels([(wheel, path)], "3.11", buffer)
    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as archive:
        for name, data in files.items():
            member = archive.extractfile(f"{SITE}/{name}")
            assert member is not None
            assert member.read() == data
