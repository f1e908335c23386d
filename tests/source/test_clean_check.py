"""What counts as clean, alone and combined, and git's ways of being wrong about it."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from reprobox.errors import DirtyTree, NotARepository, SourceError
from reprobox.source.clean_check import check
from reprobox.source.export_tree import export
from reprobox.source.git import Git
from reprobox.source.pin import pin
from reprobox.source.repo import find_top


def modified(work) -> str:
    work.write("train.py", "print('other')\n")
    return "modified: train.py"


def staged(work) -> str:
    work.write("staged.py", "1")
    work.git("add", "staged.py")
    return "staged: staged.py"


def untracked(work) -> str:
    work.write("new.py")
    return "untracked: new.py"


def deleted(work) -> str:
    (work.top / "data/a.csv").unlink()
    return "deleted: data/a.csv"


def mode(work) -> str:
    (work.top / "run.sh").chmod(0o644)
    return "mode changed: run.sh"


def link(work) -> str:
    (work.top / "link").unlink()
    (work.top / "link").write_text("data/a.csv")
    return "type changed: link"


def staged_deletion(work) -> str:
    work.git("rm", "-q", "--cached", ".gitignore")
    return "staged deletion: .gitignore"


STATES: list[Callable[..., str]] = [
    modified,
    staged,
    untracked,
    deleted,
    mode,
    link,
    staged_deletion,
]


def test_a_fresh_commit_is_clean(work) -> None:
    work.write("ignored.tmp", "x")
    work.write(".reprobox/runs/1/record.json", "{}")
    assert check(work.top) == []
    assert pin(work.top).commit == work.git("rev-parse", "HEAD")


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_each_state_alone(work, state) -> None:
    assert state(work) in check(work.top)


def test_states_in_pairs_and_all_together(make) -> None:
    for number, chosen in enumerate([*combinations(STATES, 2), tuple(STATES)]):
        work = make(f"repo{number}")
        work.write("train.py", "print('train')\n")
        work.write("data/a.csv", "1,2\n")
        work.write("run.sh").chmod(0o755)
        work.write(".gitignore", "*.tmp\n")
        (work.top / "link").symlink_to("data/a.csv")
        work.commit()
        expected = {state(work) for state in chosen}
        assert expected <= set(check(work.top))


def test_staged_then_put_back_in_the_work_tree_is_both(work) -> None:
    work.write("train.py", "staged")
    work.git("add", "train.py")
    work.write("train.py", "print('train')\n")
    assert check(work.top) == ["staged: train.py", "modified: train.py"]


def test_a_directory_replaced_by_a_link_to_the_same_bytes(work, tmp_path: Path) -> None:
    (work.top / "data").rename(tmp_path / "elsewhere")
    (work.top / "data").symlink_to(tmp_path / "elsewhere")
    assert {"deleted: data/a.csv", "untracked: data"} <= set(check(work.top))


def test_a_fifo_in_place_of_a_file_does_not_block(work) -> None:
    (work.top / "train.py").unlink()
    os.mkfifo(work.top / "train.py")
    assert "type changed: train.py" in check(work.top)


def diverge(work) -> None:
    work.git("checkout", "-q", "-b", "other")
    work.write("train.py", "theirs\n")
    work.commit("theirs")
    work.git("checkout", "-q", "main")
    work.write("train.py", "ours\n")
    work.commit("ours")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("merge", "other"), "merge in progress"),
        (("cherry-pick", "other"), "cherry-pick in progress"),
        (("revert", "--no-edit", "HEAD~1"), "revert in progress"),
    ],
)
def test_conflicts_and_what_is_under_way(work, command, words) -> None:
    diverge(work)
    work.git(*command, check=False)
    reasons = check(work.top)
    assert words in reasons
    assert "conflicted: train.py" in reasons


def test_a_clean_tree_in_a_bisect_or_rebase_is_clean(work) -> None:
    for message in ("second", "third", "fourth"):
        work.write("train.py", message)
        work.commit(message)
    work.git("bisect", "start", "HEAD", "HEAD~3")
    assert check(work.top) == []
    assert pin(work.top).commit == work.git("rev-parse", "bisect/bad~1")
    assert pin(work.top).branch is None
    work.write("train.py", "edited")
    assert check(work.top) == ["modified: train.py"]
    work.git("checkout", "-q", "train.py")
    work.git("bisect", "reset")
    work.git("rebase", "-q", "--force-rebase", "--exec", "false", "HEAD~2", check=False)
    assert (work.top / ".git/rebase-merge").exists()
    assert check(work.top) == []


def test_a_rebase_that_stopped_in_the_middle_of_a_commit(work) -> None:
    diverge(work)
    work.git("rebase", "other", check=False)
    assert "conflicted: train.py" in check(work.top)
    work.git("add", "train.py")
    assert "staged: train.py" in check(work.top)


def test_a_commit_that_is_half_made_is_a_reason_although_nothing_differs(work) -> None:
    diverge(work)
    work.git("merge", "-s", "ours", "--no-commit", "other")
    assert check(work.top) == ["merge in progress"]


@pytest.mark.parametrize("flag", ["assume-unchanged", "skip-worktree"])
def test_hidden_changes_are_found_and_harmless_flags_are_hints(work, flag) -> None:
    work.git("update-index", f"--{flag}", "train.py")
    assert check(work.top) == []
    assert pin(work.top).ignored_hints == ("train.py",)
    work.write("train.py", "hidden change")
    assert work.git("status", "--porcelain") == ""
    assert check(work.top) == [f"modified (hidden by {flag}): train.py"]


def test_a_sparse_checkout_is_clean_but_a_missing_hidden_file_is_not(work) -> None:
    work.git("sparse-checkout", "set", "--no-cone", "/*", "!/data/")
    assert not (work.top / "data").exists()
    assert check(work.top) == []
    work.git("config", "--worktree", "core.sparseCheckout", "false")
    assert check(work.top) == ["deleted (hidden by skip-worktree): data/a.csv"]


def test_modification_time_put_back(work) -> None:
    path = work.top / "train.py"
    work.git("config", "core.trustctime", "false")
    before = path.stat()
    path.write_text("print('drain')\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert check(work.top) == ["modified: train.py"]


def test_a_file_system_monitor_that_lies(work, tmp_path: Path) -> None:
    script = tmp_path / "monitor"
    script.write_text("#!/bin/sh\nprintf 'token\\0'\n")
    script.chmod(0o755)
    work.git("config", "core.fsmonitor", str(script))
    work.git("status")
    work.git("status")
    work.write("train.py", "print('hidden')\n")
    assert work.git("status", "--porcelain") == ""
    assert check(work.top) == ["modified: train.py"]


@pytest.mark.parametrize(
    ("rule", "data", "other"),
    [
        ("*.py text=auto eol=crlf", b"a\r\nb\r\n", b"a\r\nc\r\n"),
        ("*.py text", b"a\r\n", b"a\r\n\r\n"),
        (
            "*.py text working-tree-encoding=UTF-16LE",
            "ä\n".encode("utf-16-le"),
            "ö\n".encode("utf-16-le"),
        ),
        ("*.py ident", b"# $Id: 0123456789012345678901234567890123456789 $\n", b"# $Id: 0 $ x\n"),
    ],
)
def test_conversions_that_git_has_built_in_are_not_changes(work, rule, data, other) -> None:
    work.write(".gitattributes", rule)
    work.write("train.py", data)
    commit = work.commit()
    assert work.git("rev-parse", f"{commit}:train.py") != work.git(
        "hash-object", "--no-filters", "train.py"
    )
    assert check(work.top) == []
    work.write("train.py", other)
    assert check(work.top) == ["modified: train.py"]


def test_automatic_line_endings_by_configuration(work) -> None:
    work.git("config", "core.autocrlf", "true")
    work.write("train.py", "print('train')\r\n")
    assert check(work.top) == []


@pytest.fixture
def stripped(work, tmp_path: Path):
    """Two notebooks; the filter leaves out lines of output, and notes that it ran."""
    work.write(".gitattributes", "*.nb filter=strip\n")
    work.git("config", "filter.strip.clean", f"echo %f >> {tmp_path}/ran; sed /^out:/d")
    for name in ("a.nb", "b.nb"):
        work.write(name, "code\n")
    work.commit()
    (tmp_path / "ran").unlink()
    return work


def test_bytes_that_clean_to_the_commits_are_clean(stripped, tmp_path: Path) -> None:
    work, ran = stripped, tmp_path / "ran"
    assert check(work.top) == []
    assert not ran.exists()
    work.write("a.nb", "code\nout: 1\n")
    assert check(work.top) == []
    assert ran.read_text() == "a.nb\n"  # and never for a file whose bytes are the commit's
    export(work.top, "HEAD", tmp_path / "out")
    assert (tmp_path / "out/a.nb").read_text() == "code\n"
    work.write("b.nb", "other code\nout: 1\n")
    assert check(work.top) == ["modified: b.nb"]
    assert (work.top / "a.nb").read_text() == "code\nout: 1\n"


@pytest.mark.parametrize("required", ["true", "false"])
def test_a_filter_that_fails_proves_nothing(stripped, required: str) -> None:
    stripped.git("config", "filter.strip.clean", "false")
    stripped.git("config", "filter.strip.required", required)
    stripped.write("a.nb", "code\nout: 1\n")
    stripped.write("b.nb", "code\nout: 2\n")
    kind = "filtered" if required == "true" else "modified"
    assert check(stripped.top) == [f"{kind}: a.nb", f"{kind}: b.nb"]


def test_a_filter_without_a_program_changes_nothing(stripped) -> None:
    stripped.git("config", "--unset", "filter.strip.clean")
    stripped.write("a.nb", "code\nout: 1\n")
    assert check(stripped.top) == ["modified: a.nb"]


def test_a_filter_and_line_endings_together(stripped) -> None:
    stripped.write(".gitattributes", "*.nb filter=strip text eol=crlf\n")
    stripped.commit("line endings")
    stripped.write("a.nb", "code\r\nout: 1\r\n")
    assert check(stripped.top) == []


def test_names_that_need_care(work) -> None:
    names = [
        b"with space",
        b"new\nline",
        b"-rf",
        b'"quoted"',
        b"\xff\xfe",
        "ü".encode(),
        b"tab\t",
        b"sub dir/-x",
        b":(top)x",
        b"*",
    ]
    for name in names:
        work.write(name, "1")
    work.commit()
    assert check(work.top) == []
    for name in names:
        work.write(name, "2")
    reasons = check(work.top)
    assert len(reasons) == len(names)
    assert all(reason.isprintable() for reason in reasons)
    assert "modified: new\\nline" in reasons
    assert "modified: \\xff\\xfe" in reasons


def test_the_error_lists_twenty_reasons_and_counts_the_rest(work) -> None:
    for number in range(25):
        work.write(f"new{number:02}.py")
    with pytest.raises(DirtyTree) as caught:
        pin(work.top)
    assert caught.value.what == "the work tree is not the commit, for 25 reasons"
    assert caught.value.why.splitlines()[-1] == "and 5 more"
    assert len(caught.value.why.splitlines()) == 21
    assert "--snapshot" in caught.value.next_step
    assert pin(work.top, allow_dirty=True).commit == work.git("rev-parse", "HEAD")


def test_no_repository_no_commit_bare_and_inside_git(make, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(NotARepository, match="not in a git repository"):
        find_top(tmp_path / "plain")
    with pytest.raises(NotARepository, match="no commit yet"):
        check(find_top(make("empty").top))
    with pytest.raises(NotARepository, match="bare"):
        find_top(make("bare", "--bare").top)
    with pytest.raises(NotARepository, match="not a directory"):
        find_top(tmp_path / "absent")


def test_the_top_is_found_from_below_with_a_hostile_environment(work, make, monkeypatch) -> None:
    other = make("other")
    monkeypatch.setenv("GIT_DIR", str(other.top / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.top))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.top / "index"))
    assert find_top(work.top / "data") == work.top
    assert check(work.top) == []


def test_a_repository_of_somebody_else(work, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(work.top, 12345, 12345)
    os.chown(work.top / ".git", 12345, 12345)
    with pytest.raises(NotARepository, match="belongs to another user") as caught:
        find_top(work.top)
    assert "safe.directory" in caught.value.next_step
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(work.top))
    assert find_top(work.top) == work.top


def test_git_that_cannot_be_started_is_told(work) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[0] + 1, hard))
    try:
        with pytest.raises(SourceError, match="git cannot be started"):
            Git(at=work.top).run("version")
        with (
            pytest.raises(SourceError, match="git cannot be started"),
            Git(at=work.top).piped("version", direction="read"),
        ):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(held[0])
    assert Git(at=work.top).run("version").ok
