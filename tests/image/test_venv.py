"""The virtual environment, as `python -m venv --without-pip` makes it."""

from __future__ import annotations

import io
import tarfile

import pytest

from reprobox.image import venv
from reprobox.model.lock import Python


def made(python: Python) -> dict[str, str]:
    out = io.BytesIO()
    venv.recipe(python).write(out)
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        return {
            one.name: f"-> {one.linkname}"
            if one.issym()
            else archive.extractfile(one).read().decode()  # type: ignore[union-attr]
            for one in archive
            if not one.isdir()
        }


def test_its_interpreter_is_the_base_s() -> None:
    found = made(Python(version="3.11", executable="/usr/bin/python3.11"))
    assert found == {
        "opt/venv/lib64": "-> lib",
        "opt/venv/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\n"
        "version = 3.11\n",
        "opt/venv/bin/python": "-> /usr/bin/python3.11",
        "opt/venv/bin/python3": "-> python",
        "opt/venv/bin/python3.11": "-> python",
    }


@pytest.mark.parametrize(
    ("executable", "system"),
    [("/opt/conda/bin/python3.12", "true"), ("/opt/condax/bin/p", "false")],
)
def test_packages_of_conda_are_seen_and_only_those(executable: str, system: str) -> None:
    text = made(Python(version="3.12", executable=executable))["opt/venv/pyvenv.cfg"]
    assert f"include-system-site-packages = {system}\n" in text


def test_the_interpreter_decides_the_layer() -> None:
    pythons = [
        Python(version=version, executable=executable)
        for version, executable in (("3.11", "/a"), ("3.12", "/a"), ("3.11", "/b"))
    ]
    assert len({str(venv.recipe(one).key) for one in pythons}) == 3
