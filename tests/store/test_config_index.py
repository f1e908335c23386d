"""Runs found by what their config says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness_runs import NOW, a_record, an_intent

from reprobox.store.config_index import Setting
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.runs import Runs


def test_runs_are_found_by_what_their_config_says(runs: Runs) -> None:
    configs: list[dict[str, Any]] = [
        {"lr": 0.1, "model": {"width": 64, "a.b": [1.0, 2]}, "name": "x\ny=1", "debug": "no"},
        {"lr": 0.1, "model": {"width": 64.0, "a.b": []}, "y": 1, "none": None, "empty": {}},
        {"lr": "0.1", "model": 5, "é": True},
    ]
    made = []
    for number, config in enumerate(configs):
        intent = replace(an_intent(now=NOW + number), config=config)
        with runs.begin(intent, {}) as run:
            if number != 1:  # a run without a record has a config too
                run.finish(a_record(intent), outputs_manifest(()))
        made.append(intent.id)

    def found(*wanted: tuple[tuple[str, ...], Any]) -> list[int]:
        settings = [Setting(key=key, values=(value,)) for key, value in wanted]
        return sorted(made.index(row.id) for row in runs.list(settings=settings))

    assert found((("lr",), 0.1)) == [0, 1]
    assert found((("lr",), "0.1")) == [2]
    assert found((("model", "width"), 64)) == [0, 1]
    assert found((("model", "a.b"), [1, 2.0])) == [0]
    assert found((("lr",), 0.1), (("y",), 1)) == [1]
    assert found((("y",), True)) == []
    assert found((("none",), None)) == [1]
    assert found((("empty",), {})) == [1]
    assert found((("model",), 5)) == [2]
    assert found((("é",), True)) == [2]
    assert found((("model", "width"), 6)) == []
    (row,) = runs.list(settings=[Setting(key=("lr",), values=(5, "0.1"))], limit=1)
    assert row.id == made[2]
    runs.remove(made[0])
    later = replace(an_intent(now=NOW + 9), config={"lr": 0.1})
    with runs.begin(later, {}):
        assert [row.id for row in runs.list(settings=[Setting(key=("lr",), values=(0.1,))])] == [
            later.id,
            made[1],
        ]
