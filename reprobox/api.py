"""`import reprobox`: recorded runs, their metrics, outputs and verdicts; run, replay and sweep.

    import reprobox

    best = max(reprobox.runs(where="lr < 0.1"), key=lambda run: run.metrics["accuracy"])
    best.outputs["results/metrics.json"].json()
    reprobox.replay(best).same

Nothing here is needed in a training script; it is for notebooks and other programs.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, overload

from reprobox.context import Context
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Record
from reprobox.model.verdict import Verdict
from reprobox.store.run_row import RunRow
from reprobox.store.run_values import RunValues, Scalar

if TYPE_CHECKING:
    import pandas

__all__ = ["Output", "Outputs", "Run", "Runs", "SweepResult", "replay", "run", "runs", "sweep"]


class _Quiet:
    """Progress that is not shown."""

    def note(self, text: str) -> None:
        """Nothing."""

    @contextlib.contextmanager
    def task(self, what: str, total: int | None = None) -> Iterator[_NoBar]:
        """A bar that is not drawn."""
        yield _NoBar()


class _NoBar:
    """A bar that is not drawn."""

    def update(self, advance: int, note: str = "") -> None:
        """Nothing."""


def _context(project: str | Path) -> Context:
    return Context(start=Path(project).absolute(), progress=_Quiet(), argv=("import reprobox",))


@dataclass(frozen=True)
class Output:
    """A file that a run left."""

    file: OutputFile
    path: Path
    """Where it is in the store; do not write to it."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.file.size

    @property
    def sha256(self) -> str:
        """As recorded: `sha256:` and 64 hexadecimal digits."""
        return self.file.sha256

    def open(self) -> IO[bytes]:
        """The stored bytes, for reading. They are checked by `read_bytes` and `reprobox verify`."""
        return self.path.open("rb")

    def read_bytes(self) -> bytes:
        """The bytes that were recorded.

        Raises:
            StoreDamaged: digest mismatch.
        """
        from reprobox.errors import StoreDamaged
        from reprobox.kit import canon

        data = self.path.read_bytes()
        if canon.digest_bytes(data) != self.file.sha256:
            raise StoreDamaged(
                f"digest mismatch for {self.file.path}: expected {self.file.sha256}",
                next_step="reprobox verify",
            )
        return data

    def text(self) -> str:
        """As UTF-8."""
        return self.read_bytes().decode()

    def json(self) -> Any:
        """As JSON."""
        return json.loads(self.read_bytes())


class Outputs(Mapping[str, Output]):
    """A run's outputs by path."""

    def __init__(self, root: Path, files: Sequence[OutputFile]) -> None:
        self._root, self._files = root, {file.path: file for file in files}

    def __getitem__(self, path: str) -> Output:
        return Output(self._files[path], self._root / path)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"Outputs({list(self._files)!r})"


class Run:
    """A run of the project; what it holds is read when it is first asked for."""

    def __init__(self, context: Context, row: RunRow) -> None:
        self._context, self._row = context, row

    @property
    def id(self) -> str:
        """Its id."""
        return self._row.id

    @property
    def name(self) -> str | None:
        """Its name now."""
        return self._row.name

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags now."""
        return self._row.tags

    @property
    def state(self) -> str:
        """`finished`, `failed`, `running`, ..."""
        return self._row.state

    @property
    def exit_code(self) -> int | None:
        """The program's exit code; None while it is running."""
        return self._row.exit_code

    @property
    def created(self) -> float:
        """Seconds since 1970."""
        return self._row.created

    @property
    def duration(self) -> float | None:
        """Seconds."""
        return self._row.duration

    @property
    def commit(self) -> str:
        """The commit that ran."""
        return self._row.commit

    @cached_property
    def record(self) -> Record:
        """The whole record. Raises RunBusy while the run is running."""
        return self._context.runs.record(self.id)[0]

    @cached_property
    def config(self) -> dict[str, Any]:
        """The config that the program saw, with the overrides applied."""
        return dict(self._context.runs.intent(self.id).config)

    @cached_property
    def _values(self) -> RunValues:
        from reprobox.commands.shared.read_values import reader

        return self._context.runs.values(self.id, reader(self._context))

    @property
    def metrics(self) -> dict[str, float]:
        """Last values of metrics that were found in its outputs or declared, by name."""
        return {
            name: value
            for kind, name, _, value in self._values.values
            if kind == "metric" and isinstance(value, float)
        }

    @property
    def params(self) -> dict[str, Scalar]:
        """Parameters that a tracker noted, by name."""
        return {name: value for kind, name, _, value in self._values.values if kind == "param"}

    @property
    def series(self) -> dict[str, list[tuple[float, float]]]:
        """Metrics over steps: (step, value) points by name."""
        return {name: list(points) for name, _, points in self._values.series}

    @cached_property
    def outputs(self) -> Outputs:
        """What it left, by path."""
        root = self._context.runs.path(self.id) / "outputs"
        return Outputs(root, self._context.runs.outputs(self.id))

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Verdicts of its replays, oldest first."""
        found = self._context.runs.list(replay_of=self.id)
        every = (one for row in found for one in self._context.runs.verdicts(row.id))
        return tuple(sorted(every, key=lambda verdict: verdict.checked))

    def stdout(self) -> str:
        """What the program wrote to stdout."""
        path = self._context.runs.path(self.id) / "stdout"
        return path.read_bytes().decode("utf-8", "replace")

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.state}>"


class Runs(Sequence[Run]):
    """Runs, newest first or as sorted."""

    def __init__(self, found: Sequence[Run]) -> None:
        self._found = tuple(found)

    @overload
    def __getitem__(self, index: int) -> Run: ...

    @overload
    def __getitem__(self, index: slice) -> Runs: ...

    def __getitem__(self, index: int | slice) -> Run | Runs:
        return Runs(self._found[index]) if isinstance(index, slice) else self._found[index]

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"Runs({list(self._found)!r})"

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame with a row for each run: its facts, its config (`config.` before the name),
        its parameters (`param.`) and its metrics (`metric.`). Needs pandas.
        """
        import pandas

        return pandas.DataFrame([_flat(one) for one in self._found]).set_index("id", drop=False)


