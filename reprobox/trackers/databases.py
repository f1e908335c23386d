"""SQLite databases of MLflow and Optuna."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path

from reprobox.kit import read_only_sqlite
from reprobox.kit.read_only_sqlite import Database
from reprobox.trackers import optuna_study
from reprobox.trackers.optuna_study import Study, Trial
from reprobox.trackers.reading import Reading, Unreadable

_MANY = 200_000


def read_database(path: Path, _: Mapping[str, str]) -> Reading:
    """A tracking store of MLflow, or a storage of Optuna, by its tables."""
    try:
        with read_only_sqlite.opened(path) as database:
            tables = database.tables()
            if {"runs", "latest_metrics", "params"} <= tables:
                return _mlflow(database)
            if {"studies", "trials", "trial_values"} <= tables:
                return _optuna(database)
    except read_only_sqlite.Unreadable as error:
        raise Unreadable(str(error)) from error
    raise Unreadable("a database of neither MLflow nor Optuna")


def _mlflow(database: Database) -> Reading:
    """One run's names stand as they are; with several each name stands below its run's name. Runs
    that were deleted are left out.
    """
    runs = dict(
        database.rows(
            "SELECT run_uuid, COALESCE(name, run_uuid) FROM runs "
            "WHERE COALESCE(lifecycle_stage, 'active') != 'deleted'"
        )
    )
    found = Reading()
    prefix = {run: "" if len(runs) == 1 else f"{name}/" for run, name in runs.items()}
    for run, key, step, value, is_nan in database.rows(
        "SELECT run_uuid, key, step, value, is_nan FROM metrics "
        "ORDER BY run_uuid, key, step, timestamp",
        limit=_MANY,
    ):
        if run in prefix:
            found.point(prefix[run] + key, step or 0, _number(value, is_nan))
    for run, key, value in database.rows("SELECT run_uuid, key, value FROM params", limit=_MANY):
        if run in prefix:
            found.param(prefix[run] + key, _scalar(value))
    return found


def _number(value: float, is_nan: int) -> float:
    """What was logged: MLflow writes 0 and a mark for NaN, and the largest double for infinity."""
    if is_nan:
        return math.nan
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value


def _optuna(database: Database) -> Reading:
    directions = database.rows("SELECT study_id, direction FROM study_directions")
    maximize = {study for study, direction in directions if direction == "MAXIMIZE"}
    studies = [
        Study(name=name, maximize=study in maximize, trials=_trials(database, study))
        for study, name in list(database.rows("SELECT study_id, study_name FROM studies"))
    ]
    return optuna_study.reading(studies)


def _trials(database: Database, study: int) -> list[Trial]:
    """The complete ones."""
    rows = database.rows(
        "SELECT t.trial_id, t.number, v.value FROM trials t JOIN trial_values v "
        "ON v.trial_id = t.trial_id WHERE t.study_id = ? AND t.state = 'COMPLETE' "
        "AND v.objective = 0 AND v.value IS NOT NULL ORDER BY t.number",
        (study,),
    )
    found = {trial: Trial(number=number, value=value) for trial, number, value in rows}
    for trial, name, value, kind in database.rows(
        "SELECT p.trial_id, p.param_name, p.param_value, p.distribution_json FROM trial_params p "
        "JOIN trials t ON t.trial_id = p.trial_id WHERE t.study_id = ?",
        (study,),
    ):
        if trial in found:
            found[trial].params[name] = optuna_study.param(value, str(kind))
    return list(found.values())


def _scalar(text: str) -> float | str:
    try:
        return float(text)
    except (TypeError, ValueError):
        return str(text)
