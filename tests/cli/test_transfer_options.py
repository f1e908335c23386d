"""What export, import, push and pull have in common: the plan that --dry-run shows."""

from __future__ import annotations

import json

import pytest

from reprobox.cli.command_table import COMMANDS, load
from reprobox.cli.messages import Talk
from reprobox.cli.transfer_options import _do, _look
from reprobox.store.transfer.copy import Blob, Card, Plan

BLOB = Blob(role="outputs", digest="sha256:" + "a" * 64, size=7)
CARD = Card(
    id="20261120-153012-brave-otter-3f9c",
    record="sha256:" + "b" * 64,
    commit="c" * 40,
    members=(),
    blobs=(BLOB,),
)
PLAN = Plan(cards=(CARD,), wanted={BLOB.digest: BLOB.size})


def test_a_plan_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    talk = Talk()
    _do(lambda: _look(talk, "exporting", True)(PLAN), talk, True, images=[])
    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "dry_run": True,
        "runs": [CARD.id],
        "blobs": 1,
        "size": 7,
        "size_by_part": {"outputs": 7},
        "images": [],
    }
    assert said.err == "exporting 1 run, 1 blob, 7 B: outputs 7 B\n"


def test_without_json_a_plan_is_a_line_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    talk = Talk()
    _do(lambda: _look(talk, "exporting", True)(PLAN), talk, False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "word"),
    [("export", "sent"), ("push", "sent"), ("import", "received"), ("pull", "received")],
)
def test_help_names_the_direction(name: str, word: str) -> None:
    command = load(next(row for row in COMMANDS if row.name == name))
    (dry,) = [param for param in command.params if "--dry-run" in param.opts]
    assert getattr(dry, "help", "") == f"Only show what would be {word}."
