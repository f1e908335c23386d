"""Lines of a log as a page shows them."""

from __future__ import annotations

from pathlib import Path

from reprobox.web.log_text import Lines, Log


def test_log_lines() -> None:
    cutter = Lines()
    assert cutter.feed(b"a\x1b[1;31mb\x1b[0m\r\nx\ty\xe2\x82") == ["ab"]
    assert cutter.feed(b"\xac\n1%\r") == ["x    y€"]
    assert cutter.feed(b"2%\r3%\n\x1b[2Jz\n\xff") == ["3%", "\\x1b[2Jz"]
    assert cutter.rest() == ["\\xff"]
    long = cutter.feed(b"y" * 5000 + b"\n")
    assert long == ["y" * 2000 + " … 3,000 more letters"]


def test_a_log_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stdout").symlink_to(tmp_path / "secret")
    assert Log(tmp_path, "stdout").tail().lines == ()
