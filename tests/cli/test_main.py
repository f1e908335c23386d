"""The door of the program."""

from __future__ import annotations

import pytest

from reprobox.cli import main


def test_the_version_is_answered_without_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import reprobox

    monkeypatch.setattr("sys.argv", ["reprobox", "--version"])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert not end.value.code
    assert reprobox.__version__ in capsys.readouterr().out
