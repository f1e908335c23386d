"""Looks into two files of different bytes: which tensor, cell or line differs, how far, and whether
a rule lets it pass.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import reprobox
from reprobox.kit import canon, proc
from reprobox.model import codec
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileDetail, FileState, FileVerdict

_GIB = 1 << 30
_HASHED_A_SECOND = 100 << 20
"""Bytes, on a slow machine."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one reader may take."""

    memory: int = 2 * _GIB
    """Bytes of address space, on top of four times the size of the files."""
    cpu: int = 300
    """Seconds, on top of what hashing both files takes."""
    wall: int = 600
    """The same."""
    unpacked: int = 16 * _GIB
    """Bytes that a compressed file may unpack to."""


def look(
    left: Path,
    right: Path,
    rule: OutputRule,
    *,
    path: str | None = None,
    ours: str | None = None,
    theirs: str | None = None,
    limits: Limits | None = None,
) -> FileVerdict:
    """Compares two files under a rule.

    Args:
        left: the original's file; may have any name.
        right: the replay's.
        path: the output's path in the run, for its format and for the verdict; by default the left
            file's name.
        ours: digest of the left file where it is known; else it is read.
        theirs: digest of the right file.
        limits: what the reader's process may take.

    Returns:
        `identical`, `equal-under-rule`, `different` or `not-checked`. With rule `bytes`, other
        bytes are `different`; the detail still says where, and `content: equal` when only the
        packing differs.
    """
    name = path if path is not None else left.name
    ours, theirs, size = (
        ours or canon.digest_file(left),
        theirs or canon.digest_file(right),
        left.stat().st_size,
    )

    def verdict(state: FileState, detail: dict[str, Any]) -> FileVerdict:
        typed = codec.from_json(FileDetail, detail, where=f"what was found in {name}")
        return FileVerdict(
            path=name, state=state, size=size, ours=ours, theirs=theirs, detail=typed
        )

    if ours == theirs:
        return verdict(FileState.IDENTICAL, {})
    if rule.compare == "ignore":
        return verdict(FileState.IGNORED, {"differs": ["bytes"]})
    answer = _believed(ask(left, right, rule, name, limits or Limits()), (ours, theirs))
    detail = {"differs": ["bytes"], "rule": rule.compare, **_shown(answer)}
    if "same" not in answer:
        unread = FileState.DIFFERENT if rule.compare == "bytes" else FileState.NOT_CHECKED
        return verdict(unread, detail)
    if answer["same"]:
        detail["content"] = "equal"
    excused = rule.compare != "bytes" and answer["within"]
    return verdict(FileState.EQUAL_UNDER_RULE if excused else FileState.DIFFERENT, detail)


def _believed(answer: dict[str, Any], wanted: tuple[str, str]) -> dict[str, Any]:
    """The answer, where it is about the bytes that the two records name: stored files rot, and can
    be written to.
    """
    found = answer.pop("digests", list(wanted))
    wrong = [
        side
        for side, one, other in zip(("first", "second"), found, wanted, strict=True)
        if one != other
    ]
    if not wrong:
        return answer
    whose = " and ".join(f"the {side}" for side in wrong)
    return {
        "why": f"the stored bytes of {whose} are not what was recorded; `reprobox fsck` names all "
        "damage"
    }


def ask(left: Path, right: Path, rule: OutputRule, name: str, limits: Limits) -> dict[str, Any]:
    """What the reader's process answers: `same`, `within` and details, or only `why` when it could
    not tell.
    """
    size = left.stat().st_size + right.stat().st_size
    with tempfile.TemporaryDirectory(prefix="reprobox-look-") as scratch:
        request = {
            "left": os.fspath(left.absolute()),
            "right": os.fspath(right.absolute()),
            "name": name,
            "scratch": scratch,
            "only_numbers": rule.compare == "tensors",
            "tolerance": {"ulp": rule.ulp, "atol": rule.atol, "rtol": rule.rtol}
            if rule.compare != "bytes"
            else {},
            "limits": asdict(limits)
            | {
                "memory": limits.memory + 4 * size,
                "cpu": limits.cpu + size // _HASHED_A_SECOND,
                "wall": limits.wall + size // _HASHED_A_SECOND,
            },
        }
        return _start(json.dumps(request).encode(), scratch)


def _start(request: bytes, scratch: str) -> dict[str, Any]:
    root = os.fspath(Path(reprobox.__file__).parent.parent)
    paths = os.pathsep.join(dict.fromkeys([root, *filter(None, sys.path)]))
    env = {
        "PYTHONPATH": paths,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "LC_ALL": "C.UTF-8",
        "TMPDIR": scratch,
        "HDF5_PLUGIN_PRELOAD": "::",  # HDF5's own word for: load no filter as code
    }
    argv = [sys.executable, "-s", "-B", "-X", "utf8", "-m", "reprobox.judge.reader_child"]
    done = proc.run(argv, cwd=Path(scratch), env=env, stdin=request)
    if done.code in (-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL):
        return {"why": "the reader took longer than it may"}
    if not done.ok:
        said = done.error_text.splitlines()
        return {
            "why": f"the reader ended with {done.code}" + (f": {said[-1][:300]}" if said else "")
        }
    answer: dict[str, Any] = json.loads(done.out)
    return answer


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in answer.items()
        if key not in ("same", "within") and value is not None
    }
