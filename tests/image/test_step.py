"""One step in a container: what the engine is asked, and what is left. The engine here is a
stand-in that runs nothing; test_bootstrap.py has a real one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from image_world import Talk

from reprobox.errors import ImageError
from reprobox.image import step
from reprobox.store.objects import ObjectStore


class Engine:
    def __init__(self, code: int, log: bytes = b"") -> None:
        self._ended = SimpleNamespace(code=code, log=log)
        self.asked: list[Any] = []
        self.removed: list[str] = []

    @contextlib.contextmanager
    def step(self, container: Any) -> Iterator[Any]:
        self.asked.append(container)
        yield self._ended

    def remove_image(self, reference: str) -> None:
        self.removed.append(reference)


def run(engine: Engine, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch, **said: Any) -> Any:
    monkeypatch.setattr(step, "send", lambda *_, **__: None)
    ports: dict[str, Any] = {"objects": objects, "engine": engine, "progress": Talk()}
    with step.run("apt", (), "true", epoch=7, platform="linux/amd64", **ports, **said) as done:
        return done


def test_the_script_runs_without_network_in_a_fixed_environment(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(0)
    assert run(engine, objects, monkeypatch).code == 0
    [asked] = engine.asked
    assert asked.argv == ("/bin/sh", "-euc", "true")
    assert asked.env["SOURCE_DATE_EPOCH"] == "7"
    assert (asked.network, asked.mounts, asked.user) == ("none", (), "0:0")
    assert engine.removed == [asked.image]


def test_an_end_that_is_an_answer_is_no_failure(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(Engine(3), objects, monkeypatch, may_end=(3,)).code == 3


def test_a_failure_has_the_end_of_its_log_and_leaves_no_image(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(2, b"x" * 5000 + b" dpkg: \xff no\n")
    with pytest.raises(ImageError, match="'apt' failed in the container with code 2") as caught:
        run(engine, objects, monkeypatch)
    assert caught.value.why.endswith("dpkg: \ufffd no")
    assert len(caught.value.why) <= 2000
    assert len(engine.removed) == 1
