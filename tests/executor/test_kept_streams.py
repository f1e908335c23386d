"""What a run wrote, from its files."""

from __future__ import annotations

from pathlib import Path

from reprobox.executor.kept_streams import Lines, kept


def test_stdout_comes_before_stderr_and_an_absent_stream_is_empty(tmp_path: Path) -> None:
    (tmp_path / "stdout").write_bytes(b"o" * 70_000)
    assert b"".join(data for _, data in kept(tmp_path)) == b"o" * 70_000
    (tmp_path / "stderr").write_bytes(b"e")
    assert [name for name, _ in kept(tmp_path)] == ["stdout", "stdout", "stderr"]
    assert list(kept(tmp_path, but=("stdout",))) == [("stderr", b"e")]


def test_lines_are_taken_once() -> None:
    sink = Lines()
    sink.write("stdout", b"a")
    assert sink.take() == [("stdout", b"a")]
    assert sink.take() == []
