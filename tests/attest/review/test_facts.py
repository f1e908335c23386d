"""What reviewers ask of a run, from its record."""

from __future__ import annotations

from dataclasses import replace

from attest_world import a_record, a_verdict
from review_world import some_facts

from reprobox.attest.review import facts
from reprobox.model.verdict import FileState, FileVerdict


def test_what_was_measured_is_said_and_what_was_not_too() -> None:
    found = some_facts()
    assert (found.command, found.seed, found.packages) == ("python3 train.py config.yaml", 7, 1)
    assert (found.inputs, found.python, found.network) == (4, "3.11", "none")
    assert found.hardware == "CPU & Co, 1 thread, 8.6 GB of memory"
    bare = facts.of(a_record(), (), (), ())
    assert (bare.hardware, bare.peak) == ("unknown CPU, 1 thread", facts.NOT_MEASURED)
    assert replace(bare, seconds=None).time == facts.NOT_MEASURED


def test_a_replay_counts_the_files_that_are_the_same_and_says_who_made_it() -> None:
    record = a_record()
    states = (FileState.IDENTICAL, FileState.RENAMED, FileState.NOT_CHECKED, FileState.DIFFERENT)
    files = tuple(FileVerdict(path=str(state), state=state) for state in states)
    verdict = replace(a_verdict(record, record), files=files)
    found = facts.replayed(verdict, a_record(host={"name": "there", "user": ""}))
    assert (found.same, found.files, found.by) == (2, 4, "there")
    assert facts.replayed(verdict, a_record(host={})).by == "Anonymous"
    assert facts.replayed(verdict, a_record(host={"name": ""})).by == "unknown"
