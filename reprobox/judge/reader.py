"""Looks into two files of different bytes: which tensor, cell or line differs, how far, and whether
a rule lets it pass.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import reprobox
from reprobox.kit import canon, proc
from reprobox.kit.lazy_dataclass import dataclass
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


class Reader:
    """Compares files in a process apart, which starts with the first pair and serves all of them.

    Each pair has its own limits, and one that crashes or takes too long costs only itself.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._server: proc.Dialogue | None = None
        self._count = 0

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process."""
        if self._server is not None:
            self._server.finish()
            self._server = None
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def look(
        self,
        left: Path,
        right: Path,
        rule: OutputRule,
        *,
        path: str | None = None,
        ours: str | None = None,
        theirs: str | None = None,
        treatments: Sequence[Mapping[str, Any]] = (),
    ) -> FileVerdict:
        """Compares two files under a rule.

        Args:
            left: the original's file; may have any name.
            right: the replay's.
            path: the output's path in the run, for its format and for the verdict; by default the
                left file's name.
            ours: digest of the left file where it is known; else it is read.
            theirs: digest of the right file.
            treatments: rules for some of its leaves, see `content`.

        Returns:
            `identical`, `equal-under-rule`, `different` or `not-checked`. With rule `bytes`, other
            bytes are `different`; the detail still says where, and `content: equal` when only the
            packing differs.
        """
        name = path if path is not None else left.name
        ours, theirs = ours or canon.digest_file(left), theirs or canon.digest_file(right)
        pair = _Pair(name, left.stat().st_size, ours, theirs)
        if ours == theirs:
            return pair.verdict(FileState.IDENTICAL, {})
        if rule.compare == "ignore":
            return pair.verdict(FileState.IGNORED, {"differs": ["bytes"]})
        answer = _believed(self.ask(left, right, rule, name, treatments), (ours, theirs))
        return pair.judged(rule, answer)

    def ask(
        self,
        left: Path,
        right: Path,
        rule: OutputRule,
        name: str,
        treatments: Sequence[Mapping[str, Any]] = (),
    ) -> dict[str, Any]:
        """What the process answers: `same`, `within` and details, or only `why` when it could not
        tell.
        """
        tolerance = {"ulp": rule.ulp, "atol": rule.atol, "rtol": rule.rtol}
        exact = rule.compare == "bytes"
        request = {
            "want": "compare",
            "left": os.fspath(left.absolute()),
            "right": os.fspath(right.absolute()),
            "name": name,
            "only_numbers": rule.compare == "tensors",
            "except_times": rule.compare == "except-times",
            "tolerance": {} if exact else tolerance,
            "treatments": [] if exact else list(treatments),
        }
        return self._request(request, left.stat().st_size + right.stat().st_size)

    def leaves(
        self, path: Path, *, name: str | None = None, patterns: Sequence[str] = (), most: int = 1000
    ) -> dict[str, Any]:
        """The named values of one file, read under the same limits.

        Args:
            name: the file's name in the run, for its format.
            patterns: which leaves, see `judge.leaves`; none means all.
            most: how many numbers of one array are given.

        Returns:
            `format`, `reader` and `leaves`, each with `name` and `value`, or with `name`, `dtype`,
            `shape` and `values` (`cut` where there are more); or only `why`.
        """
        request = {
            "want": "leaves",
            "path": os.fspath(path.absolute()),
            "name": name or path.name,
            "patterns": list(patterns),
            "most": most,
        }
        return self._request(request, path.stat().st_size)

    def preview(self, path: Path, *, name: str) -> dict[str, Any]:
        """What is in one file, read under the same limits; see `previews`.

        Returns:
            `format`, and either `columns` and `rows`, or `tensors` and `values`; or only `why`.
        """
        request = {"want": "preview", "path": os.fspath(path.absolute()), "name": name}
        return self._request(request, path.stat().st_size)

    def _request(self, request: dict[str, Any], size: int) -> dict[str, Any]:
        limits = asdict(self._limits) | {
            "memory": self._limits.memory + 4 * size,
            "cpu": self._limits.cpu + size // _HASHED_A_SECOND,
            "wall": self._limits.wall + size // _HASHED_A_SECOND,
        }
        server, home = self._started()
        scratch = home / str(self._count)
        self._count += 1
        more = {"limits": limits, "size": size, "scratch": os.fspath(scratch)}
        said = _asked(server, request | more)
        if scratch.exists():
            shutil.rmtree(scratch, ignore_errors=True)
        if not said:
            return {"why": self._gone()}
        answer: dict[str, Any] = json.loads(said)
        if "why" in answer and answer["why"].startswith("the reader ended with"):
            answer["why"] += _last_line(server.error_text())
        return answer

    def _started(self) -> tuple[proc.Dialogue, Path]:
        if self._server is None or self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="reprobox-look-")
            self._server = _start(Path(self._scratch.name))
        return self._server, Path(self._scratch.name)

    def _gone(self) -> str:
        said = _last_line(self._server.error_text()) if self._server else ""
        self.close()
        return f"the reader's process ended{said}"


def look(
    left: Path,
    right: Path,
    rule: OutputRule,
    *,
    path: str | None = None,
    ours: str | None = None,
    theirs: str | None = None,
    limits: Limits | None = None,
    treatments: Sequence[Mapping[str, Any]] = (),
) -> FileVerdict:
    """Compares one pair of files, see `Reader.look`."""
    with Reader(limits) as reader:
        return reader.look(
            left, right, rule, path=path, ours=ours, theirs=theirs, treatments=treatments
        )


@dataclass(frozen=True)
class _Pair:
    """Two files whose verdict is made."""

    name: str
    size: int
    ours: str
    theirs: str

    def verdict(self, state: FileState, detail: dict[str, Any]) -> FileVerdict:
        return FileVerdict(
            path=self.name,
            state=state,
            size=self.size,
            ours=self.ours,
            theirs=self.theirs,
            detail=codec.from_json(FileDetail, detail, where=f"what was found in {self.name}"),
        )

    def judged(self, rule: OutputRule, answer: dict[str, Any]) -> FileVerdict:
        detail = {"differs": ["bytes"], "rule": rule.compare, **_shown(answer)}
        exact = rule.compare == "bytes"
        if "same" not in answer:
            return self.verdict(FileState.DIFFERENT if exact else FileState.NOT_CHECKED, detail)
        if answer["same"]:
            detail["content"] = "equal"
        passes = not exact and answer["within"]
        return self.verdict(FileState.EQUAL_UNDER_RULE if passes else FileState.DIFFERENT, detail)


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


def _start(home: Path) -> proc.Dialogue:
    root = os.fspath(Path(reprobox.__file__).parent.parent)
    paths = os.pathsep.join(dict.fromkeys([root, *filter(None, sys.path)]))
    env = {
        "PYTHONPATH": paths,
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "LC_ALL": "C.UTF-8",
        "TMPDIR": os.fspath(home),
        "HDF5_PLUGIN_PRELOAD": "::",  # HDF5's own word for: load no filter as code
    }
    argv = [sys.executable, "-s", "-B", "-X", "utf8", "-m", "reprobox.judge.reader_child"]
    return proc.Dialogue(argv, env=env, cwd=home)


def _asked(server: proc.Dialogue, request: dict[str, Any]) -> bytes:
    """The answer; nothing where the process has ended."""
    try:
        server.questions.write(json.dumps(request).encode() + b"\n")
        server.questions.flush()
    except BrokenPipeError:
        return b""
    return server.answers.readline()


def _last_line(said: str) -> str:
    return f": {said.splitlines()[-1][:300]}" if said else ""


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in answer.items()
        if key not in ("same", "within") and value is not None
    }
