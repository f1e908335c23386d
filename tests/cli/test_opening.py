"""What commands do with their words before they start."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.cli import opening


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
    assert opening.for_the_scheduler(words) == (ours, theirs)


def test_a_word_that_looks_like_an_override_is_no_config_unless_it_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = Path("config.yaml")
    assert opening.config_first(Path("lr=1"), ["b=2"]) == (config, ["lr=1", "b=2"])
    assert opening.config_first(Path("~gone"), []) == (config, ["~gone"])
    assert opening.config_first(Path("other.yaml"), ["b=2"]) == (Path("other.yaml"), ["b=2"])
    (tmp_path / "lr=1").write_text("")
    assert opening.config_first(Path("lr=1"), []) == (Path("lr=1"), [])
