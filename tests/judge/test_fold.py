"""The verdict on two runs: outputs, stdout, and how both ended."""

from __future__ import annotations

import pytest
from harness_runs import an_output
from sides import side

from reprobox.judge.fold import NOTHING
from reprobox.judge.output_files import compare
from reprobox.kit import canon
from reprobox.model.outcome import Exit
from reprobox.model.spec import OutputRule

SAID, ELSE = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def test_without_outputs_stdout_decides() -> None:
    verdict = compare(side(stdout=SAID), side(stdout=SAID))
    assert (verdict.result, verdict.notes) == ("identical", ())
    for other in (ELSE, canon.digest_bytes(b"")):
        verdict = compare(side(stdout=SAID), side(stdout=other))
        assert (verdict.result, verdict.stdout_equal, verdict.notes) == ("different", False, ())


def test_what_is_ignored_leaves_stdout_to_decide() -> None:
    rules = (OutputRule(pattern="*.log", compare="ignore"),)
    ours, theirs = (
        side(an_output("a.log"), rules=rules, stdout=SAID),
        (an_output("a.log", b"other"),),
    )
    assert compare(ours, side(*theirs, stdout=SAID)).result == "equal-under-rule"
    assert compare(ours, side(*theirs, stdout=ELSE)).result == "different"


def test_neither_outputs_nor_stdout_are_nothing_to_compare() -> None:
    verdict = compare(side(), side())
    assert (verdict.result, verdict.same, verdict.notes) == ("not-checked", False, (NOTHING,))
    verdict = compare(side(), side(code=1))
    assert (verdict.result, verdict.exit_equal, verdict.notes) == ("different", False, ())
    assert verdict.ended == "the first ended with exit 0, the second failed with exit 1"


def test_a_rule_says_whether_stdout_counts() -> None:
    for compare_, outputs, result in (
        ("bytes", (an_output("a"),), "different"),
        ("bytes", (), "different"),
        ("ignore", (an_output("a"),), "identical"),
        ("ignore", (), "not-checked"),
    ):
        rules = (OutputRule(pattern="<stdout>", compare=compare_),)
        found = compare(side(*outputs, rules=rules, stdout=SAID), side(*outputs, stdout=ELSE))
        assert (found.result, found.stdout_equal) == (result, False)


@pytest.mark.parametrize(
    ("ours", "theirs", "ended"),
    [
        (Exit(code=0, reason="exited"), Exit(code=0, reason="exited"), ""),
        (Exit(code=1, reason="exited"), Exit(code=1, reason="exited"), "both failed with exit 1"),
        (
            Exit(code=137, reason="oom", signal=9),
            Exit(code=137, reason="oom", signal=9),
            "each was killed because memory ran out (exit 137)",
        ),
        (
            Exit(code=137, reason="oom", signal=9),
            Exit(code=0, reason="exited"),
            "the first was killed because memory ran out (exit 137), the second ended with exit 0",
        ),
        (
            Exit(code=139, reason="signal", signal=11),
            Exit(code=139, reason="signal", signal=11),
            "each was ended by signal 11 (exit 139)",
        ),
    ],
)
def test_how_both_ended_is_part_of_the_comparison(ours: Exit, theirs: Exit, ended: str) -> None:
    verdict = compare(side(an_output("a"), exit=ours), side(an_output("a"), exit=theirs))
    assert (verdict.result, verdict.ended) == (
        "identical" if ours == theirs else "different",
        ended,
    )


def test_a_child_that_was_killed_for_want_of_memory_is_told() -> None:
    ours, theirs = (
        side(an_output("a"), met={"oom_kills": 1}),
        side(an_output("a"), met={"oom_kills": 0}),
    )
    lost = "ended with exit 0 after 1 process of it had been killed because memory ran out"
    assert compare(ours, ours).ended == f"both {lost}"
    assert compare(ours, theirs).ended == f"the first {lost}, the second ended with exit 0"


def test_a_run_that_was_cut_off_proves_nothing() -> None:
    cut = Exit(code=143, reason="interrupted")
    assert (
        compare(side(an_output("a"), exit=cut), side(an_output("a"), exit=cut)).result
        == "not-checked"
    )
    assert compare(side(an_output("a")), side(an_output("a"), exit=cut)).result == "different"


def test_failing_the_same_way_is_identical() -> None:
    assert compare(side(an_output("a"), code=3), side(an_output("a"), code=3)).result == "identical"


def test_stdout_is_told_and_does_not_count() -> None:
    verdict = compare(side(an_output("a"), stdout="sha256:" + "1" * 64), side(an_output("a")))
    assert (verdict.result, verdict.stdout_equal) == ("identical", False)
    assert [note.split(";")[0] for note in verdict.notes] == ["stdout differs and does not count"]


def test_what_is_empty_on_both_sides_leaves_stdout_to_decide() -> None:
    for hollow in (an_output("logs", b"", kind="dir"), an_output("done", b"")):
        assert compare(side(hollow, stdout=SAID), side(hollow, stdout=SAID)).result == "identical"
        assert compare(side(hollow, stdout=SAID), side(hollow, stdout=ELSE)).result == "different"
        assert compare(side(hollow), side(hollow)).result == "identical"
        assert (
            compare(
                side(hollow, an_output("a"), stdout=SAID), side(hollow, an_output("a"), stdout=ELSE)
            ).result
            == "identical"
        )


def test_when_all_is_ignored_and_nothing_was_said_nothing_was_compared() -> None:
    rules = (OutputRule(pattern="*", compare="ignore"),)
    verdict = compare(side(an_output("a"), rules=rules), side(an_output("a", b"other")))
    assert (verdict.result, verdict.notes) == ("not-checked", (NOTHING,))
