"""Files that git does not show: ignored ones, and those that a sparse checkout omits."""

from __future__ import annotations

import pytest

from reprobox.source.hidden_files import ignored_by, is_left_out
from reprobox.source.repo import open_repo


@pytest.mark.parametrize(
    ("rules", "path", "found"),
    [
        ("*.yaml\n", "config.yaml", ".gitignore:1: *.yaml"),
        ("# rules\n/data\n", "data/config.yaml", ".gitignore:2: /data"),
        ("*.yaml\n!config.yaml\n", "config.yaml", None),
        ("*.yml\n", "config.yaml", None),
        ("*.lock\n", "-odd [x].lock", ".gitignore:1: *.lock"),
        ("[x].lock\n", "x.lock", ".gitignore:1: [x].lock"),
    ],
)
def test_a_rule_is_named_by_its_file_and_line(
    work, rules: str, path: str, found: str | None
) -> None:
    work.write(".gitignore", rules)
    assert ignored_by(open_repo(work.top), path) == found


def test_a_tracked_file_may_be_hidden_too(work) -> None:
    work.write("config.yaml", "a: 1\n")
    work.commit()
    work.write(".gitignore", "config.yaml\n")
    assert ignored_by(open_repo(work.top), "config.yaml") == ".gitignore:1: config.yaml"


def test_a_sparse_checkout_omits_files(work) -> None:
    repo = open_repo(work.top)
    assert not is_left_out(repo, "data/a.csv")
    work.git("sparse-checkout", "set", "--no-cone", "/*", "!/data/")
    repo = open_repo(work.top)
    assert is_left_out(repo, "data/a.csv")
    assert not is_left_out(repo, "train.py")
    assert not is_left_out(repo, "nowhere")
