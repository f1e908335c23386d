"""Containers as directories: their state from what lies there, whoever died."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reprobox.engine.apptainer import boxes, keeper
from reprobox.engine.apptainer.boxes import Boxes
from reprobox.errors import EngineError
from reprobox.model.outcome import Container


def container(**changes: Any) -> Container:
    return Container(
        **{"image": "i", "argv": ("true",), "name": "run", "labels": {"a": "b"}, **changes}
    )


@pytest.fixture
def all_(tmp_path: Path) -> Boxes:
    (tmp_path / "containers").mkdir()
    return Boxes(tmp_path / "containers")


def create(all_: Boxes, **changes: Any) -> str:
    one = container(**changes)
    return all_.create(one, ["/bin/true"], "settings\n", b"A=b\xff\0", all_.fresh(one.name))


def write(all_: Boxes, name: str, **value: Any) -> None:
    (all_.place("run") / name).write_text(json.dumps(value))


def test_a_container_is_there_whole_by_name_and_by_id(all_: Boxes) -> None:
    identity = create(all_)
    by_name, by_id = all_.state("run"), all_.state(identity)
    assert by_name == by_id
    assert by_name is not None
    assert (by_name.status, by_name.exit_code, by_name.labels) == ("created", None, {"a": "b"})
    document = json.loads((all_.place("run") / "container.json").read_bytes())
    assert document["environment"].encode("latin-1") == b"A=b\xff\0"
    assert [all_.state(one) for one in ("none", "../run", "run.other")] == [None] * 3
    assert [one.id for one in all_.find({"a": "b"})] == [identity]
    assert all_.find({"a": "c"}) == []


def test_the_same_container_again_is_taken_and_another_is_refused(all_: Boxes) -> None:
    assert create(all_) == create(all_)
    with pytest.raises(EngineError) as caught:
        create(all_, labels={"a": "c"})
    assert "Another container has this name" in caught.value.why
    assert [path.name for path in all_.place("run").parent.iterdir()] == ["run"]


@pytest.fixture
def started(all_: Boxes) -> Iterator[Boxes]:
    """One that runs, of this very process, under a supervisor that holds the lock."""
    create(all_)
    me = keeper._identity(os.getpid())
    write(
        all_, "started.json", keeper=me, starter=me, init=me, at=1795839621.5, boot=keeper._boot()
    )
    fd = os.open(all_.place("run") / "lock", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    yield all_
    os.close(fd)


def test_one_whose_supervisor_lives_runs_and_its_end_is_what_was_written(started: Boxes) -> None:
    there = started.state("run")
    assert there is not None
    assert (there.status, there.started) == ("running", "2026-11-28T04:20:21.500000Z")
    write(started, "ended.json", code=3, at=1795839625.5, began=True)
    ended = started.wait("run", None)
    assert (ended.status, ended.exit_code, ended.finished) == (
        "exited",
        3,
        "2026-11-28T04:20:25.500000Z",
    )


def test_one_of_an_earlier_boot_or_of_another_process_is_dead(
    all_: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda *what: sent.append(what))
    create(all_)
    number, begun = keeper._identity(os.getpid())
    for boot, birth in (("earlier", begun), (keeper._boot(), begun + 1)):
        other = [number, birth]
        write(all_, "started.json", keeper=other, starter=other, init=other, at=1.0, boot=boot)
        there = all_.state("run")
        assert there is not None
        assert (there.status, there.exit_code) == ("dead", None)
        all_.signal("run", signal.SIGTERM)
    all_.remove("run")
    assert sent == []
    assert all_.state("run") is None
    all_.remove("run")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("FATAL: stat /x: no such file or directory", 127),
        ("FATAL: exec /x: permission denied", 126),
        ("FATAL: exec format error", 126),
        ("FATAL: container creation failed: mount /x: no such file or directory", None),
        ("ERROR: no such file or directory", None),
        ("", None),
    ],
)
def test_a_program_that_is_not_there_has_docker_s_exit_code(
    all_: Boxes, error: str, code: int | None
) -> None:
    create(all_)
    write(all_, "ended.json", code=255, at=1.0, began=False, error=error)
    there = all_.state("run")
    assert there is not None
    assert (there.status, there.exit_code, there.error) == ("created", code, error)


def test_a_damaged_document_is_named_with_what_removes_it(all_: Boxes) -> None:
    create(all_)
    (all_.place("run") / "container.json").write_bytes(b"{")
    with pytest.raises(EngineError, match="is damaged") as caught:
        all_.state("run")
    assert caught.value.next_step == f"rm -r {all_.place('run')}"


def test_words_are_shown_without_the_colours_of_a_terminal() -> None:
    assert boxes._words("\x1b[31mFATAL:  \x1b[0m no\n") == "FATAL:   no"


def test_what_is_not_there(all_: Boxes) -> None:
    assert all_.log("none") == b""
    all_.kill("none")
    with pytest.raises(EngineError, match="is gone"):
        all_.wait("none", 0)
    with pytest.raises(EngineError, match="there is no container"):
        all_.start("none")
