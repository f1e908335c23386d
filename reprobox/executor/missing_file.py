"""A program that ended because it found no file: whether the user has it, where no run sees it.

A run sees its commit and its inputs. A file that git ignores is in neither, though it lies in the
user's work tree under the same name.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from reprobox.errors import ReproboxError
from reprobox.kit.regex import regex
from reprobox.kit.text import shown
from reprobox.model.runspec import WORK, RunSpec
from reprobox.source import commit_paths, hidden_files
from reprobox.source.repo import Repo

_MISSING = rb"(?:No such file or directory|does not exist)"
_SAID = (
    regex(_MISSING + rb": b?(['\"])(?P<path>[^'\"\n]+)\1"),  # Python
    regex(rb"(['\"])(?P<path>[^'\"\n]+)\1[^'\"\n]{0,60}" + _MISSING),  # R, coreutils
    regex(rb"(?:^|: )(?P<path>[^\s:'\"]+): " + _MISSING, re.MULTILINE),  # shells
    regex(rb"name = (['\"])(?P<path>[^'\"\n]+)\1, errno = 2"),  # HDF5
)
_TAIL = 1 << 16
_LONGEST = 4096


def advice(stderr: Path, repo: Repo, top: Path, asked: RunSpec) -> str:
    """What to do about the last file that was not found; empty where the user does not have it.

    Args:
        top: the user's work tree.
    """
    for path in reversed(list(_named(stderr))):
        if said := _advice(path, repo, top, asked):
            return said
    return ""


def _named(stderr: Path) -> Iterator[str]:
    """The paths in a program's last words, in the order in which they stand there."""
    try:
        with stderr.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            text = file.read()
    except OSError:
        return
    found = [(one.start("path"), one["path"]) for said in _SAID for one in said.finditer(text)]
    for _, path in sorted(found):
        if len(path) < _LONGEST and b"\0" not in path:
            yield os.fsdecode(path)


def _advice(path: str, repo: Repo, top: Path, asked: RunSpec) -> str:
    seen = posixpath.normpath(posixpath.join(WORK, asked.workdir, path))
    if any(seen == pin.path or seen.startswith(f"{pin.path}/") for pin in asked.inputs):
        return ""
    if not seen.startswith(f"{WORK}/"):
        return _elsewhere(path)
    inside = seen.removeprefix(f"{WORK}/")
    if not os.path.lexists(top / inside):
        return ""
    try:
        if commit_paths.tracked(repo, asked.commit, inside):
            return ""
        rule = hidden_files.ignored_by(repo, inside)
    except ReproboxError:
        return ""
    if rule is None:
        return ""
    return (
        f"{shown(path)} is in your work tree, ignored by git ({shown(rule)}), and not an input, so "
        f"the run has no such file: add it to `inputs` of `reprobox`, or to git"
    )


def _elsewhere(path: str) -> str:
    """A file of the host that only its absolute path names."""
    if not path.startswith("/") or path.startswith(("/proc/", "/sys/", "/dev/", "/tmp/")):  # noqa: S108
        return ""
    if not os.path.exists(path):
        return ""
    return (
        f"{shown(path)} is on this host and not an input, so the run has no such file: add it to "
        "`inputs` of `reprobox`"
    )
