"""The store against a plain dictionary of what it should hold, through any order of events."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from harness_runs import NOW, a_record, an_intent, an_output
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
)

from reprobox.errors import RunBusy, RunNotFound, StoreDamaged
from reprobox.kit import canon
from reprobox.model.outcome import ContainerState
from reprobox.store import garbage, integrity
from reprobox.store.objects import ObjectStore
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.rundir import RunDir
from reprobox.store.runs import Runs


class StoreMachine(RuleBasedStateMachine):
    """begin, start, exit, die, reconcile, remove, put, gc, tamper and repair, drop the index."""

    living = Bundle("living")
    ended = Bundle("ended")

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.runs = Runs(self.place / ".reprobox")
        self.store = ObjectStore(self.runs.root)
        self.held: dict[str, RunDir] = {}
        self.containers: dict[str, ContainerState] = {}
        self.expected: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        self.needed: set[str] = set()
        self.clock = NOW

    def teardown(self) -> None:
        for run in self.held.values():
            run.release()
        shutil.rmtree(self.place)

    @rule(target=living, needs=st.booleans())
    def begin(self, needs: bool) -> str:
        self.clock += 1
        config: dict[str, object] = {}
        if needs:
            digest = self.store.put_bytes(b"needed %f" % self.clock)
            os.utime(self.store.path(digest), (1, 1))
            self.needed.add(digest)
            config["needs"] = digest
        intent = an_intent(now=self.clock, config=config)
        self.held[intent.id] = self.runs.begin(intent, {"config.yaml": b""})
        self.expected[intent.id] = "queued"
        return intent.id

    @rule(run_id=living)
    def start(self, run_id: str) -> None:
        if run_id in self.held and self.expected[run_id] == "queued":
            self.held[run_id].started("f" * 64 + run_id)
            self.containers["f" * 64 + run_id] = ContainerState(id="f", name="x", status="running")
            self.expected[run_id] = "running"

    @rule(run_id=living)
    def exit(self, run_id: str) -> None:
        key = "f" * 64 + run_id
        if key in self.containers:
            self.containers[key] = ContainerState(id="f", name="x", status="exited", exit_code=0)

    @rule(run_id=living)
    def die(self, run_id: str) -> None:
        """The supervisor is killed."""
        if run_id in self.held:
            self.held.pop(run_id).release()
            if self.expected[run_id] == "queued":
                self.expected[run_id] = "interrupted"

    @rule(run_id=living)
    def container_vanishes(self, run_id: str) -> None:
        key = "f" * 64 + run_id
        if run_id not in self.held and key in self.containers:
            del self.containers[key]
            self.expected[run_id] = "lost"

    @rule(
        target=ended,
        run_id=consumes(living),
        code=st.sampled_from([0, 3]),
        outputs=st.integers(0, 2),
    )
    def reconcile(self, run_id: str, code: int, outputs: int) -> str:
        """Whoever holds the run, or takes it over, finishes it."""
        run = self.held.pop(run_id, None) or self.runs.hold(run_id)
        with run:
            files = tuple(an_output(f"file{number}") for number in range(outputs))
            run.outputs.mkdir()
            for file in files:
                (run.outputs / file.path).write_bytes(b"x")
                (run.outputs / file.path).chmod(0o644)
            self.digests[run_id] = run.finish(
                a_record(self.runs.intent(run_id), files, code=code), outputs_manifest(files)
            )
            run.clear_scratch()
        self.expected[run_id] = "failed" if code else "finished"
        return run_id

    @rule(run_id=consumes(ended))
    def remove(self, run_id: str) -> None:
        self.runs.remove(run_id)
        del self.expected[run_id]
        del self.digests[run_id]
        with pytest.raises(RunNotFound):
            self.runs.record(run_id)

    @rule()
    def collect_garbage(self) -> None:
        lonely = self.store.put_bytes(b"lonely %d" % time.monotonic_ns())
        os.utime(self.store.path(lonely), (1, 1))
        fresh = self.store.put_bytes(b"fresh")
        garbage.carry_out(self.runs.root, garbage.plan(self.runs.root))
        here = set(self.store.iterate())
        assert lonely not in here
        assert fresh in here

    @rule(run_id=ended, position=st.integers(0, 10_000))
    def tamper_and_repair(self, run_id: str, position: int) -> None:
        path = self.runs.path(run_id) / "record.json"
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[position % len(whole)] ^= 1
        path.write_bytes(changed)
        with pytest.raises(StoreDamaged):
            self.runs.record(run_id)
        assert integrity.check(self.runs.root).code & 1
        path.write_bytes(whole)

    @rule()
    def drop_index(self) -> None:
        (self.runs.root / "index.sqlite").unlink(missing_ok=True)

    @precondition(lambda self: self.expected)
    @rule()
    def find_latest(self) -> None:
        assert self.runs.find("latest") == max(self.expected)

    @invariant()
    def list_is_the_model(self) -> None:
        rows = list(self.runs.list(containers=self.containers.get))
        assert {row.id: row.state for row in rows} == self.expected
        assert [row.id for row in rows] == sorted(self.expected, reverse=True)

    @invariant()
    def records_are_what_was_written(self) -> None:
        for run_id in self.expected:
            if run_id in self.digests:
                assert self.runs.record(run_id)[1] == self.digests[run_id]
            else:
                with pytest.raises(RunBusy):
                    self.runs.record(run_id)

    @invariant()
    def nothing_is_damaged(self) -> None:
        assert integrity.check(self.runs.root).faults == ()

    @invariant()
    def nothing_needed_is_gone(self) -> None:
        mentioned = {
            run.config["needs"]
            for run in map(self.runs.intent, self.expected)
            if "needs" in run.config
        }
        assert mentioned <= set(self.store.iterate())
        assert all(canon.is_digest(digest) for digest in mentioned)


LONG = os.environ.get("REPROBOX_TORTURE") == "1"
TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=500 if LONG else 15, stateful_step_count=50 if LONG else 20, deadline=None
)
