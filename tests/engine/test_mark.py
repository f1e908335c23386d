"""The volume that marks an engine. The engine here is a stand-in for what answers at `Link`."""

from __future__ import annotations

from typing import Any

import pytest

from reprobox.engine import mark
from reprobox.engine.socket_client import RefusedError
from reprobox.errors import EngineError, EngineUnavailable


class Answers:
    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.asked: list[tuple[str, str, Any]] = []

    def ask(self, method: str, path: str, *, body: Any = None) -> Any:
        self.asked.append((method, path, body))
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("volume", "found"),
    [({"Labels": {mark.LABEL: "ab12"}}, "ab12"), ({"Labels": None}, ""), ({}, "")],
)
def test_the_label_is_the_mark(volume: Any, found: str) -> None:
    assert mark.read(Answers(volume)) == found  # type: ignore[arg-type]


def test_an_engine_without_the_volume_has_none_and_other_refusals_are_errors() -> None:
    assert mark.read(Answers(RefusedError(404, "no such volume"))) == ""  # type: ignore[arg-type]
    with pytest.raises(EngineError, match=r"forbidden|marks this engine"):
        mark.read(Answers(RefusedError(403, "forbidden")))  # type: ignore[arg-type]


def test_one_is_made_with_random_text_and_the_engine_s_answer_counts() -> None:
    engine = Answers({"Labels": {mark.LABEL: "the first caller's"}})
    assert mark.make(engine) == "the first caller's"  # type: ignore[arg-type]
    mark.make(engine)  # type: ignore[arg-type]
    drawn = [body["Labels"][mark.LABEL] for _, _, body in engine.asked]
    assert len(set(drawn)) == 2
    assert {len(one) for one in drawn} == {32}


def test_an_engine_that_makes_no_volumes_has_no_mark() -> None:
    assert mark.make(Answers(EngineError("no"))) == ""  # type: ignore[arg-type]
    with pytest.raises(EngineUnavailable):
        mark.read(Answers(EngineUnavailable("gone")))  # type: ignore[arg-type]
