"""Two pushes of one run at the same moment, in a hundred orders of their requests, on each kind of
store: both verdicts are there afterwards.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from far_away import s3_server, ssh_server
from travelling import Silent, There, a_run, a_verdict, packed

from reprobox.store.project import open_project
from reprobox.store.remotes import registry
from reprobox.store.remotes.base import Place
from reprobox.store.remotes.remote_store import RemoteStore
from reprobox.store.runs import Runs
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Copied, Parcels

ORDERS = 100


class Turns:
    """Lets one of several threads go on at a time; a seeded choice says which."""

    def __init__(self, seed: int, threads: int) -> None:
        self._chance, self._left = random.Random(seed), threads
        self._waiting: list[int] = []
        self._turn: int | None = None
        self._changed = threading.Condition()

    def wait(self, me: int) -> None:
        with self._changed:
            self._waiting.append(me)
            self._choose()
            self._changed.wait_for(lambda: self._turn == me)
            self._waiting.remove(me)

    def leave(self) -> None:
        with self._changed:
            self._left -= 1
            self._choose()

    def _choose(self) -> None:
        if self._left and len(self._waiting) == self._left:
            self._turn = self._chance.choice(sorted(self._waiting))
            self._changed.notify_all()


class InTurns:
    """A place whose every request waits for its turn."""

    def __init__(self, place: Place, turns: Turns, me: int) -> None:
        self._place, self._turns, self._me = place, turns, me
        self.url = place.url

    def __getattr__(self, name: str) -> Any:
        work = getattr(self._place, name)

        def later(*args: Any, **kwargs: Any) -> Any:
            self._turns.wait(self._me)
            return work(*args, **kwargs)

        return later


def pushed(places: list[Place], parcels: list[Parcels], seed: int) -> list[Copied]:
    """What two pushes answer whose requests are carried out in an order of their own."""
    turns = Turns(seed, len(places))
    answers: dict[int, Copied] = {}

    def push(me: int) -> None:
        try:
            destination = RemoteStore(InTurns(places[me], turns, me))  # type: ignore[arg-type]
            answers[me] = copy.copy(
                copy.plan(parcels[me], destination), parcels[me], destination, Silent()
            )
        finally:
            turns.leave()

    threads = [threading.Thread(target=push, args=(me,)) for me in range(len(places))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[me] for me in range(len(places))]


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as port:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        }.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="runs")
        client.close()
        yield "s3://runs/lab"


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.slow), "ssh"])
def address(request: pytest.FixtureRequest, tmp_path: Path, nobodys_home: Path) -> Iterator[str]:
    if request.param == "directory":
        yield str(tmp_path / "far")
    elif request.param == "s3":
        yield request.getfixturevalue("bucket")
    else:
        (tmp_path / "sshd").mkdir()
        with ssh_server(tmp_path / "sshd", nobodys_home) as ssh:
            yield ssh.url(tmp_path / "far")


def verdicts_there(place: Place, run: str) -> list[str]:
    (card,) = RemoteStore(place).choose([run]).cards()
    return sorted(one.digest for one in card.members if one.name.startswith("verdicts/"))


def verdicts_of(parcels: Parcels) -> list[str]:
    (card,) = parcels.cards()
    return [one.digest for one in card.members if one.name.startswith("verdicts/")]


def test_both_verdicts_of_two_pushes_at_once_are_there(
    runs: Runs, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_project(tmp_path / "other")
    shutil.rmtree(other.root / "objects")
    os.symlink(runs.root / "objects", other.root / "objects")
    places = [registry._place(address) for _ in range(3)]
    results = set()
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # the disk is not what is tried here
    for order in range(ORDERS):
        run = a_run(runs, {}, now=1_795_188_612.0 + order)
        shutil.copytree(runs.path(run), other.folder / run)
        if order % 2:
            # Every other time the run itself is there before both of them.
            destination, first = RemoteStore(places[2]), packed(runs, run, parts=())
            copy.copy(copy.plan(first, destination), first, destination, Silent())
        for number, store in enumerate((runs, other)):
            store.add_verdict(run, a_verdict(run, run, checked=float(number)))
        both = [packed(store, run, parts=()) for store in (runs, other)]
        answers = pushed(places[:2], both, order)
        results |= {tuple(bool(one.published) for one in answers)}
        assert verdicts_there(places[2], run) == sorted(
            digest for parcels in both for digest in verdicts_of(parcels)
        )
    assert len(results) > 1
    there = There(tmp_path / "there")
    there.take(RemoteStore(places[2]).choose([run]))
    assert sorted(one.checked for one in there.runs.verdicts(run)) == [0.0, 1.0]
    for place in places:
        place.close()


def test_a_server_that_ignores_conditions_loses_nothing(
    runs: Runs, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stands in for old S3 servers, which overwrite whatever the condition says."""
    from reprobox.store.remotes.s3 import Bucket

    places = [Bucket(bucket) for _ in range(2)]
    for place in places:
        put = place._client.put_object
        monkeypatch.setattr(
            place._client,
            "put_object",
            lambda put=put, IfNoneMatch=None, **rest: put(**rest),  # noqa: N803
        )
    run = a_run(runs, {})
    both = []
    for number in range(2):
        runs.add_verdict(run, a_verdict(run, run, checked=float(number)))
        both.append(packed(runs, run, parts=()))
    for seed in range(10):
        pushed(list(places), both, seed)
    assert len(verdicts_there(places[0], run)) == 2
