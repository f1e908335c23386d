"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.cli import options


@pytest.mark.parametrize(
    ("words", "ours", "theirs"),
    [
        (["lr=1", "--partition", "gpu"], ["lr=1"], ["--partition", "gpu"]),
        (["-p", "gpu", "lr=1"], [], ["-p", "gpu", "lr=1"]),
        (["lr=1"], ["lr=1"], []),
        ([], [], []),
    ],
)
def test_options_of_the_scheduler_begin_at_the_first_dash(
    words: list[str], ours: list[str], theirs: list[str]
) -> None:
    assert options.for_the_scheduler(words) == (ours, theirs)


def test_a_word_that_looks_like_an_override_is_no_config_unless_it_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = Path("config.yaml")
    assert options.config_first(Path("lr=1"), ["b=2"]) == (config, ["lr=1", "b=2"])
    assert options.config_first(Path("~gone"), []) == (config, ["~gone"])
    assert options.config_first(Path("other.yaml"), ["b=2"]) == (Path("other.yaml"), ["b=2"])
    (tmp_path / "lr=1").write_text("")
    assert options.config_first(Path("lr=1"), []) == (Path("lr=1"), [])
