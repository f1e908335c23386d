"""Addresses of remote stores: what each means, and clear errors for those that mean nothing."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest
from flow_project import Project

from reprobox.errors import StoreError, UsageError
from reprobox.store.remotes import registry
from reprobox.store.remotes.kinds import REMOTES
from reprobox.store.remotes.registry import open_remote


@pytest.mark.parametrize(
    ("url", "scheme", "rest"),
    [
        ("ann@lab:/srv/runs", "ssh", "//ann@lab/srv/runs"),
        ("ann@lab:runs", "ssh", "//ann@lab/~/runs"),
        ("lab:runs/2026", "ssh", "//lab/~/runs/2026"),
        ("lab:", "ssh", "//lab/~/"),
        ("S3://bucket/x", "s3", "//bucket/x"),
        ("SSH://lab/x", "ssh", "//lab/x"),
        ("FILE:///mnt/runs", "file", "/mnt/runs"),
        ("/mnt/a:b/runs", "file", "/mnt/a:b/runs"),
        ("./a:b", "file", "./a:b"),
        ("runs", "file", "runs"),
    ],
)
def test_what_an_address_means(url: str, scheme: str, rest: str) -> None:
    assert registry._parts(url) == (scheme, rest)


def test_a_directory_that_is_there_is_meant_before_a_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:b").mkdir()
    assert registry._parts("a:b") == ("file", "a:b")


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://host/x", "HTTP://host/x", "s3://", "S3:///x", "ssh://", "ssh:///x", ""),
        *("ssh://host:99999/x", "ssh://host:0/x", "ssh://host:port/x", "ssh://host:-1/x"),
        *(":/srv", "a\0b"),
    ],
)
def test_an_address_that_means_nothing(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught, open_remote(url):
        pass
    assert caught.value.next_step
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("url", ["ann@127.0.0.1:/srv/runs", "ssh://ann@127.0.0.1:1/x"])
def test_a_host_that_does_not_answer_makes_no_directory(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(StoreError, match="connecting to ssh://"), open_remote(url):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", REMOTES, ids=lambda kind: kind.module)
def test_each_kind_has_its_file_and_class(kind: object) -> None:
    module = importlib.import_module(f"reprobox.store.remotes.{kind.module}")  # type: ignore[attr-defined]
    place = getattr(module, kind.name)  # type: ignore[attr-defined]
    for method in ("sizes", "names", "read", "write", "create", "clear", "close"):
        assert callable(getattr(place, method))


@pytest.mark.parametrize("where", ["a file/below", "a file", "/proc/none/x", "dead link/x"])
def test_a_directory_that_cannot_be_made_is_an_error_of_the_store(
    bare_project: Project, where: str
) -> None:
    (bare_project.top / "a file").write_text("x")
    (bare_project.top / "dead link").symlink_to("nowhere/at all")
    from harness_runs import a_finished_run

    from reprobox.store.project import open_project

    a_finished_run(open_project(bare_project.top))
    said = bare_project("push", "latest", "--to", where, "--with", "none")
    assert said.code == 24 or (said.code == 52 and "Traceback" not in said.err), said.err
