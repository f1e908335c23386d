"""Programs that use real trackers, run twice on the host, and the verdict on what they left."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from torch_python import _made

from reprobox.judge import output_files, rules
from reprobox.judge.reader import Reader
from reprobox.kit import canon, proc
from reprobox.model.outcome import OutputFile
from reprobox.model.presets import expand
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import Class, FileVerdict, worst

PACKAGES = (
    "tensorboardX==2.6.*",
    "hydra-core==1.3.*",
    "sacred==0.8.*",
    "setuptools<80",
    "mlflow-skinny",
    "wandb",
)


@cache
def tracker_python() -> Path:
    """An interpreter with the trackers; made once where there is none."""
    named = os.environ.get("REPROBOX_TRACKER_PYTHON")
    return Path(named) if named else _made("trackers", PACKAGES)


@dataclass(frozen=True)
class Pair:
    """What the two runs of a program left."""

    left: Path
    right: Path

    def judged(self, presets: Sequence[str], own: Sequence[OutputRule] = ()) -> list[FileVerdict]:
        """Each output, under these rules."""
        used = (*own, *expand(presets))
        with Reader() as reader:

            def look(one: OutputFile, other: OutputFile, rule: OutputRule) -> FileVerdict:
                return reader.look(
                    self.left / one.path,
                    self.right / other.path,
                    rule,
                    path=one.path,
                    ours=one.sha256,
                    theirs=other.sha256,
                    treatments=rules.treatments(one.path, used),
                )

            def links(one: OutputFile, other: OutputFile) -> tuple[str, str]:
                return os.readlink(self.left / one.path), os.readlink(self.right / other.path)

            return list(
                output_files.compare_files(
                    outputs(self.left), outputs(self.right), used, look=look, links=links
                )
            )


def verdict(found: Sequence[FileVerdict]) -> Class:
    """The class of all."""
    return worst(file.state.implies for file in found)


def outputs(top: Path) -> list[OutputFile]:
    """Files, links and empty directories, as a run's outputs are."""
    found = []
    for folder, names, files in os.walk(top):
        here = [*files, *(name for name in names if (Path(folder) / name).is_symlink())]
        if not names and not files and folder != str(top):
            found.append(_output(top, Path(folder)))
        found += [_output(top, Path(folder) / name) for name in here]
    return sorted(found, key=lambda file: file.path)


def _output(top: Path, path: Path) -> OutputFile:
    mode = path.lstat().st_mode
    data = b"" if stat.S_ISDIR(mode) else path.read_bytes() if stat.S_ISREG(mode) else b""
    if stat.S_ISLNK(mode):
        data = os.readlink(path).encode()
    kind = "link" if stat.S_ISLNK(mode) else "dir" if stat.S_ISDIR(mode) else "file"
    return OutputFile(
        path=path.relative_to(top).as_posix(),
        kind=kind,  # type: ignore[arg-type]
        size=len(data),
        mode=stat.S_IMODE(mode),
        sha256=canon.digest_bytes(data),
    )


def twice(tmp: Path, program: str, python: Path, *words: str) -> Pair:
    """Runs a program in two directories of one path, more than a second apart.

    Both runs see the same working directory, as in a container: the first one's is moved away.
    """
    work, kept = tmp / "work", []
    for side in ("left", "right"):
        work.mkdir()
        (tmp / "train.py").write_text(program)
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp),
            "WANDB_MODE": "offline",
            "WANDB_SILENT": "true",
            "PYTHONHASHSEED": "0",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_ALLOW_FILE_STORE": "true",
            "GIT_PYTHON_REFRESH": "quiet",
        }
        done = proc.run([str(python), str(tmp / "train.py"), *words], cwd=work, env=env)
        assert done.ok, done.error_text
        work.rename(tmp / side)
        kept.append(tmp / side)
        time.sleep(1.1)
    return Pair(*kept)
