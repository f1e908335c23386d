"""Names of people, hosts and places in what is about to be handed on without them.

Searched for: author (whole, and each word of the name), e-mail address, its parts, user, host, the
remote with its host and owner, paths of inputs and of the project, home directories, the registry
of the base. Names of two and three letters are found as whole words only.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from reprobox.context import Context
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.text import shown
from reprobox.model.record import Record

ANONYMOUS = "Anonymous <anonymous@example.invalid>"
_LONG, _SHORTEST = 4, 2
"""Letters from which a name is found within a word, and those from which it is searched for."""
_COMMON = frozenset(
    (
        *("root", "user", "admin", "home", "ubuntu", "debian", "localhost", "unknown", "library"),
        *("work", "data", "code", "tmp", "srv", "mnt", "opt", "var", "git", "main", "origin"),
        *("docker.io", "ghcr.io", "quay.io", "github.com", "gitlab.com", "bitbucket.org"),
        *("codeberg.org", "gmail.com", "outlook.com", "hotmail.com", "users.noreply.github.com"),
    )
)
"""Names that say nothing of any person."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """A name that could not be taken out."""

    run: str = ""
    """Empty for a file of the package itself."""
    place: str
    what: str

    @property
    def sentence(self) -> str:
        where = f"run {self.run}: " if self.run else ""
        return f"{where}{shown(self.place)} still holds '{shown(self.what)}'"


def of(record: Record, top: Path) -> list[str]:
    """What would say who made a run, or where; the longest first.

    Args:
        top: of the project.
    """
    intent = record.intent
    author, _, email = intent.source.author.partition("<")
    local, _, domain = email.strip("> ").partition("@")
    places = [pin.source for pin in intent.runspec.inputs if os.path.isabs(pin.source)]
    said = (
        *(author.strip(), *author.split(), email.strip("> "), local, domain),
        *(str(intent.host.get(key, "")) for key in ("user", "name")),
        *_remote(intent.source.remote or ""),
        *(os.fspath(top), *places, *_homes([os.fspath(top), *places])),
        *_registry(intent.lock.base.reference),
    )
    anonymous = ANONYMOUS.lower()
    kept = {
        name
        for name in said
        if len(name) >= _SHORTEST and name.lower() not in _COMMON and name.lower() not in anonymous
    }
    return sorted(kept, key=lambda name: (-len(name), name))


def _homes(places: Iterable[str]) -> Iterator[str]:
    for place in places:
        if match := re.match(r"/(?:home|Users|scratch|data)/([^/]+)", place):
            yield from (match[0], match[1])


def _remote(remote: str) -> Iterator[str]:
    """The remote, its host and its owner."""
    plain = remote.removesuffix(".git")
    if not plain:
        return
    yield plain
    parts = re.split(r"[/:@]+", re.sub(r"^[a-z+]+://", "", plain))
    if not os.path.isabs(plain):
        yield from parts[:-1]


def _registry(reference: str) -> Iterator[str]:
    """The host of a registry and the owner of the image."""
    host, _, rest = reference.partition("/")
    if rest and not host.startswith(".") and re.search(r"[.:]|^localhost$", host):
        yield host
        yield from rest.split("/")[:-1]


def pattern(names: Sequence[str]) -> re.Pattern[bytes] | None:
    """Finds any of the names; None where there are none."""
    words = [_one(name) for name in names]
    return re.compile("|".join(words).encode(), re.IGNORECASE) if words else None


def _one(name: str) -> str:
    if len(name) >= _LONG:
        return re.escape(name)
    return rf"(?-i:(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_]))"


def below(top: Path, names: Sequence[str], run: str = "") -> Iterator[Left]:
    """Every file and link below a directory that holds a name, in its bytes or its path."""
    found = pattern(names)
    if found is None:
        return
    for path in sorted(one for one in top.rglob("*") if one.is_file() or one.is_symlink()):
        place = os.fspath(path.relative_to(top))
        for what in in_file(path, found):
            yield Left(run=run, place=place, what=what)
        if match := found.search(os.fsencode(place)):
            yield Left(run=run, place=f"the path {place}", what=os.fsdecode(match[0]))


def in_file(path: Path, names: re.Pattern[bytes]) -> list[str]:
    """What a file, or a link's target, holds; each once."""
    if path.is_symlink():
        matches = names.findall(os.fsencode(os.readlink(path)))
    elif path.stat().st_size == 0:
        return []
    else:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            matches = names.findall(data)
    found = {one.decode("utf-8", "replace").lower(): one for one in matches}
    return [one.decode("utf-8", "replace") for one in found.values()]


def in_code(context: Context, run_id: str, names: Sequence[str]) -> Iterator[Left]:
    """Files of the run's commit that hold a name, in their text or their path."""
    commit = context.runs.record(run_id)[0].intent.source.commit
    repo = context.repo
    if not repo.has(commit):
        return
    for name in names:
        whole = ("-i",) if len(name) >= _LONG else ("-w",)
        done = repo.git.run("grep", "-a", "-l", "-z", "-F", *whole, "-e", name, commit)
        for found in filter(None, done.out.split(b"\0")):
            path = os.fsdecode(found).partition(":")[2]
            yield Left(run=run_id, place=f"code: {path}", what=name)
    searched = pattern(names)
    listed = repo.git.out("ls-tree", "-r", "-z", "--name-only", commit)
    for name_ in filter(None, listed.split(b"\0")):
        if searched and (match := searched.search(name_)):
            where = f"code: the path {os.fsdecode(name_)}"
            yield Left(run=run_id, place=where, what=os.fsdecode(match[0]))
