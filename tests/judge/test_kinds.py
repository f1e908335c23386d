"""What ordinary projects leave, run twice: never *different*, with at most one line of config.

The programs write the files as the named tools do (names, keys and clocks as seen in files of the
tools themselves); examples/tools runs the tools.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tracker_runs import twice, verdict

from reprobox.config import rule_text
from reprobox.model.verdict import Class

CATBOOST = """
import json, os, time
begun = time.time()
os.makedirs("catboost_info/learn")
time.sleep(0.01)
with open("catboost_info/time_left.tsv", "w") as file:
    file.write("iter\\tPassed\\tRemaining\\n")
    for step in range(3):
        file.write(f"{step}\\t{(time.time() - begun) * 1000:.0f}\\t{time.time() - begun:.6f}\\n")
rows = [{"learn": [1 / (step + 1)], "iteration": step, "passed_time": time.time() - begun,
    "remaining_time": 0.1 * (time.time() - begun)} for step in range(3)]
meta = {"launch_mode": "Train", "iteration_count": 3, "learn_metrics": [{"best_value": "Min", "name": "RMSE"}]}
json.dump({"meta": meta, "iterations": rows}, open("catboost_info/catboost_training.json", "w"))
open("catboost_info/learn_error.tsv", "w").write("iter\\tRMSE\\n0\\t1\\n1\\t0.5\\n")
open("model.cbm", "wb").write(b"CBM1" + bytes(64))
"""
KERAS = """
import datetime, json, zipfile
now = datetime.datetime.now()
with zipfile.ZipFile("model.keras", "w") as file:
    file.writestr(zipfile.ZipInfo("metadata.json", now.timetuple()[:6]),
        json.dumps({"keras_version": "3.9.0", "date_saved": f"{now:%Y-%m-%d@%H:%M:%S}"}))
    file.writestr(zipfile.ZipInfo("config.json", now.timetuple()[:6]), json.dumps({"layers": [1, 2]}))
"""
GENSIM = """
import datetime, pickle
event = {"params": "Word2Vec<vocab=0>", "datetime": datetime.datetime.now().isoformat(), "event": "created"}
pickle.dump({"vectors": [0.5, 0.25], "lifecycle_events": [event]}, open("vectors.pkl", "wb"))
"""
NOTEBOOK = """
import datetime, json
def stamp():
    return datetime.datetime.now(datetime.UTC).isoformat()
cell = {"cell_type": "code", "id": "ab12cd34", "execution_count": 1, "source": ["1 + 1"],
    "metadata": {"execution": {"iopub.execute_input": stamp(), "iopub.status.idle": stamp()}},
    "outputs": [{"output_type": "execute_result", "execution_count": 1, "metadata": {},
        "data": {"text/plain": ["2"]}}]}
json.dump({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, open("done.ipynb", "w"))
"""
ARVIZ = """
import datetime, h5py, numpy
with h5py.File("trace.nc", "w") as file:
    group = file.create_group("posterior")
    group.attrs["created_at"] = datetime.datetime.now(datetime.UTC).isoformat()
    group.attrs["sampling_time"] = 1.5 + datetime.datetime.now().microsecond / 1e6
    group.create_dataset("mu", data=numpy.arange(8.0))
"""
OPTUNA = """
import datetime, sqlite3
with sqlite3.connect("study.db") as base:
    base.execute("create table trials (trial_id integer primary key, number integer, datetime_start text, datetime_complete text)")
    base.execute("create table trial_values (trial_id integer, value real)")
    for number in range(3):
        now = datetime.datetime.now().isoformat(" ")
        base.execute("insert into trials values (?, ?, ?, ?)", (number + 1, number, now, now))
        base.execute("insert into trial_values values (?, ?)", (number + 1, 1 / (number + 1)))
base.close()
"""
NANOGPT = """
import json, os, pickle, time
out = f"out-{time.strftime('%Y-%m-%d_%H-%M-%S')}"
os.makedirs(out)
pickle.dump({"model": [0.5] * 8, "iter_num": 20, "best_val_loss": 1.5}, open(f"{out}/ckpt.pkl", "wb"))
begun = time.time()
time.sleep(0.01)
with open(f"{out}/log.jsonl", "w") as file:
    for step in range(3):
        file.write(json.dumps({"iter": step, "loss": 1 / (step + 1), "dt_ms": (time.time() - begun) * 1e3}) + "\\n")
"""
TEMPLATE = """
import csv, logging, os, time
logging.basicConfig(filename="train.log", format="%(asctime)s %(levelname)s %(message)s", level="INFO")
logging.info("epoch 1 loss 0.5")
logging.info("epoch 2 loss 0.25")
with open("metrics.csv", "w", newline="") as file:
    csv.writer(file).writerows([["epoch", "loss"], [1, 0.5], [2, 0.25]])
open("model.pkl", "wb").write(bytes(range(64)))
"""


@pytest.mark.parametrize(
    ("program", "rule", "result"),
    [
        (CATBOOST, "catboost", Class.EQUAL_UNDER_RULE),
        (KERAS, "*.keras: except-times", Class.EQUAL_UNDER_RULE),
        (GENSIM, "*.pkl: except-times", Class.EQUAL_UNDER_RULE),
        (NOTEBOOK, "*.ipynb: except-times", Class.EQUAL_UNDER_RULE),
        (ARVIZ, "*.nc: except-times", Class.EQUAL_UNDER_RULE),
        (OPTUNA, "study.db: except-times", Class.EQUAL_UNDER_RULE),
        (NANOGPT, "log.jsonl: except-times", Class.EQUAL_UNDER_RULE),
        (TEMPLATE, "*.log: except-times", Class.EQUAL_UNDER_RULE),
    ],
    ids=["catboost", "keras", "gensim", "notebook", "pymc", "optuna", "nanogpt", "template"],
)
def test_one_line_of_config_is_enough(
    tmp_path: Path, program: str, rule: str, result: Class
) -> None:
    pair = twice(tmp_path, program, Path(sys.executable))
    assert verdict(pair.judged([])) is not Class.IDENTICAL
    own = rule_text.given((rule,), ()) if ": " in rule else ()
    found = pair.judged([] if own else [rule], own)
    telling = {
        file.path: (file.state, file.detail) for file in found if not file.state.implies.same
    }
    assert verdict(found) is result, telling
