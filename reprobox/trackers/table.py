"""Which files are read, and by what. Adding a tracker is one module and one row."""

from __future__ import annotations

from reprobox.trackers import (
    databases,
    json_files,
    mlflow_store,
    optuna_study,
    tables,
    tensorboard,
    wandb_log,
    yaml_files,
)
from reprobox.trackers.reading import Tracker

TRACKERS = (
    Tracker(
        name="tensorboard",
        pattern=r"(?:^|/)(?P<run>(?:[^/]+/)*)events\.out\.tfevents\.[^/]*$",
        read=tensorboard.read_events,
        parts="follow",  # a program that was resumed, or asked for a second writer, begins a file
    ),
    Tracker(
        name="mlflow",
        pattern=r"(?:^|/)mlruns/[^/]+/(?P<run>[0-9a-f]{32})/(?P<kind>metrics|params)/(?P<key>.+)$",
        read=mlflow_store.read_file,
    ),
    Tracker(
        name="wandb",
        pattern=r"(?:^|/)(?P<run>[^/]*run-[^/]+)/run-[^/]+\.wandb$",
        read=wandb_log.read_log,
    ),
    Tracker(
        name="wandb-config",
        pattern=r"(?:^|/)(?P<run>[^/]*run-[^/]+)/files/config\.yaml$",
        read=yaml_files.read_wandb_config,
    ),
    Tracker(
        name="lightning",
        pattern=r"(?:^|/)lightning_logs/(?P<run>version_\d+)/(?P<name>metrics)\.csv$",
        read=tables.read_csv,
    ),
    Tracker(
        name="lightning-hparams",
        pattern=r"(?:^|/)(?P<run>version_\d+)/hparams\.yaml$",
        read=yaml_files.read_params,
    ),
    Tracker(
        name="sacred",
        pattern=r"(?:^|/)(?P<run>\d+)/(?P<file>config|metrics|run)\.json$",
        read=json_files.read_sacred,
    ),
    Tracker(
        name="hydra",
        pattern=r"(?:^|/)(?P<run>(?:[^/]+/)*)\.hydra/config\.yaml$",
        read=yaml_files.read_params,
    ),
    Tracker(
        name="dvclive-series",
        pattern=r"(?:^|/)plots/metrics/(?P<key>.+)\.tsv$",
        read=tables.read_dvclive_series,
    ),
    Tracker(
        name="dvclive-params",
        pattern=r"(?:^|/)dvclive/params\.yaml$",
        read=yaml_files.read_params,
    ),
    Tracker(
        name="transformers",
        pattern=r"^(?P<run>(?:[^/]+/)*?)(?:checkpoint-(?P<step>\d+)/)?trainer_state\.json$",
        read=json_files.read_trainer_state,
        parts="newest",  # every checkpoint has the whole history up to it
    ),
    Tracker(name="sqlite", pattern=r"\.(?:db|sqlite3?)$", read=databases.read_database),
    Tracker(
        name="json-lines", pattern=r"(?P<name>[^/]+)\.(?:jsonl|ndjson)$", read=json_files.read_lines
    ),
    Tracker(
        name="optuna-journal",
        pattern=r"(?:^|/)[^/]*(?:journal|optuna)[^/]*\.log$",
        read=optuna_study.read_journal,
        guessed=True,
    ),
    Tracker(
        name="wandb-files",
        pattern=r"(?:^|/)[^/]*run-[^/]+/files/wandb-(?P<file>summary|metadata)\.json$",
        read=json_files.read_wandb_file,
    ),
    Tracker(
        name="json",
        pattern=r"(?P<name>[^/]+)\.json$",
        read=json_files.read_document,
        guessed=True,
    ),
    Tracker(
        name="csv",
        pattern=r"(?P<name>[^/]+)\.(?:csv|tsv)$",
        read=tables.read_csv,
        guessed=True,
    ),
)
"""The first row whose pattern is found in a path reads it."""