def _flat(one: Run) -> dict[str, Any]:
    from reprobox.trackers.reading import flat

    facts = ("id", "name", "state", "exit_code", "created", "duration", "commit")
    row: dict[str, Any] = {name: getattr(one, name) for name in facts}
    row |= {f"config.{name}": value for name, value in flat(one.config) if _is_scalar(value)}
    row |= {f"param.{name}": value for name, value in one.params.items()}
    return row | {f"metric.{name}": value for name, value in one.metrics.items()}


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def runs(
    where: str | Sequence[str] = (),
    *,
    name: str | None = None,
    tag: str | None = None,
    state: str | None = None,
    since: str | None = None,
    sort: str | None = None,
    limit: int | None = None,
    project: str | Path = ".",
) -> Runs:
    """Recorded runs of a project, filtered as `reprobox ls` does.

    Args:
        where: conditions such as `accuracy > 0.9 and lr < 1e-2`, or `lr=0.1` on the config.
        sort: a metric or config key; `-accuracy`: the largest first.
        project: a directory in the repository.

    Raises:
        UsageError: a condition or name makes no sense.
    """
    from reprobox.commands import ls

    context = _context(project)
    wanted = ls.Wanted(
        name=name,
        tag=tag,
        state=state,
        since=since,
        where=(where,) if isinstance(where, str) else tuple(where),
        sort=sort,
    )
    found = ls.list_runs(context, wanted, limit=limit)
    return Runs([Run(context, item.row) for item in found])


def _one(context: Context, run_id: str) -> Run:
    (row,) = context.runs.index.rows("id = ?", (run_id,))
    return Run(context, row)


def run(
    config: str | Path = "config.yaml",
    overrides: Mapping[str, Any] | Sequence[str] = (),
    *,
    gpus: str | None = None,
    name: str | None = None,
    tags: Sequence[str] = (),
    snapshot: bool = False,
    commit: str | None = None,
    project: str | Path = ".",
) -> Run:
    """Runs an experiment as `reprobox run` does, and waits for its end.

    Args:
        config: relative to `project`.
        overrides: `{"lr": 0.1}`, or texts as on the command line.

    Raises:
        ReproboxError: what kept it from starting. A program that failed is not an error: see
            `exit_code`.
    """
    from reprobox.commands import run as command
    from reprobox.commands.shared.code_choice import Choice
    from reprobox.executor.attach import Watcher

    context = _context(project)
    watcher = Watcher(_Nowhere(), context.progress.note)
    record = command.run(
        context,
        context.start / config,
        _texts(overrides),
        watcher,
        gpus=gpus,
        name=name,
        tags=tags,
        choice=Choice(snapshot=snapshot, commit=commit),
    )
    return _one(_context(project), record.id)


class _Nowhere:
    """A sink for live output; the run's files have it all."""

    def write(self, stream: str, data: bytes) -> None:
        """Nothing."""


def _texts(overrides: Mapping[str, Any] | Sequence[str]) -> list[str]:
    if not isinstance(overrides, Mapping):
        return list(overrides)
    return [f"{key}={_text(value)}" for key, value in overrides.items()]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def replay(run: str | Run, *, project: str | Path = ".") -> Verdict:
    """Runs a recorded run again and compares every bit; `.same` says whether it is the same.

    Raises:
        ReproboxError: it could not be replayed.
    """
    from reprobox.commands import replay as command
    from reprobox.executor.attach import Watcher

    context = _context(project)
    watcher = Watcher(_Nowhere(), context.progress.note)
    return command.replay(context, run if isinstance(run, str) else run.id, watcher).verdict


@dataclass(frozen=True)
class SweepResult:
    """A sweep and its runs, by trial."""

    id: str
    runs: Runs


def sweep(
    config: str | Path,
    axes: Mapping[str, Sequence[Any]] | Sequence[str],
    *,
    jobs: int = 1,
    commit: str | None = None,
    name: str | None = None,
    tags: Sequence[str] = (),
    project: str | Path = ".",
    snapshot: bool = False,
) -> SweepResult:
    """Runs a config with every combination of values, at one commit.

    Args:
        axes: `{"lr": [0.1, 0.01], "seed": range(5)}`, or texts as on the command line.
        jobs: runs at a time.
        snapshot: take a tree that is not clean as it is now, as one hidden commit for all runs.
    """
    from reprobox.commands import sweep as command
    from reprobox.commands.shared.code_choice import Choice

    context = _context(project)
    words = (
        [f"{key}=choice({','.join(map(_text, values))})" for key, values in axes.items()]
        if isinstance(axes, Mapping)
        else list(axes)
    )
    choice = Choice(snapshot=snapshot, commit=commit)
    begun = command.begin(
        context, context.start / config, words, choice=choice, name=name, tags=tags
    )
    command.drive(context, begun, jobs=jobs, report=lambda _: None)
    fresh = _context(project)
    found = [_one(fresh, run_id) for run_id in command.runs_of(fresh, begun.id)]
    return SweepResult(id=begun.id, runs=Runs(found))
