"""The virtual environment layer: what `python -m venv --without-pip` would make, without running a
Python of the image.
"""

from __future__ import annotations

import posixpath
from typing import IO, cast

from reprobox.image.layer import Recipe, Sink
from reprobox.image.paths import site_packages
from reprobox.image.wheel import write_parents
from reprobox.kit.tar import TarStream
from reprobox.model.image import VENV
from reprobox.model.lock import CONDA, Python

NAME = "venv"
"""The layer's name in the image's history."""


def recipe(python: Python) -> Recipe:
    """The layer for an interpreter of the base."""

    def write(target: Sink) -> None:
        stream = TarStream(cast("IO[bytes]", target))
        write_parents(stream, f"{site_packages(python.version)}/x", set())
        stream.symlink(f"{VENV}/lib64", "lib")
        stream.file(f"{VENV}/pyvenv.cfg", _pyvenv(python))
        stream.directory(f"{VENV}/bin")
        stream.symlink(f"{VENV}/bin/python", python.executable)
        for name in ("python3", f"python{python.version}"):
            stream.symlink(f"{VENV}/bin/{name}", "python")
        stream.close()

    return Recipe(
        name=NAME, key={"venv": [python.version, python.executable]}, needs=(), write=write
    )


def _pyvenv(python: Python) -> bytes:
    home = posixpath.dirname(python.executable)
    # Packages of conda are next to their interpreter.
    system = "true" if home.startswith(f"/{CONDA}/") else "false"
    lines = [f"home = {home}", f"include-system-site-packages = {system}"]
    return "\n".join([*lines, f"version = {python.version}", ""]).encode()
