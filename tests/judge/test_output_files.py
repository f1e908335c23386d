"""Outputs of two runs, matched by path and compared under the rules of the original."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any

import pytest
from harness_runs import a_record, a_runspec, an_intent, an_output
from hypothesis import given, settings
from hypothesis import strategies as st
from sides import side, states

from reprobox.judge import output_files
from reprobox.judge.output_files import Side, compare, compare_files, first_difference
from reprobox.kit import canon
from reprobox.model.outcome import OutputFile
from reprobox.model.record import OutputSummary
from reprobox.model.runspec import InputPin
from reprobox.model.spec import OutputRule
from reprobox.model.verdict import FileDetail, FileState, FileVerdict


def test_equal_bytes_are_identical() -> None:
    ours, theirs = side(an_output("a"), an_output("b")), side(an_output("a"), an_output("b"))
    verdict = compare(ours, theirs, now=5.0)
    assert verdict.result == "identical"
    assert verdict.same
    assert states(verdict) == {"a": "identical", "b": "identical"}
    assert (verdict.exit_equal, verdict.stdout_equal, verdict.notes, verdict.checked) == (
        True,
        True,
        (),
        5.0,
    )
    assert (verdict.left, verdict.right) == (ours.record.id, theirs.record.id)


def test_both_ways() -> None:
    verdict = compare(
        side(an_output("gone"), an_output("both")), side(an_output("new"), an_output("both"))
    )
    assert verdict.result == "different"
    assert states(verdict) == {"both": "identical", "gone": "missing", "new": "extra"}


@pytest.mark.parametrize(
    ("theirs", "differs"),
    [
        (an_output("a", b"other"), ("bytes",)),
        (an_output("a", mode=0o755), ("mode",)),
        (an_output("a", b"y", mode=0o755), ("bytes", "mode")),
        (an_output("a", kind="link"), ("kind",)),
        (an_output("a", kind="dir"), ("kind",)),
    ],
)
def test_what_differs_is_named(theirs: OutputFile, differs: tuple[str, ...]) -> None:
    verdict = compare(side(an_output("a")), side(theirs))
    assert verdict.result == "different"
    assert verdict.files[0].detail.differs == differs


def test_other_mode_bits_do_not_count() -> None:
    assert (
        compare(side(an_output("a", mode=0o644)), side(an_output("a", mode=0o600))).result
        == "identical"
    )


def test_ignored_paths_never_make_it_identical_when_they_were_needed() -> None:
    rules = (OutputRule(pattern="*.log", compare="ignore"),)
    model = an_output("model")
    same = compare(side(an_output("a.log"), model, rules=rules), side(an_output("a.log"), model))
    assert (same.result, states(same)) == (
        "identical",
        {"a.log": "identical", "model": "identical"},
    )
    for theirs in (side(an_output("a.log", b"other"), model), side(model)):
        verdict = compare(side(an_output("a.log"), model, rules=rules), theirs)
        assert (verdict.result, states(verdict)) == (
            "equal-under-rule",
            {"a.log": "ignored", "model": "identical"},
        )
        assert verdict.same


def test_the_rules_of_the_original_count() -> None:
    rules = (OutputRule(pattern="*", compare="ignore"),)
    assert (
        compare(side(an_output("a")), side(an_output("a", b"other"), rules=rules)).result
        == "different"
    )


def test_the_first_rule_that_matches_counts() -> None:
    rules = (OutputRule(pattern="a/*", compare="bytes"), OutputRule(pattern="*", compare="ignore"))
    verdict = compare(
        side(an_output("a/b"), an_output("c"), rules=rules),
        side(an_output("a/b", b"other"), an_output("c", b"other")),
    )
    assert states(verdict) == {"a/b": "different", "c": "ignored"}


@pytest.mark.parametrize("kind", ["content", "tensors"])
@pytest.mark.parametrize(
    ("state", "result"),
    [
        ("equal-under-rule", "equal-under-rule"),
        ("different", "different"),
        ("not-checked", "not-checked"),
    ],
)
def test_a_rule_looks_only_where_bytes_differ(kind: Any, state: Any, result: str) -> None:
    rule = OutputRule(pattern="*.pt", compare=kind, ulp=4)
    asked = []

    def look(left: OutputFile, right: OutputFile, found: OutputRule) -> FileVerdict:
        asked.append((left.path, right.path, found))
        return FileVerdict(path=left.path, state=FileState(state))

    ours = side(an_output("a.pt"), an_output("same.pt"), rules=(rule,))
    verdict = compare(ours, side(an_output("a.pt", b"other"), an_output("same.pt")), look=look)
    assert asked == [("a.pt", "a.pt", rule)]
    assert (verdict.result, states(verdict)["same.pt"]) == (result, "identical")


@pytest.mark.parametrize(
    ("pattern", "those", "others"),
    [
        (
            "events*",
            ["events.out.1", "runs/exp1/events.out.1"],
            ["runs/my-events.out", "runs/noevents"],
        ),
        ("*.pt", ["a.pt", "runs/exp 1/\udcff.pt"], ["a.pt.txt"]),
        (
            "metrics.json",
            ["metrics.json", "results/metrics.json"],
            ["old-metrics.json", "metrics.json/x"],
        ),
        ("results/metrics.json", ["results/metrics.json"], ["runs/results/metrics.json"]),
        ("runs/*.pt", ["runs/a.pt", "runs/exp1/a.pt"], ["old/runs/a.pt"]),
        ("./runs/a", ["runs/a"], ["b/runs/a"]),
        ("/model.bin", ["model.bin"], ["results/model.bin"]),
        ("logs/", ["logs/a", "logs/b/c"], ["logs", "other/logs/a"]),
        ("**/logs/*", ["logs/a", "x/y/logs/a/b"], ["mylogs/a"]),
        ("runs/**/a", ["runs/a", "runs/x/y/a"], ["a"]),
        ("a[12]?", ["a1x", "d/a2x"], ["a3x"]),
    ],
)
def test_which_outputs_a_pattern_means(pattern: str, those: list[str], others: list[str]) -> None:
    assert [path for path in (*those, *others) if output_files.matches(path, pattern)] == those


EVENTS = "runs/Nov21_13-52-01_box/events.out.tfevents.1795269130.reprobox.6.0"
LATER = "runs/Nov21_13-59-12_box/events.out.tfevents.1795269555.reprobox.17.0"
LOOKING = (OutputRule(pattern="*", compare="content"),)


def looking(state: Any) -> Any:
    return lambda left, right, rule: FileVerdict(
        path=left.path, state=FileState(state), detail=FileDetail(rule=rule.compare)
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (EVENTS, LATER),
        ("events.out.tfevents.1795269130.box", "events.out.tfevents.1795269135.box"),
        ("out/2026-11-21/13-00-01/a.json", "out/2026-11-22/09-00-01/a.json"),
        ("log_20261121-130001.csv", "log_20261121-130102.csv"),
        ("a.1795269130123.json", "a.1795269139999.json"),
        (
            "run-6f9619ff-8b86-d011-b42d-00cf4fc964ff/a",
            "run-7f9619ff-8b86-d011-b42d-00cf4fc964fe/a",
        ),
        ("tmpx8_a2k2q/a", "tmpq8_a2k2q/a"),
    ],
)
def test_files_whose_names_hold_a_time_are_compared_under_their_rule(
    ours: str, theirs: str
) -> None:
    for data, look, state, differs in (
        (b"x", None, "same-bytes-renamed", ("name",)),
        (b"y", looking("equal-under-rule"), "equal-under-rule", ("name", "bytes")),
        (b"y", looking("different"), "different", ("name", "bytes")),
        (b"y", None, "not-checked", ("name", "bytes")),
    ):
        (found,) = compare_files((an_output(ours),), (an_output(theirs, data),), LOOKING, look=look)
        assert (found.path, found.state, found.detail.differs, found.detail.other_name) == (
            ours,
            state,
            differs,
            theirs,
        )


@pytest.mark.parametrize(
    ("ours", "theirs", "rules"),
    [
        (
            (EVENTS,),
            (LATER, LATER.replace("555", "556")),
            LOOKING,
        ),  # one more: which of the two would it be?
        (("epoch3.pt",), ("epoch4.pt",), LOOKING),  # a number with a meaning
        (("step-00001000.pt",), ("step-00002000.pt",), LOOKING),
        (("a/x_1795269130.csv",), ("b/x_1795269131.csv",), LOOKING),
    ],
)
def test_other_names_are_missing_and_extra(
    ours: tuple[str, ...], theirs: tuple[str, ...], rules: tuple[OutputRule, ...]
) -> None:
    found = compare_files(
        [an_output(path) for path in ours], [an_output(path) for path in theirs], rules
    )
    assert {file.path: file.state for file in found} == dict.fromkeys(
        ours, "missing"
    ) | dict.fromkeys(theirs, "extra")


def test_several_are_paired_in_sorted_order() -> None:
    ours, theirs = (
        [
            an_output(f"events.out.tfevents.{start + place}.box.{place}.0", bytes([place]))
            for place in range(3)
        ]
        for start in (1795269130, 1795269530)
    )
    found = compare_files(ours, theirs[::-1], LOOKING)
    assert [file.state for file in found] == ["same-bytes-renamed"] * 3
    assert [file.detail.other_name for file in found] == [file.path for file in theirs]


def test_without_anything_that_can_look_it_is_not_checked() -> None:
    rules = (OutputRule(pattern="*", compare="tensors"),)
    verdict = compare(side(an_output("a"), rules=rules), side(an_output("a", b"other")))
    assert (verdict.result, verdict.same) == ("not-checked", False)
    verdict = compare(
        side(an_output("a"), an_output("b"), rules=rules), side(an_output("a", b"other"))
    )
    assert verdict.result == "different"


def refusing(*lines: str, rules: tuple[OutputRule, ...] = ()) -> Side:
    plain = side(rules=rules)
    return replace(
        plain,
        record=replace(
            plain.record, outputs=OutputSummary(manifest="", files=0, size=0, refused=lines)
        ),
    )


def test_refused_paths_count() -> None:
    fifo, denied = "a: b/fifo: fifo", "locked: permission denied, owner 5"
    assert compare(refusing(fifo), refusing(fifo)).result == "identical"
    assert compare(refusing(denied), refusing(denied)).result == "not-checked"
    one_sided = compare(refusing(fifo), refusing())
    assert (one_sided.result, states(one_sided)) == ("different", {"a: b/fifo": "missing"})
    ignore = (OutputRule(pattern="locked", compare="ignore"),)
    assert compare(refusing(denied, rules=ignore), refusing()).result == "equal-under-rule"


def pair(left: bytes, right: bytes) -> Any:
    @contextlib.contextmanager
    def opened(ours: OutputFile, theirs: OutputFile) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
        yield io.BytesIO(left), io.BytesIO(right)

    return opened


def test_the_place_of_the_first_difference_is_given() -> None:
    found = compare_files(
        (an_output("a", b"abcd"),), (an_output("a", b"abXd"),), (), open_pair=pair(b"abcd", b"abXd")
    )
    assert found[0].detail == FileDetail(differs=("bytes",), first_byte=2)
    found = compare_files(
        (an_output("a", b"ab"),), (an_output("a", b"abc"),), (), open_pair=pair(b"ab", b"abc")
    )
    expected = FileDetail(differs=("bytes",), first_byte=2, sizes=(2, 3))
    assert found[0].detail == expected


@settings(max_examples=300, deadline=None)
@given(left=st.binary(max_size=40), right=st.binary(max_size=40), chunk=st.integers(1, 9))
def test_first_difference_is_right_at_any_chunk_size(left: bytes, right: bytes, chunk: int) -> None:
    expected = next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
        min(len(left), len(right)),
    )
    kept, output_files._CHUNK = output_files._CHUNK, chunk
    try:
        found = first_difference(io.BytesIO(left), io.BytesIO(right))
    finally:
        output_files._CHUNK = kept
    assert found == (None if left == right else expected)


OUTPUTS = st.dictionaries(
    st.sampled_from(["a", "b", "c/d", "\udcff"]), st.sampled_from([b"1", b"2", b""])
)


@settings(max_examples=300, deadline=None)
@given(left=OUTPUTS, right=OUTPUTS)
def test_identical_means_equal_and_the_mirror_agrees(
    left: dict[str, bytes], right: dict[str, bytes]
) -> None:
    ours = side(*(an_output(path, data) for path, data in left.items()))
    theirs = side(*(an_output(path, data) for path, data in right.items()))
    there, back = compare(ours, theirs), compare(theirs, ours)
    assert (there.result == "identical") == (left == right and bool(left))
    assert {file.path for file in there.files} == left.keys() | right.keys()
    mirror = {"missing": "extra", "extra": "missing"}
    assert states(back) == {path: mirror.get(state, state) for path, state in states(there).items()}


def deleting(*paths: str, rules: tuple[OutputRule, ...] = (), **asked: Any) -> Side:
    intent = an_intent(runspec=a_runspec(outputs=rules, **asked))
    outputs = (an_output("model"),)
    return Side(
        record=a_record(intent, outputs, met={"deleted": list(paths)}),
        digest="sha256:" + "0" * 64,
        outputs=outputs,
    )


def test_a_file_of_the_commit_that_one_run_deleted_counts() -> None:
    assert compare(deleting("data/a", "b"), deleting("data/a", "b")).result == "identical"
    for ours, theirs, who in (
        (deleting("data/a"), deleting(), "first"),
        (deleting(), deleting("data/a"), "second"),
    ):
        verdict = compare(ours, theirs)
        assert (verdict.result, states(verdict)) == (
            "different",
            {"data/a": "different", "model": "identical"},
        )
        assert verdict.files[-1].detail.why == f"a file of the commit that only the {who} deleted"
    ignore = (OutputRule(pattern="data/", compare="ignore"),)
    assert compare(deleting("data/a", rules=ignore), deleting()).result == "equal-under-rule"


def test_of_two_commits_one_may_never_have_had_the_file() -> None:
    assert compare(deleting("data/a"), deleting(commit="9" * 40)).result == "not-checked"


def test_what_one_deleted_and_the_other_wrote_anew_is_one_difference() -> None:
    other = replace(deleting(), outputs=(an_output("model"), an_output("data/a")))
    assert states(compare(deleting("data/a"), other)) == {"data/a": "extra", "model": "identical"}


def test_a_mounted_input_of_the_commit_was_never_deleted() -> None:
    pin = InputPin(
        path="/work/data",
        source="/x",
        kind="tree",
        digest=canon.digest_bytes(b"x"),
        size=1,
        tracked=True,
    )
    assert compare(deleting("data/a", inputs=(pin,)), deleting(inputs=(pin,))).result == "identical"
