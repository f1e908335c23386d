"""Paths of a commit."""

from __future__ import annotations

from reprobox.source.commit_paths import tracked


def test_tracked(work) -> None:
    work.write("-odd [x]", "1")
    commit = work.commit()
    assert tracked(work.top, commit, "data/a.csv")
    assert tracked(work.top, commit, "data")
    assert tracked(work.top, commit, "-odd [x]")
    assert not tracked(work.top, commit, "-odd x")
    assert not tracked(work.top, commit, "data/b.csv")
    assert not tracked(work.top, commit, "")
