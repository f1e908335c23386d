"""Devices side by side, in one sentence."""

from __future__ import annotations

import pytest

from reprobox.commands.check_hardware import Examined, Odd
from reprobox.model.verdict import Class, TrailComparison
from reprobox.views import check_hardware as view

DEVICES = ("CPU 0", "CPU 1", "CPU 2")
ODD = Odd(
    device="CPU 2",
    stable=True,
    trail=TrailComparison(state="different", step=2, kind="parameters", tensors=("w",)),
)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            Examined(result=Class.IDENTICAL, devices=DEVICES),
            "hardware: 3 devices give the same bits: CPU 0, CPU 1, CPU 2",
        ),
        (
            Examined(result=Class.DIFFERENT, devices=DEVICES, odd=(ODD,)),
            "hardware: of 3 devices, CPU 2 gave different bits",
        ),
        (
            Examined(result=Class.DIFFERENT, devices=DEVICES, why="none has a majority"),
            "hardware: 3 devices do not agree",
        ),
        (Examined(result=Class.NOT_CHECKED, devices=DEVICES), "hardware: not checked"),
    ],
)
def test_the_sentence(found: Examined, sentence: str) -> None:
    assert view.sentence(found) == sentence
    assert view.sections(found)[-1].blocks[0].text == sentence


def test_json_has_the_sentence_of_each_odd_device() -> None:
    found = view.as_json(Examined(result=Class.DIFFERENT, devices=DEVICES, odd=(ODD,)))
    assert (found["same"], found["result"]) == (False, "different")
    (odd,) = found["odd"]
    assert odd["sentence"] == "CPU 2 gives the same other bits twice: step 2, parameters w"
