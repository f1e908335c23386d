"""A restart, in one sentence."""

from __future__ import annotations

import pytest

from reprobox.commands.check_resume import Restarted
from reprobox.judge.restart import Unrestored
from reprobox.model.verdict import Class
from reprobox.views import check_resume as view

LOST = Unrestored(kind="optimizer state", step=5, names=("exp_avg",), differ=1)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (Restarted(result=Class.NOT_CHECKED, step=4, total=9, why="x"), "restart: not checked"),
        (
            Restarted(result=Class.DIFFERENT, step=4, total=9),
            "restart: the resumed run differs from the uninterrupted one",
        ),
        (
            Restarted(result=Class.IDENTICAL, step=4, total=9, after=3, compared=6),
            (
                "restart: preempted after step 4, continued after step 3; the remaining 6 steps and "
                "the outputs are the same"
            ),
        ),
        (
            Restarted(result=Class.DIFFERENT, step=4, total=9, after=4, unrestored=(LOST, LOST)),
            (
                "restart: preempted after step 4, continued after step 4; not restored: "
                "optimizer state"
            ),
        ),
        (
            Restarted(result=Class.DIFFERENT, step=4, total=9, after=4),
            (
                "restart: preempted after step 4, continued after step 4; all state was restored, "
                "and outputs differ"
            ),
        ),
    ],
)
def test_the_sentence(found: Restarted, sentence: str) -> None:
    assert view.sentence(found) == sentence
    assert view.sections(found)[-1].blocks[0].text == sentence


def test_what_the_preempted_run_left_is_named() -> None:
    found = Restarted(result=Class.IDENTICAL, step=1, total=2, after=1, leftovers=("ckpt.pt",))
    lines = [line.text for line in view.sections(found)[0].blocks]
    assert lines == ["left by the preempted run, not compared: ckpt.pt"]
