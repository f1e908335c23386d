"""Places that fsspec knows: its memory, and a real WebDAV server on loopback."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from far_away import free_port, served
from travelling import Silent, There, a_run, a_verdict, packed, snapshot

from reprobox.errors import BundleRefused, StoreError, UsageError
from reprobox.store.remotes import kinds, registry
from reprobox.store.remotes.fsspec_place import FsspecPlace
from reprobox.store.remotes.registry import open_remote
from reprobox.store.remotes.remote_store import RemoteStore
from reprobox.store.runs import Runs
from reprobox.store.transfer import copy

pytest.importorskip("fsspec")
_NUMBERS = itertools.count()


@contextlib.contextmanager
def webdav_server(folder: Path, *, user: str = "") -> Iterator[int]:
    """WsgiDAV over a directory."""
    port = free_port()
    (folder / "tree").mkdir(parents=True)
    (folder / "config.json").write_text(
        json.dumps(
            {
                "host": "127.0.0.1",
                "port": port,
                "provider_mapping": {"/": str(folder / "tree")},
                "simple_dc": {
                    "user_mapping": {"*": {user: {"password": "secret"}} if user else True}
                },
                "http_authenticator": {"accept_basic": True, "accept_digest": False},
            }
        )
    )
    argv = [sys.executable, "-m", "wsgidav.server.server_cli", "--server=cheroot"]
    argv += ["--config", str(folder / "config.json")]
    with served(argv, port, folder):
        yield port


@pytest.fixture(params=["memory", "webdav"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "memory":
        yield f"memory://store-{next(_NUMBERS)}/lab"
        return
    pytest.importorskip("webdav4")
    with webdav_server(tmp_path / "dav") as port:
        yield f"webdav://127.0.0.1:{port}/lab/x"


def push(address: str, parcels: copy.Parcels) -> copy.Copied:
    destination = RemoteStore(FsspecPlace(address))
    return copy.copy(copy.plan(parcels, destination), parcels, destination, Silent())


def pull(address: str, there: There, *runs: str) -> copy.Copied:
    return there.take(RemoteStore(FsspecPlace(address)).choose(runs))


def test_push_and_pull(runs: Runs, address: str, tmp_path: Path) -> None:
    run = a_run(runs, {f"out/{number}": b"%d" % number for number in range(100)})
    runs.add_verdict(run, a_verdict(run, run))
    pushed = push(address, packed(runs, run, wheels=[bytes(300_000)]))
    assert pushed.published == (run,)
    there = There(tmp_path / "there")
    assert pull(address, there).published == (run,)
    assert snapshot(there.runs.path(run)) == snapshot(runs.path(run))
    assert push(address, packed(runs, run, wheels=[bytes(300_000)])).blobs == 0
    there.runs.add_verdict(run, a_verdict(run, run, checked=5.0))
    assert push(address, packed(there.runs, run, parts=())).completed == (run,)
    assert pull(address, There(tmp_path / "third")).published == (run,)
    assert len(There(tmp_path / "third").runs.verdicts(run)) == 2


def test_another_run_of_the_same_id_is_refused(runs: Runs, address: str) -> None:
    run = a_run(runs)
    push(address, packed(runs, run))
    runs.remove(run)
    a_run(runs, seed=1, run_id=run)
    with pytest.raises(BundleRefused):
        push(address, packed(runs, run))


def test_a_place_without_a_store(address: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        pull(address, There(tmp_path / "there"))


def test_credentials_come_from_netrc(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("webdav4")
    monkeypatch.setenv("HOME", str(tmp_path))
    with webdav_server(tmp_path / "dav", user="ann") as port:
        address = f"webdav://127.0.0.1:{port}/x"
        with pytest.raises(StoreError):
            push(address, packed(runs, a_run(runs)))
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ann password secret\n")
        (tmp_path / ".netrc").chmod(0o600)
        assert push(address, packed(runs, *runs.ids())).published == tuple(runs.ids())


@pytest.mark.parametrize(
    "url", ["gs://", "webdav:///x", "webdav://host:99999/x", "WEBDAVS://:80/x"]
)
def test_addresses_that_name_nothing(url: str) -> None:
    with pytest.raises(UsageError), open_remote(url):
        pass


def test_what_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(UsageError) as caught:
        registry._place("GS://bucket/x")
    assert "reprobox[gs]" in caught.value.next_step
    assert "gs" in next(kind for kind in kinds.REMOTES if kind.name == "FsspecPlace").schemes
