"""The lock formats: which file is which, and how it is read. One row each; nothing else names them.

A file that no row means is uv's to resolve (requirements.txt, pyproject.toml). conda's files are
read before, because they may bring the interpreter: `conda_environment`.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

from reprobox.errors import ResolveError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.lock.asked import Asked
from reprobox.lock.candidate import Candidate
from reprobox.lock.formats import pdm, pipfile, poetry, pylock, uv_lock
from reprobox.lock.job import Job

Reader = Callable[[Path, Job, Asked], list[Candidate]]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A lock format."""

    name: str
    files: tuple[str, ...]
    """Patterns of file names."""
    read: Reader
    holds: Callable[[str], bool] = lambda text: True
    """Whether a text is of this format, where the name leaves that open."""


def _refused(what: str, next_step: str) -> Reader:
    def read(path: Path, job: Job, asked: Asked) -> list[Candidate]:
        raise ResolveError(f"{path.name} is {what}", next_step=next_step)

    return read


FORMATS = (
    Format(name="uv", files=("uv.lock",), read=uv_lock.read),
    Format(name="poetry", files=("poetry.lock",), read=poetry.read),
    Format(name="pylock (PEP 751)", files=("pylock.toml", "pylock.*.toml"), read=pylock.read),
    Format(name="pdm", files=("pdm.lock",), read=pdm.read),
    Format(name="pipenv", files=("Pipfile.lock",), read=pipfile.read),
    Format(
        name="conda-lock",
        files=("conda-lock.yml", "*.conda-lock.yml"),
        read=_refused(
            "a lock of conda packages (conda-lock)",
            "write its explicit list with `conda-lock render --kind explicit`, and name that file",
        ),
    ),
    Format(
        name="Pipfile",
        files=("Pipfile",),
        read=_refused(
            "what pipenv makes its lock from", "run `pipenv lock`, and name Pipfile.lock"
        ),
    ),
    Format(
        name="project of setuptools",
        files=("setup.py", "setup.cfg"),
        read=_refused("a project and not a list of requirements", "write `requirements: [-e .]`"),
    ),
    Format(
        name="pixi manifest",
        files=("pixi.toml",),
        read=_refused("what pixi makes its lock from", "name its pixi.lock"),
    ),
)


def format_of(path: Path) -> Format | None:
    """The format of a file; None for what uv is to resolve."""
    for one in FORMATS:
        if any(fnmatch(path.name, pattern) for pattern in one.files) and (
            one.holds(path.read_text("utf-8", "replace"))
        ):
            return one
    return None
