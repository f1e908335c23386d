"""What is done with runs that are recorded already, without a container: verdicts, statements in
the forms of others.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harness_runs import a_record, an_intent, an_output

from reprobox.cli.messages import Talk
from reprobox.commands import attest
from reprobox.commands.shared import comparison, forecast
from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.kit import proc
from reprobox.model.forecast import Forecast
from reprobox.model.outcome import OutputFile
from reprobox.model.verdict import Class, Verdict
from reprobox.store.output_manifest import outputs_manifest

HEAD = b'{"every": 1, "format": "reprobox.trail/1", "process": "1"}\n'


@pytest.fixture
def context(tmp_path: Path) -> Context:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"]
    for words in (["init", "-q"], [*who, "commit", "-q", "--allow-empty", "-m", "first"]):
        assert proc.run(["git", "-C", tmp_path, *words]).ok
    return Context(start=tmp_path, progress=Talk(quiet=True, color=False, debug=False))


def recorded(context: Context, data: bytes, trail: bytes) -> str:
    """A finished run with one output and a trail."""
    outputs: tuple[OutputFile, ...] = (an_output("model.bin", data),)
    intent = an_intent(context.runs.new_id())
    with context.runs.begin(intent, {"config.yaml": b""}) as run:
        run.started("f" * 64)
        run.outputs.mkdir()
        (run.outputs / "model.bin").write_bytes(data)
        (run.path / "trail.jsonl").write_bytes(trail)
        run.finish(a_record(intent, outputs), outputs_manifest(outputs))
    return intent.id


@pytest.mark.parametrize(
    "damage", [b"not JSON\n", b'{"format": "reprobox.trail/99"}\n', b'{"s": "x"}\n', b""]
)
def test_a_damaged_trail_costs_no_verdict(context: Context, damage: bytes) -> None:
    left, right = recorded(context, b"x", HEAD), recorded(context, b"y", damage)
    found = comparison.compare(context, left, right)
    assert [(file.path, file.state) for file in found.files] == [("model.bin", "different")]
    assert found.trail is not None
    assert found.trail.state == "not-checked"
    assert [
        note for note in found.notes if note.startswith("the trails were not compared: trail.jsonl")
    ]
    context.runs.add_verdict(right, found)
    assert context.runs.verdicts(right) == (found,)


def a_verdict(result: Any) -> Verdict:
    return Verdict(
        left="a",
        right="b",
        left_record="",
        right_record="",
        result=Class(result),
        files=(),
        exit_equal=True,
    )


@pytest.mark.parametrize(
    ("sameness", "result", "held", "line"),
    [
        ("same-bits", "identical", True, "the forecast held: the same bits"),
        ("same-bits", "equal-under-rule", True, "the forecast held: the same bits"),
        ("same-bits", "different", False, "the forecast did not hold: the same bits"),
        (
            "same-bits",
            "not-checked",
            None,
            "whether the forecast held was not checked: the same bits",
        ),
        ("numbers-may-differ", "identical", None, "no sameness was forecast: numbers may differ"),
        ("numbers-may-differ", "different", None, "no sameness was forecast: numbers may differ"),
        ("unknown", "different", None, "no sameness was forecast: nothing can be promised"),
    ],
)
def test_only_what_was_promised_can_fail_to_hold(
    sameness: Any, result: str, held: bool | None, line: str
) -> None:
    kept, note = forecast.judged(Forecast(sameness=sameness, reasons=("why",)), a_verdict(result))
    assert (kept, note) == (Forecast(sameness=sameness, reasons=("why",), held=held), line)


@pytest.mark.parametrize("kind", ["intoto", "cyclonedx", "crate"])
def test_a_statement_is_never_written_over_a_file(
    context: Context, tmp_path: Path, kind: str
) -> None:
    run, target, link = recorded(context, b"x", HEAD), tmp_path / "file", tmp_path / "link"
    target.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    for taken in (target, link):
        with pytest.raises(UsageError, match="is there already"):
            attest.export_format(context, run, kind, taken)
    assert (target.read_text(), link.is_symlink(), (tmp_path / "nowhere").exists()) == (
        "mine",
        True,
        False,
    )


def test_a_statement_takes_the_place_of_a_file_when_it_is_told_to(
    context: Context, tmp_path: Path
) -> None:
    run, target = recorded(context, b"x", HEAD), tmp_path / "file"
    target.write_text("mine")
    attest.export_format(context, run, "intoto", target, force=True)
    assert json.loads(target.read_text())["_type"] == "https://in-toto.io/Statement/v1"
