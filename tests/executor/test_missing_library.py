"""A library of the system that the image lacks is answered with its package."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.executor import missing_library

SAID = "ImportError: {}: cannot open shared object file: No such file or directory\n"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("libgomp.so.1", "`apt: [libgomp1]`"),
        ("libGL.so.1", "`apt: [libgl1]`"),
        ("libodd-name_2.so.17.3", "apt-file search libodd-name_2.so.17.3"),
    ],
)
def test_the_package_is_named(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / "stderr").write_text("x" * 100_000 + "\nTraceback\n" + SAID.format(name))
    said = missing_library.advice(tmp_path / "stderr")
    assert said.startswith(f"the image lacks {name}: ")
    assert expected in said


def test_other_words_are_no_advice(tmp_path: Path) -> None:
    (tmp_path / "stderr").write_text("libgomp.so.1 is fine\ncannot open shared object file\n")
    assert missing_library.advice(tmp_path / "stderr") == ""
    assert missing_library.advice(tmp_path / "none") == ""


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("a.cpp:4:10: fatal error: Python.h: No such file or directory", "`apt: [python3-dev]`"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'g++'", "`apt: [g++]`"),
        ("RuntimeError: Failed to find C compiler. Please specify", "`apt: [gcc, libc6-dev]`"),
        ("ImportError: Bad git executable.", "`apt: [git]`"),
        (
            "ExecutableNotFound: failed to execute PosixPath('dot'), make sure the Graphviz",
            "`apt: [graphviz]`",
        ),
        ("ImportError: failed to find libmagic.  Check your installation", "`apt: [libmagic1]`"),
    ],
)
def test_what_libraries_look_for_themselves(tmp_path: Path, printed: str, expected: str) -> None:
    (tmp_path / "stderr").write_text(f"Traceback\n{printed}\n")
    assert expected in missing_library.advice(tmp_path / "stderr")
