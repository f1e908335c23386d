"""SQLite databases of MLflow and Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reprobox.kit import read_only_sqlite
from reprobox.kit.read_only_sqlite import Database
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
    """One run's names stand as they are; with several each name stands below its run's name."""
    runs = dict(database.rows("SELECT run_uuid, COALESCE(name, run_uuid) FROM runs"))
    found = Reading()
    prefix = {run: "" if len(runs) == 1 else f"{name}/" for run, name in runs.items()}
    for run, key, step, value in database.rows(
        "SELECT run_uuid, key, step, value FROM metrics ORDER BY run_uuid, key, step, timestamp",
        limit=_MANY,
    ):
        found.point(prefix.get(run, "") + key, step or 0, value)
    for run, key, value in database.rows("SELECT run_uuid, key, value FROM params", limit=_MANY):
        found.param(prefix.get(run, "") + key, _scalar(value))
    return found


def _optuna(database: Database) -> Reading:
    """Values by trial as a series, the best of each study as a metric, its parameters as such."""
    found = Reading()
    studies = dict(database.rows("SELECT study_id, study_name FROM studies"))
    maximize = {
        study
        for study, direction in database.rows("SELECT study_id, direction FROM study_directions")
        if direction == "MAXIMIZE"
    }
    for study, name in studies.items():
        prefix = "" if len(studies) == 1 else f"{name}/"
        best: tuple[float, int] | None = None
        for trial, number, value in database.rows(
            "SELECT t.trial_id, t.number, v.value FROM trials t JOIN trial_values v "
            "ON v.trial_id = t.trial_id WHERE t.study_id = ? AND t.state = 'COMPLETE' "
            "AND v.objective = 0 AND v.value IS NOT NULL ORDER BY t.number",
            (study,),
        ):
            found.point(f"{prefix}value", number, value)
            score = value if study in maximize else -value
            best = max(best or (score, trial), (score, trial), key=lambda pair: pair[0])
        if best is not None:
            found.metric(f"{prefix}best_value", best[0] if study in maximize else -best[0])
            for name_, value in database.rows(
                "SELECT param_name, param_value FROM trial_params WHERE trial_id = ?", (best[1],)
            ):
                found.param(f"{prefix}best.{name_}", value)
        found.metric(f"{prefix}trials", len(found.series.get(f"{prefix}value", ())))
    return found


def _scalar(text: str) -> float | str:
    try:
        return float(text)
    except (TypeError, ValueError):
        return str(text)
