"""Kinds that one setting has: command, base, inputs, outputs, trail, timeout, requirements."""

from __future__ import annotations

from typing import Any

import pytest
from config_sections import Read

from reprobox.config import special_kinds as kinds
from reprobox.config.settings import OUTPUT, TRAIL
from reprobox.model.spec import STDOUT, BaseIntent, InputIntent, OutputRule, Trail


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("python 'my train.py' ${lr}", ("python", "my train.py", "0.1")),
        (["python", 1, "${lr}x"], ("python", "1", "0.1x")),
        ("python '", ()),
        ("x ${absent}", None),
        ([], None),
        ("", None),
        ({"a": 1}, None),
    ],
)
def test_a_command_is_split_before_values_are_filled_in(value: Any, found: Any) -> None:
    read = Read({"x": value})
    assert read.by(kinds.Command()) == found
    assert bool(read.faults()) is (not found)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("debian:bookworm", BaseIntent(kind="debian", reference="bookworm")),
        ("python:3.11-slim", BaseIntent(kind="registry", reference="python:3.11-slim")),
        ({"image": "a"}, BaseIntent(kind="registry", reference="a")),
        (
            {"dockerfile": "D", "context": "c"},
            BaseIntent(kind="dockerfile", reference="D", context="c"),
        ),
        ({"archive": "a.tar"}, BaseIntent(kind="archive", reference="a.tar")),
        ({"image": "a", "archive": "b"}, None),
        ({"image": "a", "context": "b"}, None),
        ({}, None),
        (["a"], None),
    ],
)
def test_where_an_image_comes_from(value: Any, found: BaseIntent | None) -> None:
    read = Read({"x": value})
    assert read.by(kinds.Base()) == found
    assert bool(read.faults()) is (found is None)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("data", [InputIntent(path="../conf/data", source="conf/data")]),
        (["/srv/x"], [InputIntent(path="/srv/x", source="/srv/x")]),
        ({"in": "../d"}, [InputIntent(path="in", source="d")]),
        ({"/data/./x": "~/d"}, [InputIntent(path="/data/x", source="~/d")]),
        ({"../../x": "d"}, []),
        ("~/d", []),
    ],
)
def test_inputs_on_the_host_and_in_the_run(value: Any, found: list[InputIntent]) -> None:
    read = Read({"x": value})
    read.scope.values["workdir"] = "code"
    assert list(read.by(kinds.Inputs())) == found
    assert bool(read.faults()) is (not found)


@pytest.mark.parametrize(
    ("value", "rule", "fault"),
    [
        ({"a": "ignore"}, OutputRule(pattern="a", compare="ignore"), None),
        ({"a": None}, OutputRule(pattern="a"), None),
        (
            {"a": {"compare": "tensors", "ulp": 2}},
            OutputRule(pattern="a", compare="tensors", ulp=2),
            None,
        ),
        ({"a": "tensor"}, OutputRule(pattern="a"), "tensors"),
        ({STDOUT: "tensors"}, OutputRule(pattern=STDOUT), "one of bytes, ignore"),
        ({"a": {"ulp": 2}}, OutputRule(pattern="a", ulp=2), "a tolerance needs compare"),
    ],
)
def test_rules_of_outputs(value: Any, rule: OutputRule, fault: str | None) -> None:
    read = Read({"x": value})
    [found] = read.by(kinds.Outputs(OUTPUT))
    assert (found.pattern, found.compare) == (rule.pattern, rule.compare)
    assert (found.ulp or 0) == (rule.ulp or 0)
    assert [fault in one for one in read.faults()] == ([True] if fault else [])


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (True, (Trail(enabled=True), ())),
        (False, (Trail(enabled=False), ())),
        ({"every": 3}, (Trail(enabled=True, every=3), ())),
        (3, None),
    ],
)
def test_what_a_trail_holds(value: Any, found: Any) -> None:
    read = Read({"x": value})
    assert read.by(kinds.TrailKind(TRAIL)) == found
    assert bool(read.faults()) is (found is None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(90, 90), ("1h30m", 5400), ("250ms", 0.25), ("soon", None), (True, None), (0, None)],
)
def test_durations(value: Any, seconds: float | None) -> None:
    read = Read({"x": value})
    assert read.by(kinds.Duration()) == seconds
    assert bool(read.faults()) is (seconds is None)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (
            ["numpy", {"file": "pyproject.toml", "extras": "gpu", "groups": ["dev", "test"]}],
            ("numpy", "pyproject.toml[gpu]{dev,test}"),
        ),
        ("numpy>=1", ("numpy>=1",)),
        ({"file": "r.txt"}, ("r.txt",)),
        ({"file": "r.txt", "extra": "gpu"}, ()),
        ([{"file": "a", "extras": ["x]"]}], ()),
    ],
)
def test_requirements_name_a_file_with_its_extras_and_groups(value: Any, found: Any) -> None:
    read = Read({"x": value})
    assert read.by(kinds.Requirements(str)) == found
    assert bool(read.faults()) is (not found)


def test_a_variable_may_not_contradict_a_setting() -> None:
    read = Read({})
    read.scope.values["threads"] = 4
    assert kinds.variable("OMP_NUM_THREADS", "4", read.scope) == "4"
    with pytest.raises(ValueError, match="threads is 4"):
        kinds.variable("OMP_NUM_THREADS", "2", read.scope)
    with pytest.raises(ValueError, match="reprobox's own"):
        kinds.variable("REPROBOX_SEED", "1", read.scope)


def test_presets_are_those_that_there_are() -> None:
    assert kinds.preset("mlflow") == "mlflow"
    with pytest.raises(ValueError, match=r"expected .*mlflow"):
        kinds.preset("mlfow")


def test_a_lock_and_a_working_directory_that_are_not_named_are_beside_the_config() -> None:
    scope = Read({}).scope
    assert kinds.lock_default(scope) == "conf/reprobox.lock"
    assert kinds.workdir_default(scope) == "conf"
