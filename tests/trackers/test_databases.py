"""Databases of trackers: Optuna's."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from tracker_values import numbers, series, values_of, write


def test_optuna(written: Path) -> None:
    found = values_of(written / "optuna")
    assert numbers(found)["trials"] == 4
    best = numbers(found)["best_value"]
    assert best == max(value for _, value in series(found)["value"])
    assert numbers(found, "param")["best.x"] == best


JOURNAL = """\
{"op_code":0,"worker_id":"w","study_name":"search","directions":[2]}
{"op_code":4,"worker_id":"w","study_id":0,"datetime_start":"2026-11-28T04:34:45.338366+00:00"}
{"op_code":5,"worker_id":"w","trial_id":0,"param_name":"x","param_value_internal":0.5,\
"distribution":"{\\"name\\": \\"FloatDistribution\\", \\"attributes\\": {\\"low\\": 0.0}}"}
{"op_code":5,"worker_id":"w","trial_id":0,"param_name":"model","param_value_internal":1,\
"distribution":"{\\"name\\": \\"CategoricalDistribution\\", \\"attributes\\": \
{\\"choices\\": [\\"mlp\\", \\"cnn\\"]}}"}
{"op_code":6,"worker_id":"w","trial_id":0,"state":1,"values":[2.5]}
{"op_code":4,"worker_id":"w","study_id":0}
{"op_code":6,"worker_id":"w","trial_id":1,"state":2,"values":null}
{"op_code":4,"worker_id":"w","study_id":0}
{"op_code":6,"worker_id":"w","trial_id":2,"state":1,"values":[1.5]}
{"op_code":6,"wor"""


"""As Optuna 5.0 writes it (shortened), with a line that a kill cut off."""


def test_a_journal_of_optuna(tmp_path: Path) -> None:
    write(tmp_path, {"optuna_journal_storage.log": JOURNAL, "journal.log": "my own notes\n"})
    found = values_of(tmp_path)
    assert numbers(found) == {"value": 1.5, "best_value": 2.5, "trials": 2}
    assert series(found)["value"] == ((0, 2.5), (2, 1.5))
    assert numbers(found, "param") == {"best.x": 0.5, "best.model": "cnn"}
    assert found.faults == ()


def test_a_choice_in_a_storage_of_optuna_is_what_was_chosen(tmp_path: Path, written: Path) -> None:
    place = tmp_path / "optuna.db"
    place.write_bytes((written / "optuna" / "optuna.db").read_bytes())
    choices = '{"name": "CategoricalDistribution", "attributes": {"choices": ["mlp", "cnn"]}}'
    with contextlib.closing(sqlite3.connect(place)) as database, database:
        database.execute(
            "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) "
            "SELECT trial_id, 'model', 1.0, ? FROM trials",
            (choices,),
        )
    assert numbers(values_of(tmp_path), "param")["best.model"] == "cnn"
