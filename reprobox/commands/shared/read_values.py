"""Values of recorded runs for the index: their config, and what trackers left in their outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reprobox.context import Context
from reprobox.errors import ReproboxError
from reprobox.store.run_values import Reader, RunValues

if TYPE_CHECKING:
    from reprobox.trackers.collect import Request, Values

_MOST = 500
"""Config values of one run."""


def reader(context: Context) -> Reader:
    """Reads the values of runs by id, many in one child process."""

    def read(ids: Sequence[str]) -> Iterator[tuple[str, RunValues]]:
        with context.progress.task("reading metrics", None) as bar:
            requests, configs, complete = [], [], []
            for run_id in ids:
                config, request, whole = _request(context, run_id)
                requests.append(request)
                configs.append(config)
                complete.append(whole)
            from reprobox.trackers import collect

            found = collect.read(requests)
            bar.update(0)
        for run_id, config, values, whole in zip(ids, configs, found, complete, strict=True):
            yield run_id, _values(config, values, whole)

    return read


def _request(context: Context, run_id: str) -> tuple[Mapping[str, Any], Request, bool]:
    """The run's config, what is to be read of its outputs, and whether they are all there."""
    from reprobox.trackers.collect import Request

    root = context.runs.path(run_id) / "outputs"
    nothing = Request(root=root, files=(), declared={})
    try:
        config = context.runs.intent(run_id).config
        outputs = context.runs.outputs(run_id)
    except ReproboxError:
        return {}, nothing, True  # `ls` shows it as damaged
    if outputs and not root.is_dir():
        return config, nothing, False
    section = config.get("reprobox")
    declared = section.get("metrics") if isinstance(section, Mapping) else None
    files = tuple(file.path for file in outputs if file.kind == "file")
    return config, Request(root=root, files=files, declared=_texts(declared)), True


def _texts(declared: Any) -> dict[str, str]:
    if not isinstance(declared, Mapping):
        return {}
    return {str(name): text for name, text in declared.items() if isinstance(text, str)}


def _values(config: Mapping[str, Any], found: Values, complete: bool) -> RunValues:
    from reprobox.trackers import collect
    from reprobox.trackers.reading import flat

    rows = [(one.kind, one.name, one.source, one.value) for one in collect.values_by_name(found)]
    for name, leaf in list(flat(config))[:_MOST]:
        if isinstance(leaf, bool):
            rows.append(("config", name, "", str(leaf).lower()))
        elif isinstance(leaf, (int, float)) and abs(leaf) < 2**1000:
            rows.append(("config", name, "", float(leaf)))
        elif isinstance(leaf, str):
            rows.append(("config", name, "", leaf[:500]))
    return RunValues(
        values=tuple(rows),
        series=tuple((one.name, one.source, one.points) for one in found.series),
        complete=complete,
    )
