"""Runs without who made them and where: for a review that does not know the authors.

Taken out of the records: author, host, user, machine, paths and addresses of this host, the git
remote and branch, the command line, registries. A commit names its author, so each run gets a new
commit with the same tree; the record and its identity are new ones that follow from it. Statements
are left out, since their signatures name who signed. What a program printed or wrote, and what
stands in the code, is not changed: it is searched for what was taken out, and every place is
listed.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reprobox.commands import import_
from reprobox.commands.shared import packing
from reprobox.context import Context
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.text import shown
from reprobox.model import codec
from reprobox.model.record import Intent, Record
from reprobox.model.verdict import Verdict
from reprobox.source import refs
from reprobox.source.git import Git
from reprobox.store import heads
from reprobox.store.transfer import bundle, copy
from reprobox.store.transfer.copy import Role

NOBODY = "Anonymous <anonymous@example.invalid>"
_ENGINE = ("name", "version", "runc", "containerd")
"""What stays of the engine's facts."""
_SHORTEST = 4
"""Letters of a name that is searched for; a shorter one is found everywhere."""
_GONE = ("statements", "addresses", "arrival", "started.json")
_COMMON = ("root", "user", "admin", "home", "ubuntu", "localhost", "work", "data", "code")
"""Names that say nothing of anybody."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """A name that could not be taken out."""

    run: str
    place: str
    what: str

    @property
    def sentence(self) -> str:
        return f"run {self.run}: {shown(self.place)} still holds {shown(self.what)!r}"


@contextlib.contextmanager
def anonymous(
    context: Context, run_ids: Sequence[str], parts: Sequence[Role]
) -> Iterator[tuple[Context, tuple[Left, ...]]]:
    """A project of its own with anonymous copies of runs, until the block ends; and what is left.

    Raises:
        as `export`.
    """
    from reprobox.store.layout import ensure

    ensure(context.runs.root)
    place = context.runs.root / "tmp"
    with tempfile.TemporaryDirectory(prefix="anonymous-", dir=place) as folder:
        file, top = Path(folder) / "runs", Path(folder) / "project"
        with (
            packing.packed(context, run_ids, parts) as origin,
            file.open("wb") as target,
            bundle.Writer(target) as writer,
        ):
            copy.copy(copy.plan(origin, writer), origin, writer, context.progress)
        top.mkdir()
        _repository(top, context.runs.record(run_ids[0])[0].intent.source.commit)
        inner = Context(start=top, progress=context.progress, clock=context.clock, _top=top)
        import_.import_(inner, str(file), lambda _plan: None, outside_links=True)
        file.unlink()
        known = {run_id: context.runs.record(run_id)[0] for run_id in run_ids}
        fresh = _rewritten(inner, known)
        yield fresh, tuple(_left(fresh, known, "code" in parts))


def _repository(top: Path, commit: str) -> None:
    """A repository of its own: the project lies within the user's, which must not be touched."""
    kind = "sha1" if len(commit) == 40 else "sha256"
    words = ("--quiet", "--template=", "--initial-branch=main", f"--object-format={kind}", ".")
    Git(at=top).out("init", *words)


def _rewritten(context: Context, known: dict[str, Record]) -> Context:
    """Rewrites every run in place; originals before their replays, which name their digests."""
    digests: dict[str, str] = {}
    for run_id in sorted(known, key=lambda one: known[one].intent.replay_of is not None):
        record, digest = context.runs.record(run_id)
        made = _record(record, _commit(context, record, run_id), digests)
        run = context.runs.path(run_id)
        for name in _GONE:
            _remove(run / name)
        _write(run / "intent.json", codec.encode(made.intent))
        _write(run / "record.json", codec.encode(made))
        digests[digest] = codec.digest(made)
        _write(run / "record.sha256", f"{digests[digest]}\n".encode("ascii"))
        heads.append(context.runs.root, run_id, "record", digests[digest])
    for run_id in known:
        for path in sorted((context.runs.path(run_id) / "verdicts").glob("*.json")):
            verdict = codec.decode(Verdict, path.read_bytes(), where=str(path))
            _write(path, codec.encode(_verdict(verdict, digests)))
    _remove(context.runs.root / "index.sqlite")
    return Context(
        start=context.start, progress=context.progress, clock=context.clock, _top=context.top
    )


def _verdict(verdict: Verdict, digests: dict[str, str]) -> Verdict:
    return replace(
        verdict,
        left_record=digests.get(verdict.left_record, verdict.left_record),
        right_record=digests.get(verdict.right_record, verdict.right_record),
    )


