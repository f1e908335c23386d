"""Studies of Optuna, from either of its storages: values by trial, and the best trial."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.trackers.reading import Reading, Unreadable, is_number

_CREATE_STUDY, _DELETE_STUDY, _CREATE_TRIAL, _SET_PARAM, _SET_STATE = 0, 1, 4, 5, 6
"""Operations of a journal (optuna.storages.journal, JournalOperation)."""
_COMPLETE, _MAXIMIZE = 1, 2
"""TrialState and StudyDirection, as a journal writes them."""


@dataclass
class Trial:
    """A trial; `value` is None until it is complete."""

    number: int
    value: float | None = None
    params: dict[str, Any] = field(default_factory=dict)


@dataclass
class Study:
    """A study and its trials by number. Of several objectives the first is read."""

    name: str
    maximize: bool
    trials: list[Trial] = field(default_factory=list)


def reading(studies: Sequence[Study]) -> Reading:
    """Values by trial as a series, the best of each study as a metric, its parameters as such."""
    found = Reading()
    for study in studies:
        prefix = "" if len(studies) == 1 else f"{study.name}/"
        done = [one for one in study.trials if one.value is not None]
        for trial in done:
            found.point(f"{prefix}value", trial.number, trial.value)
        if done:
            best = (max if study.maximize else min)(done, key=lambda one: one.value or 0.0)
            found.metric(f"{prefix}best_value", best.value)
            for name, value in best.params.items():
                found.param(f"{prefix}best.{name}", value)
        found.metric(f"{prefix}trials", len(done))
    return found


def param(internal: Any, distribution: str) -> Any:
    """A parameter as the program got it: storages keep the number of a choice."""
    try:
        known = json.loads(distribution)
        if known["name"] == "CategoricalDistribution":
            return known["attributes"]["choices"][int(internal)]
    except (ValueError, KeyError, TypeError, IndexError):
        return internal
    return internal


def read_journal(path: Path, _: Mapping[str, str]) -> Reading:
    """A journal file: an operation a line. A last line that is cut off is left out."""
    studies: dict[int, Study] = {}
    trials: list[Trial] = []
    for line in _operations(path):
        operation = line.get("op_code")
        if operation == _CREATE_STUDY:
            directions = line.get("directions") or [0]
            name = str(line.get("study_name"))
            studies[len(studies)] = Study(name=name, maximize=directions[0] == _MAXIMIZE)
        elif operation == _DELETE_STUDY and line.get("study_id") in studies:
            studies[line["study_id"]].trials.clear()
        elif operation == _CREATE_TRIAL and (study := studies.get(line.get("study_id", -1))):
            trial = Trial(number=len(study.trials))
            study.trials.append(trial)
            trials.append(trial)
            _begun(trial, line)
        elif operation in (_SET_PARAM, _SET_STATE):
            trial = _of(trials, line)
            _changed(trial, line) if operation == _SET_PARAM else _ended(trial, line)
    if not studies:
        raise Unreadable("not a journal of Optuna")
    return reading([study for study in studies.values() if study.trials or len(studies) == 1])


def _operations(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            try:
                found = json.loads(line)
            except (ValueError, RecursionError) as error:
                if not line.endswith(b"\n"):
                    return
                raise Unreadable("not a journal of Optuna") from error
            if not isinstance(found, dict) or not isinstance(found.get("op_code"), int):
                raise Unreadable("not a journal of Optuna")
            yield found


def _of(trials: Sequence[Trial], line: Mapping[str, Any]) -> Trial:
    number = line.get("trial_id")
    if not isinstance(number, int) or not 0 <= number < len(trials):
        raise Unreadable("a journal of Optuna that names a trial it does not have")
    return trials[number]


def _begun(trial: Trial, line: Mapping[str, Any]) -> None:
    """A trial that was added as a whole has its parameters and values at once."""
    distributions = line.get("distributions") or {}
    for name, value in (line.get("params") or {}).items():
        trial.params[name] = param(value, str(distributions.get(name)))
    if "values" not in line and "value" in line:
        line = {**line, "values": [line["value"]]}
    _ended(trial, line)


def _changed(trial: Trial, line: Mapping[str, Any]) -> None:
    value, kind = line.get("param_value_internal"), str(line.get("distribution"))
    trial.params[str(line.get("param_name"))] = param(value, kind)


def _ended(trial: Trial, line: Mapping[str, Any]) -> None:
    values = line.get("values") or []
    if line.get("state") == _COMPLETE and values and is_number(values[0]):
        trial.value = float(values[0])
