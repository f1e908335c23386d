"""JSON and JSON lines: metrics by shape, parameters by the file's name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reprobox.kit.regex import regex
from reprobox.trackers.reading import Reading, Unreadable, flat, history, is_number

_LARGEST = 64 << 20
"""Bytes of a JSON document that is read."""
_MANY = 200
"""Numbers in a document; more are data, not metrics."""
_PARAMETERS = regex(r"(^|[-_.])(params?|config|hparams|hyperparameters|args|options)\b")


def document(path: Path) -> Any:
    """The document.

    Raises:
        Unreadable: not JSON, or too large.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise Unreadable("a JSON document of more than 64 MiB")
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error


def read_document(path: Path, groups: Mapping[str, str]) -> Reading:
    """A document whose root is an object: its numbers are metrics, in a file named as parameters
    its values are parameters. A list of objects is a log.
    """
    value = document(path)
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return _log(value)
    if not isinstance(value, dict):
        raise Unreadable("its root is not an object")
    leaves = list(flat(value))
    if _PARAMETERS.search(groups.get("name", "").lower()):
        return _parameters(leaves)
    return _metrics(leaves)


def _parameters(leaves: list[tuple[str, Any]]) -> Reading:
    found = Reading()
    for name, leaf in leaves[:_MANY]:
        found.param(name, leaf)
    return found


def _metrics(leaves: list[tuple[str, Any]]) -> Reading:
    found = Reading()
    numbers = [(name, leaf) for name, leaf in leaves if is_number(leaf)]
    if len(numbers) > _MANY:
        raise Unreadable(f"{len(numbers)} numbers: data, not metrics")
    for name, leaf in numbers:
        found.metric(name, leaf)
    for name, leaf in leaves:
        if _is_log(leaf):
            found.update(_log(leaf), f"{name}.")
        elif _is_numbers(leaf):
            for step, number in enumerate(leaf):
                found.point(name, step, number)
    return found


def _is_log(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(is_number(item) for item in value)


def _log(rows: list[dict[str, Any]]) -> Reading:
    found = history(rows)
    if len(found.series) > _MANY:
        raise Unreadable(f"{len(found.series)} columns: data, not metrics")
    return found


def read_lines(path: Path, _: Mapping[str, str]) -> Reading:
    """JSON lines: a row for each step. A last line that is cut off is left out."""
    rows = []
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                if not line.endswith(b"\n"):
                    break
                raise Unreadable(f"line {number + 1} is not JSON") from error
            if not isinstance(row, dict):
                raise Unreadable(f"line {number + 1} is not an object")
            rows.append(row)
    return _log(rows)


def read_trainer_state(path: Path, _: Mapping[str, str]) -> Reading:
    """Hugging Face's trainer_state.json: `log_history` has a row for each log, by global step."""
    value = document(path)
    rows = value.get("log_history") if isinstance(value, dict) else None
    if not isinstance(rows, list):
        raise Unreadable("no log_history")
    found = Reading()
    for row in rows:
        if isinstance(row, dict) and is_number(row.get("step")):
            for name, number in row.items():
                if name != "step":
                    found.point(name, row["step"], number)
    for name in ("best_metric", "total_flos", "num_train_epochs"):
        found.metric(name, value.get(name))
    return found


def read_wandb_file(path: Path, groups: Mapping[str, str]) -> Reading:
    """The summary that W&B writes next to its log, without W&B's own names; wandb-metadata.json is
    about the machine.
    """
    found = Reading()
    value = document(path) if groups["file"] == "summary" else {}
    for name, leaf in flat(value) if isinstance(value, dict) else ():
        if not name.startswith("_"):
            found.metric(name, leaf)
    return found


def read_sacred(path: Path, groups: Mapping[str, str]) -> Reading:
    """Sacred's FileStorageObserver: config.json, metrics.json, and the result in run.json."""
    value = document(path)
    if not isinstance(value, dict):
        raise Unreadable("its root is not an object")
    found = Reading()
    if groups["file"] == "config":
        for name, leaf in flat(value):
            found.param(name, leaf)
    elif groups["file"] == "run":
        for name, leaf in flat({"result": value.get("result")}):
            found.metric(name, leaf)
    elif not all(isinstance(series, dict) and "steps" in series for series in value.values()):
        return read_document(path, {"name": groups["file"]})
    else:
        for name, series in value.items():
            pairs = series if isinstance(series, dict) else {}
            points = zip(pairs.get("steps") or (), pairs.get("values") or (), strict=False)
            for step, number in points:
                found.point(name, step if is_number(step) else 0, number)
    return found