def _commit(context: Context, record: Record, run_id: str) -> str:
    """A commit of the same tree and time without an author and without parents; where the code does
    not go along, the recorded one.
    """
    source = record.intent.source
    repo = context.repo
    if not repo.has(source.commit):
        return source.commit
    who = f"{NOBODY} {source.commit_time} +0000"
    text = f"tree {source.tree}\nauthor {who}\ncommitter {who}\n\nanonymous\n"
    made = repo.git.out("hash-object", "-t", "commit", "-w", "--stdin", stdin=text.encode())
    commit = made.decode("ascii").strip()
    refs.forget(repo, run_id)
    refs.keep(repo, run_id, commit)
    return commit


def _record(record: Record, commit: str, digests: dict[str, str]) -> Record:
    return replace(record, intent=_intent(record.intent, commit, digests))


def _intent(intent: Intent, commit: str, digests: dict[str, str]) -> Intent:
    asked = intent.runspec
    runspec = replace(
        asked,
        commit=commit,
        inputs=tuple(replace(pin, source=pin.path) for pin in asked.inputs),
    )
    source = replace(intent.source, commit=commit, author=NOBODY, remote=None, branch=None)
    return replace(
        intent,
        runspec=runspec,
        identity=codec.digest(runspec),
        source=source,
        image=replace(intent.image, addresses=()),
        host={},
        engine={name: intent.engine[name] for name in _ENGINE if name in intent.engine},
        command=(),
        parent_record=digests.get(intent.parent_record or "", intent.parent_record),
    )


def _write(path: Path, data: bytes) -> None:
    _remove(path)
    path.write_bytes(data)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# ---- what is left


def _left(context: Context, known: dict[str, Record], code: bool) -> Iterator[Left]:
    for run_id, record in known.items():
        names = _names(record)
        if not names:
            continue
        pattern = re.compile("|".join(map(re.escape, names)).encode(), re.IGNORECASE)
        run = context.runs.path(run_id)
        for path in sorted(one for one in run.rglob("*") if one.is_file() or one.is_symlink()):
            for what in _found(path, pattern):
                yield Left(run=run_id, place=str(path.relative_to(run)), what=what)
        yield from _in_code(context, run_id, names) if code else ()
        if context.runs.record(run_id)[0].intent.source.commit == record.intent.source.commit:
            yield Left(run=run_id, place="the commit, which was not exported", what="its id")
        for module in record.intent.source.submodules:
            yield Left(run=run_id, place=f"submodule {module}", what="its commit and author")


def _names(record: Record) -> list[str]:
    """What would say who or where: names, addresses, paths and the remote."""
    intent = record.intent
    author, _, email = intent.source.author.partition("<")
    remote = (intent.source.remote or "").removesuffix(".git")
    owner = re.split(r"[/:]", remote)[-2:-1]
    places = [pin.source for pin in intent.runspec.inputs if os.path.isabs(pin.source)]
    homes = [match[0] for place in places if (match := re.match(r"/(?:home|Users)/[^/]+", place))]
    said = (
        *(author.strip(), email.strip("> "), str(intent.host.get("user", ""))),
        *(str(intent.host.get("name", "")), remote, *owner, *homes),
    )
    return sorted(
        {name for name in said if len(name) >= _SHORTEST and name.lower() not in _COMMON},
        key=len,
        reverse=True,
    )


def _found(path: Path, pattern: re.Pattern[bytes]) -> list[str]:
    """What a file, or a link's target, holds; each once."""
    if path.is_symlink():
        matches = pattern.findall(os.fsencode(os.readlink(path)))
    elif path.stat().st_size == 0:
        return []
    else:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            matches = pattern.findall(data)
    found = {one.decode("utf-8", "replace").lower(): one for one in matches}
    return [one.decode("utf-8", "replace") for one in found.values()]


def _in_code(context: Context, run_id: str, names: Sequence[str]) -> Iterator[Left]:
    source = context.runs.record(run_id)[0].intent.source
    repo = context.repo
    if not repo.has(source.commit):
        return
    for name in names:
        done = repo.git.run("grep", "-a", "-i", "-l", "-z", "-F", "-e", name, source.commit)
        for found in filter(None, done.out.split(b"\0")):
            path = os.fsdecode(found).partition(":")[2]
            yield Left(run=run_id, place=f"code: {path}", what=name)
