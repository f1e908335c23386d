"""The preloaded library: one order of directories, and a stream that behaves as the C library's."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PAYLOAD = Path(__file__).parents[2] / "reprobox/runtime/payload"
pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the library is for x86-64")

NAMES = ["z", "10", "2", "1", "\u00e4", "a b", "Z", ".hidden", *(f"file{n}" for n in range(300))]


def steady(*words: str, **env: str) -> str:
    done = subprocess.run(
        words,
        env={**os.environ, "LD_PRELOAD": str(PAYLOAD / "steady.so"), **env},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    return done.stdout.decode()


def python(code: str, *words: str, **env: str) -> Any:
    return json.loads(steady(sys.executable, "-c", f"import json, os, sys\n{code}", *words, **env))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "folder"
    place.mkdir()
    for name in NAMES:
        (place / name).touch()
    return place


def test_everything_that_lists_gives_one_order(folder: Path) -> None:
    expected = sorted(NAMES, key=os.fsencode)
    code = """
import glob, pathlib
top = sys.argv[1]
fd = os.open(top, os.O_RDONLY)
print(json.dumps([
    os.listdir(top), [one.name for one in os.scandir(top)], os.listdir(fd), os.listdir(fd),
    [one.name for one in pathlib.Path(top).iterdir()],
    [name for _, _, names in os.walk(top) for name in names],
    sorted(glob.glob("*", root_dir=top)) == glob.glob("*", root_dir=top),
]))
"""
    *listed, globbed = python(code, str(folder))
    assert listed == [expected] * len(listed)
    assert globbed is True
    assert steady("ls", "-U", "-a", str(folder)).split("\n")[2:-1] == expected
    assert (
        steady("find", str(folder), "-type", "f", "-printf", "%f\\n").split("\n")[:-1] == expected
    )


def test_a_stream_can_be_told_sought_and_begun_again(folder: Path) -> None:
    code = """
import ctypes
libc = ctypes.CDLL(None)
libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
def name():
    entry = libc.readdir(ctypes.c_void_p(stream))
    return entry and ctypes.string_at(entry + 19).decode()
stream = libc.opendir(sys.argv[1].encode())
handle = ctypes.c_void_p(stream)
said = [name(), name(), name()]
place = libc.telldir(handle)
said += [name(), libc.seekdir(handle, ctypes.c_long(place)) and None, name()]
open(os.path.join(sys.argv[1], "!new"), "w").close()
libc.rewinddir(handle)
said += [name(), name(), name()]
count = 3
while name():
    count += 1
print(json.dumps([*said, count, libc.closedir(handle), libc.opendir(b"/nowhere"), libc.opendir(b"")]))
"""
    assert python(code, str(folder)) == [
        *(".", "..", ".hidden", "1", None, "1"),
        *("!new", ".", "..", len(NAMES) + 3, 0, None, None),
    ]


def test_errors_are_those_of_the_c_library(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code = """
said = []
for path in sys.argv[1:]:
    try:
        os.listdir(int(path) if path.isdigit() else path)
        said.append(0)
    except OSError as error:
        said.append(error.errno)
print(json.dumps(said))
"""
    words = (str(tmp_path / "file"), str(tmp_path / "gone"), "0", "99")
    plain = subprocess.run(
        [sys.executable, "-c", f"import json, os, sys\n{code}", *words],
        capture_output=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import json, os, sys\n{code}", *words],
        capture_output=True,
        check=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LD_PRELOAD": str(PAYLOAD / "steady.so")},
    )
    assert json.loads(done.stdout) == json.loads(plain.stdout)


def test_a_tree_is_removed_while_it_is_read(folder: Path) -> None:
    for number in range(30):
        (folder / f"d{number}" / "deep" / "er").mkdir(parents=True)
    steady("rm", "-r", str(folder))
    assert not folder.exists()


def test_many_threads_read_many_directories(folder: Path) -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
expected = os.listdir(sys.argv[1])
with ThreadPoolExecutor(8) as pool:
    print(json.dumps(all(found == expected for found in pool.map(os.listdir, sys.argv[1:] * 400))))
"""
    assert python(code, str(folder)) is True


def test_objects_have_one_address_where_it_is_asked_for(tmp_path: Path) -> None:
    code = """
import subprocess
words = [sys.executable, "-I", "-c", "class A: pass\\nprint([id(A()) for _ in range(3)])"]
print(json.dumps([subprocess.check_output(words).decode() for _ in range(4)]))
"""
    assert len(set(python(code, REPROBOX_ADDRESSES="fixed"))) == 1
    if Path("/proc/sys/kernel/randomize_va_space").read_text().strip() != "0":
        assert len(set(python(code))) > 1
