"""Which directory all work trees of a repository have in common."""

from __future__ import annotations

import subprocess
from pathlib import Path

from reprobox.source.repo import main_top


def test_a_linked_work_tree_names_the_main_one(work, tmp_path: Path) -> None:
    work.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    assert main_top(work.top) == work.top
    assert main_top(tmp_path / "side") == work.top


def test_a_submodule_is_no_linked_work_tree(work, make) -> None:
    outer = make("outer")
    outer.git("submodule", "add", "-q", str(work.top), "libs/inner")
    outer.commit()
    assert main_top(outer.top / "libs/inner") == outer.top / "libs/inner"
    outer.git("worktree", "add", "-q", "-b", "side", "../side")
    side = outer.top.parent / "side"
    subprocess.run(["git", "submodule", "update", "-q", "--init"], cwd=side, check=True)
    assert main_top(side / "libs/inner") == side / "libs/inner"
    assert main_top(side) == outer.top


def test_a_repository_that_lies_elsewhere_has_its_own_top(tmp_path: Path, make) -> None:
    apart = make("apart", "--separate-git-dir", str(tmp_path / "kept.git"))
    apart.commit()
    assert main_top(apart.top) == apart.top


def test_beside_a_bare_repository_there_is_a_common_place_only_if_it_is_named_git(
    work, tmp_path: Path
) -> None:
    for name in ("project/.git", "shared/some.git"):
        bare = tmp_path / name
        work.git("clone", "-q", "--bare", str(work.top), str(bare))
        work.git("--git-dir", str(bare), "worktree", "add", "-q", str(bare.parent / "tree"), "main")
    assert main_top(tmp_path / "project/tree") == tmp_path / "project"
    assert main_top(tmp_path / "shared/tree") == tmp_path / "shared/tree"
