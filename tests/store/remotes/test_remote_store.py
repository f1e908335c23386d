"""Stores elsewhere: a directory, a bucket on a real S3 server, a directory behind a real SSH
daemon.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import subprocess
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from far_away import BreakingLine, Ssh, s3_server, small_disk, ssh_server
from travelling import Silent, There, a_run, a_verdict, packed, snapshot

from reprobox.errors import (
    BundleRefused,
    NewerFormat,
    RunAmbiguous,
    RunNotFound,
    StoreDamaged,
    StoreError,
    UsageError,
)
from reprobox.store.remotes import remote_store
from reprobox.store.remotes.registry import open_remote
from reprobox.store.remotes.ssh import Sftp
from reprobox.store.runs import Runs
from reprobox.store.transfer import copy
from reprobox.store.transfer.copy import Copied, Parcels

WHEEL = os.urandom(9_000_000)


@dataclass(frozen=True)
class Far:
    """A store elsewhere, its address through a line that can break, and its files by another way."""

    url: str
    breaking_url: str
    line: BreakingLine | None
    read: Callable[[str], bytes]
    write: Callable[[str, bytes], None]
    names: Callable[[], list[str]]

    def push(self, parcels: Parcels, url: str | None = None) -> Copied:
        with open_remote(url or self.url) as destination:
            return copy.copy(copy.plan(parcels, destination), parcels, destination, Silent())

    def pull(self, there: There, *references: str, url: str | None = None) -> Copied:
        with open_remote(url or self.url) as remote:
            return there.take(remote.choose(references))


def _of_directory(top: Path, url: str, breaking: str, line: BreakingLine | None) -> Far:
    def write(name: str, data: bytes) -> None:
        (top / name).write_bytes(data)

    def names() -> list[str]:
        return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())

    return Far(url, breaking, line, lambda name: (top / name).read_bytes(), write, names)


@pytest.fixture(scope="module")
def s3_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with s3_server(tmp_path_factory.mktemp("s3")) as port:
        yield port


@pytest.fixture
def ssh(tmp_path: Path, nobodys_home: Path) -> Iterator[Ssh]:
    (tmp_path / "sshd").mkdir()
    with ssh_server(tmp_path / "sshd", nobodys_home) as found:
        yield found


@pytest.fixture
def bucket(s3_port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Far]:
    import boto3

    line = BreakingLine(s3_port)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{line.port}",
        "AWS_MAX_ATTEMPTS": "2",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{s3_port}")
    name = f"runs-{os.getpid()}-{abs(hash(tmp_path)) % 10**9}"
    client.create_bucket(Bucket=name)

    def names() -> list[str]:
        return [
            item["Key"].removeprefix("lab/x/")
            for item in client.list_objects_v2(Bucket=name).get("Contents", ())
        ]

    def read(key: str) -> bytes:
        data: bytes = client.get_object(Bucket=name, Key=f"lab/x/{key}")["Body"].read()
        return data

    url = f"s3://{name}/lab/x"
    yield Far(
        url,
        url,
        line,
        read,
        lambda key, data: client.put_object(Bucket=name, Key=f"lab/x/{key}", Body=data),
        names,
    )
    client.close()
    line.close()


@pytest.fixture(params=["directory", "s3", "ssh"])
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Far]:
    top = tmp_path / "far away"
    if request.param == "directory":
        yield _of_directory(top, str(top), "", None)
    elif request.param == "s3":
        yield request.getfixturevalue("bucket")
    else:
        yield from _behind_ssh(request.getfixturevalue("ssh"), top, tmp_path)


def _behind_ssh(ssh: Ssh, top: Path, tmp_path: Path) -> Iterator[Far]:
    line = BreakingLine(ssh.port)
    home = Path(os.environ["HOME"])
    known = (home / ".ssh" / "known_hosts").read_text()
    (home / ".ssh" / "known_hosts").write_text(
        known + known.replace(f":{ssh.port}", f":{line.port}")
    )
    yield _of_directory(top, ssh.url(top), ssh.url(top, line.port), line)
    line.close()


@pytest.fixture
def there(tmp_path: Path) -> There:
    return There(tmp_path / "there")


def test_push_and_pull(runs: Runs, far: Far, there: There) -> None:
    run = a_run(runs)
    runs.add_verdict(run, a_verdict(run, run))
    pushed = far.push(packed(runs, run, wheels=[WHEEL]))
    assert pushed.published == (run,)
    pulled = far.pull(there)
    assert (pulled.published, pulled.size) == ((run,), pushed.size)
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))
    assert far.read("reprobox-remote") == b"reprobox.remote/1\n"
    assert not [name for name in far.names() if "tmp" in name]


def test_nothing_is_sent_again(runs: Runs, far: Far, there: There) -> None:
    first, second = a_run(runs), a_run(runs, {"new": b"n" * 1000}, now=1_795_188_700.0)
    far.push(packed(runs, first, wheels=[WHEEL]))
    assert far.push(packed(runs, first, wheels=[WHEEL])).blobs == 0
    assert far.push(packed(runs, first, second, wheels=[WHEEL])).size < 100_000
    assert far.pull(there, second).published == (second,)
    again = far.pull(there)
    assert (again.published, again.known) == ((first,), (second,))
    assert again.size < 100_000


def test_runs_are_named_by_id_or_prefix(runs: Runs, far: Far, there: There) -> None:
    first, second = a_run(runs), a_run(runs, now=1_795_188_700.0)
    far.push(packed(runs, first, second))
    assert far.pull(there, first[:20]).published == (first,)
    with pytest.raises(RunAmbiguous):
        far.pull(there, first[:8])
    with pytest.raises(RunNotFound):
        far.pull(there, "20300101")


def test_statements_of_two_people_come_together(runs: Runs, far: Far, there: There) -> None:
    run = a_run(runs)
    far.push(packed(runs, run))
    far.pull(there)
    there.runs.add_verdict(run, a_verdict(run, run, checked=5.0))
    runs.add_verdict(run, a_verdict(run, run, checked=7.0))
    far.push(packed(there.runs, run, parts=()))
    far.push(packed(runs, run))
    far.push(packed(runs, run))
    last = There(there.top.parent / "last")
    far.pull(last)
    assert [verdict.checked for verdict in last.runs.verdicts(run)] == [5.0, 7.0]


def test_names_tags_and_notes_go_both_ways(runs: Runs, far: Far, there: There) -> None:
    def say(where: Runs, at: float, **said: str) -> None:
        where.annotate([{"run": run, "at": at, "by": "a@b", **said}])

    run = a_run(runs)
    say(runs, 10.0, name="first")
    far.push(packed(runs, run))
    far.pull(there)
    assert [row.name for row in there.runs.list()] == ["first"]
    # Both add to what the other has: the run itself is known on all sides by now.
    say(there.runs, 30.0, tag="paper")
    say(there.runs, 31.0, note="seen\nthere")
    say(runs, 20.0, name="second")
    say(runs, 21.0, tag="draft")
    far.push(packed(there.runs, run, parts=()))
    far.push(packed(runs, run))
    here = There(runs.root.parent)
    assert far.pull(here).completed == (run,)
    assert far.pull(there).completed == (run,)
    for one in (Runs(runs.root), there.runs):
        (row,) = one.list()
        assert (row.name, row.tags) == ("second", ("draft", "paper"))
        assert [note.text for note in one.annotation(run).notes] == ["seen\nthere"]
    assert far.push(packed(runs, run)).blobs == 0
    assert (far.pull(there).known, far.pull(here).known) == ((run,), (run,))
    # Taken away there, and pulled here.
    say(there.runs, 40.0, untag="draft")
    say(there.runs, 41.0, name="")
    far.push(packed(there.runs, run, parts=()))
    far.pull(here)
    (row,) = Runs(runs.root).list()
    assert (row.name, row.tags) == (None, ("paper",))


def test_another_run_with_the_same_id_is_refused(runs: Runs, far: Far) -> None:
    run = a_run(runs)
    far.push(packed(runs, run))
    card = far.read(f"runs/{run}.json")
    digest = runs.record(run)[1]
    forged = card.replace(digest.encode(), b"sha256:" + b"0" * 64)
    far.write(f"runs/{run}.json", forged)
    with pytest.raises(BundleRefused):
        far.push(packed(runs, run))
    assert far.read(f"runs/{run}.json") == forged


def test_a_damaged_blob_there_is_found_and_named(runs: Runs, far: Far, there: There) -> None:
    run = a_run(runs)
    far.push(packed(runs, run))
    blob = next(
        name for name in far.names() if name.startswith("blobs/") and len(far.read(name)) > 5000
    )
    good = far.read(blob)
    far.write(blob, b"?" + good[1:])
    with pytest.raises(StoreDamaged, match=blob.removeprefix("blobs/").replace("/", "")):
        far.pull(there)
    assert there.published() == []
    far.write(blob, good)
    assert far.pull(there).published == (run,)


def test_a_blob_that_is_gone_or_short_is_sent_again(runs: Runs, far: Far, there: There) -> None:
    run = a_run(runs)
    far.push(packed(runs, run))
    blob = next(
        name for name in far.names() if name.startswith("blobs/") and len(far.read(name)) > 5000
    )
    far.write(blob, b"short")
    with pytest.raises((StoreDamaged, StoreError)):
        far.pull(there)
    assert far.push(packed(runs, run)).blobs == 1
    assert far.pull(there).published == (run,)


@pytest.mark.parametrize(
    "card",
    [b"", b"{}", b"[" * 1000, b'{"format":"reprobox.card/1"}', b"\xff" * 50],
)
def test_a_card_that_cannot_be_read_is_refused(
    runs: Runs, far: Far, there: There, card: bytes
) -> None:
    run = a_run(runs)
    far.push(packed(runs, run))
    far.write(f"runs/{run}.json", card)
    with pytest.raises(BundleRefused):
        far.pull(there)
    assert there.published() == []


@pytest.mark.parametrize("name", ["runs/{run}.json", "reprobox-remote"])
def test_no_more_is_read_than_a_document_may_have(
    runs: Runs, far: Far, there: There, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_store, "_LARGEST_CARD", 1 << 20)
    run = a_run(runs)
    far.push(packed(runs, run))
    far.write(name.format(run=run), b" " * (48 << 20))
    with open_remote(far.url) as found:
        tracemalloc.start()
        try:
            with pytest.raises(BundleRefused) as caught:
                found.choose([run])
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()
    assert "is larger than" in caught.value.why


def test_a_newer_store_is_told_as_newer(runs: Runs, far: Far, there: There) -> None:
    far.push(packed(runs, a_run(runs)))
    far.write("reprobox-remote", b"reprobox.remote/2\n")
    with pytest.raises(NewerFormat):
        far.pull(there)
    with pytest.raises(NewerFormat):
        far.push(packed(runs, *runs.ids()))


def test_a_place_without_a_store_is_told(far: Far, there: There) -> None:
    with pytest.raises(StoreError, match="no store"):
        far.pull(there)


@pytest.mark.parametrize("far", ["s3", "ssh"], indirect=True)
def test_a_push_over_a_line_that_breaks_is_resumed(runs: Runs, far: Far, there: There) -> None:
    run = a_run(runs, {f"out/{number}": os.urandom(200_000) for number in range(30)})
    assert far.line is not None
    far.line.break_after(up=3_000_000)
    with pytest.raises(StoreError, match="failed"):
        far.push(packed(runs, run), far.breaking_url)
    far.line.break_after()
    assert f"runs/{run}.json" not in far.names()
    with pytest.raises((StoreError, RunNotFound)):
        far.pull(there, run)
    rest = far.push(packed(runs, run), far.breaking_url)
    assert 2_500_000 < rest.size < 4_000_000
    assert far.pull(there).published == (run,)
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))


@pytest.mark.parametrize("far", ["s3", "ssh"], indirect=True)
def test_a_pull_over_a_line_that_breaks_is_resumed_inside_of_a_file(
    runs: Runs, far: Far, there: There
) -> None:
    run = a_run(runs)
    far.push(packed(runs, run, wheels=[WHEEL]))
    assert far.line is not None
    far.line.break_after(down=6_000_000)
    with pytest.raises(StoreError, match="failed"):
        far.pull(there, url=far.breaking_url)
    assert there.published() == []
    (begun,) = [name for name in there.waiting() if (there.shared.root / "tmp" / name).exists()]
    assert (there.shared.root / "tmp" / begun).stat().st_size > 2_000_000
    far.line.break_after(down=8_000_000)
    assert far.pull(there, url=far.breaking_url).published == (run,)
    assert there.waiting() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("kind", ["directory", "ssh"])
def test_a_disk_that_is_full_or_read_only(
    runs: Runs, there: There, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    one, two = a_run(runs), a_run(runs, {"big": WHEEL}, now=1_795_188_700.0)
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "disk", 5_000_000))
        if kind == "ssh":
            (tmp_path / "sshd").mkdir()
            ssh = stack.enter_context(ssh_server(tmp_path / "sshd", Path(os.environ["HOME"])))
        url = str(disk / "x") if kind == "directory" else ssh.url(disk / "x")
        far = _of_directory(disk / "x", url, "", None)
        far.push(packed(runs, one))
        with pytest.raises(StoreError, match="failed"):
            far.push(packed(runs, two))
        assert [name for name in far.names() if name.startswith("runs/")] == [f"runs/{one}.json"]
        assert not [name for name in far.names() if "tmp" in name]
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(StoreError, match="failed"):
            far.push(packed(runs, two))
        assert far.pull(there).published == (one,)
        subprocess.run(["mount", "-o", "remount,rw,size=50000000", str(disk)], check=True)
        assert far.push(packed(runs, two)).published == (two,)
        assert far.pull(there).published == (two,)


def test_a_bucket_that_is_not_there(runs: Runs, bucket: Far) -> None:
    with pytest.raises(StoreError, match="failed") as told:
        bucket.push(packed(runs, a_run(runs)), "s3://nobody-made-this/x")
    assert "create the bucket" in told.value.next_step


def test_a_host_that_nobody_knows_is_refused(
    runs: Runs, ssh: Ssh, tmp_path: Path, nobodys_home: Path
) -> None:
    (nobodys_home / ".ssh" / "known_hosts").unlink()
    with pytest.raises(StoreError, match="known_hosts"), open_remote(ssh.url(tmp_path / "x")):
        pass
    assert not (tmp_path / "x").exists()


def test_a_host_whose_key_changed_is_refused(ssh: Ssh, tmp_path: Path, nobodys_home: Path) -> None:
    known = nobodys_home / ".ssh" / "known_hosts"
    other = (tmp_path / "sshd" / "user.pub").read_text().split()[1]
    known.write_text(f"[127.0.0.1]:{ssh.port} ssh-ed25519 {other}\n")
    with pytest.raises(StoreError, match="has changed"), open_remote(ssh.url(tmp_path / "x")):
        pass


def test_a_key_that_may_not_enter_is_told(ssh: Ssh, tmp_path: Path) -> None:
    (tmp_path / "sshd" / "authorized").write_text("")
    with pytest.raises(StoreError, match="connecting"), open_remote(ssh.url(tmp_path / "x")):
        pass


def test_nobody_answers(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="connecting"), open_remote("ssh://somebody@127.0.0.1:1/x"):
        pass


@pytest.mark.parametrize("url", ["ftp://host/x", "s3://", "ssh://", "http://host/x"])
def test_an_address_of_no_kind(url: str) -> None:
    with pytest.raises(UsageError), open_remote(url):
        pass


def test_a_file_over_ssh_is_never_in_memory_as_a_whole(ssh: Ssh, tmp_path: Path) -> None:
    """Closing early waits for all that was asked for, so it must not have been everything."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(120 << 20)
        file.seek(40 << 20)
        file.write(random.Random(1).randbytes(9 << 20))
    expected = hashlib.sha256((tmp_path / "large").read_bytes()[3:]).hexdigest()
    with contextlib.closing(Sftp(ssh.url(tmp_path))) as place:
        tracemalloc.start()
        try:
            with place.read("large", most=120 << 20) as stream:
                assert stream.read(100) == bytes(100)
                for thread in threading.enumerate():
                    if (
                        "_prefetch_thread" in thread.name
                    ):  # paramiko's: it ends when everything has been asked for
                        thread.join(60)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        hasher = hashlib.sha256()
        with place.read("large", 3, most=(60 << 20) - 3) as stream:
            while chunk := stream.read(1_000_003):
                hasher.update(chunk)
    assert peak < 60 << 20
    assert hasher.hexdigest() == expected
