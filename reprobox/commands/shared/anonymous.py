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
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from reprobox.commands import import_
from reprobox.commands.shared import left_names, packing
from reprobox.commands.shared.left_names import ANONYMOUS, Left
from reprobox.context import Context
from reprobox.model import codec
from reprobox.model.ports import Bar, Progress
from reprobox.model.record import Intent, Record
from reprobox.model.verdict import Verdict
from reprobox.source import refs
from reprobox.source.git import Git
from reprobox.store import annotation_log, heads
from reprobox.store.transfer import bundle, copy
from reprobox.store.transfer.copy import Role

_ENGINE = ("name", "version", "runc", "containerd")
"""What stays of the engine's facts."""
_GONE = ("statements", "addresses", "arrival", "started.json")


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
            planned = copy.plan(origin, writer)
            copy.copy(planned, origin, writer, context.progress)
        inputs = {card.id: {blob.digest for blob in card.of("inputs")} for card in planned.cards}
        top.mkdir()
        _repository(top, context.runs.record(run_ids[0])[0].intent.source.commit)
        inner = Context(start=top, progress=context.progress, clock=context.clock, _top=top)
        quiet = Context(start=top, progress=_Bars(context.progress), clock=inner.clock, _top=top)
        import_.import_(quiet, str(file), lambda _plan: None, outside_links=True)
        file.unlink()
        known = {run_id: context.runs.record(run_id)[0] for run_id in run_ids}
        fresh = _rewritten(inner, known)
        yield fresh, tuple(_left(fresh, known, context.top, inputs, "code" in parts))


class _Bars:
    """Shows bars and no notes: what an import advises concerns a project that no user sees."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def task(self, what: str, total: int | None = None) -> AbstractContextManager[Bar]:
        """Starts a bar."""
        return self._progress.task(what, total)

    def note(self, text: str) -> None:
        """Shows nothing."""


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
    _unsigned(context)
    _remove(context.runs.root / "index.sqlite")
    return Context(
        start=context.start, progress=context.progress, clock=context.clock, _top=context.top
    )


def _unsigned(context: Context) -> None:
    """Names, tags and notes, without who gave them."""
    annotation_log.rewrite(context.runs.root, lambda entry: {**entry, "by": "anonymous"})


def _verdict(verdict: Verdict, digests: dict[str, str]) -> Verdict:
    return replace(
        verdict,
        left_record=digests.get(verdict.left_record, verdict.left_record),
        right_record=digests.get(verdict.right_record, verdict.right_record),
    )


def _commit(context: Context, record: Record, run_id: str) -> str:
    """A commit of the same tree and time without an author and without parents; where the code does
    not be exported, the recorded one.
    """
    source = record.intent.source
    repo = context.repo
    if not repo.has(source.commit):
        return source.commit
    who = f"{ANONYMOUS} {source.commit_time} +0000"
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
    source = replace(intent.source, commit=commit, author=ANONYMOUS, remote=None, branch=None)
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


def _left(
    context: Context, known: dict[str, Record], top: Path, inputs: dict[str, set[str]], code: bool
) -> Iterator[Left]:
    for run_id, record in known.items():
        names = left_names.of(record, top)
        yield from left_names.below(context.runs.path(run_id), names, run_id)
        yield from left_names.in_code(context, run_id, names) if code else ()
        yield from _in_inputs(context, run_id, names, inputs.get(run_id, set()))
        yield from _in_annotations(context, run_id, names)
        if context.runs.record(run_id)[0].intent.source.commit == record.intent.source.commit:
            yield Left(run=run_id, place="the commit, which was not exported", what="its id")
        for module in record.intent.source.submodules:
            yield Left(run=run_id, place=f"submodule {module}", what="its commit and author")


def _in_inputs(
    context: Context, run_id: str, names: Sequence[str], digests: set[str]
) -> Iterator[Left]:
    """Inputs that go along, by digest, where the store has them as files."""
    pattern = left_names.pattern(names)
    for digest in sorted(digests) if pattern else ():
        if pattern and context.all_objects.has(digest):
            for what in left_names.in_file(context.all_objects.path(digest), pattern):
                yield Left(run=run_id, place=f"input {digest[:19]}", what=what)


def _in_annotations(context: Context, run_id: str, names: Sequence[str]) -> Iterator[Left]:
    pattern = left_names.pattern(names)
    for document in annotation_log.documents(context.runs.root, run_id):
        if pattern and (match := pattern.search(document)):
            what = match[0].decode("utf-8", "replace")
            yield Left(run=run_id, place="a name, tag or note", what=what)
