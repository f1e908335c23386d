"""What the machine refuses is no bug of reprobox: one error, what to do, and no traceback."""

from __future__ import annotations

import errno
import os

import pytest

from reprobox.cli import boundary


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "permissions"),
        (errno.EPERM, "attributes"),
        (errno.ESTALE, "mount it again"),
        (errno.EIO, "kernel's log"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOSPC, "free some space"),
        (errno.ENAMETOOLONG, "shorter name"),
    ],
)
def test_it_is_an_error_with_a_next_step(
    number: int, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = boundary.handle(OSError(number, os.strerror(number), "/somewhere/file"), ["ls"])
    said = capsys.readouterr().err
    assert code not in (0, 1, 70)
    assert advice in said
    assert "/somewhere/file" in said
    assert "next: " in said
    assert "bug" not in said


def test_what_nobody_foresaw_is_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert boundary.handle(ZeroDivisionError("by zero"), ["ls"]) == 70
    assert "This is a bug in reprobox" in capsys.readouterr().err
