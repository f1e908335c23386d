"""The order of installation is the one that pip prints."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lock_world import wheel_bytes

from reprobox.lock import install_order
from reprobox.lock.target import Target

Wheels = dict[str, tuple[str, ...]]
PLAIN: Wheels = {
    "app": ("mid", "left[fast]", "zebra"),
    "mid": ("leaf",),
    "left": ("aaa", "leaf; extra == 'fast'"),
    "leaf": (),
    "zebra": (),
    "aaa": (),
}
CYCLE: Wheels = {"app": ("torch", "leaf"), "torch": ("triton",), "triton": ("torch",), "leaf": ()}
MARKERS: Wheels = {"app": ("b; sys_platform == 'win32'", "b", "a"), "a": ("b",), "b": ()}


@pytest.mark.parametrize("wheels", [PLAIN, CYCLE, MARKERS], ids=["plain", "cycle", "markers"])
def test_as_pip_installs(wheels: Wheels, tmp_path: Path) -> None:
    files = {}
    for name, requires in wheels.items():
        extras = ("fast",) if any("extra ==" in line for line in requires) else ()
        data = wheel_bytes(name, "1.0", requires)
        files[name] = tmp_path / f"{name}-1.0-py3-none-any.whl"
        files[name].write_bytes(_providing(data, extras, name))
    argv = ["python3", "-m", "pip", "--isolated", "install", "--no-index", "--no-compile"]
    done = subprocess.run(
        [*argv, "--find-links", str(tmp_path), "--target", str(tmp_path / "there"), "app"],
        capture_output=True,
        text=True,
    )
    (line,) = [one for one in done.stdout.splitlines() if one.startswith("Installing collected")]
    assert install_order.of(files, Target(python="3.11").markers()) == line.split(": ")[1].split(
        ", "
    )


def _providing(data: bytes, extras: tuple[str, ...], name: str) -> bytes:
    import io
    import zipfile

    if not extras:
        return data
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            text = old.read(info)
            if info.filename.endswith("METADATA"):
                text += b"".join(b"Provides-Extra: %s\n" % one.encode() for one in extras)
            new.writestr(info.filename, text)
    return buffer.getvalue()
