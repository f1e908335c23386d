"""Debian packages by the host's real apt and mirror."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from lock_world import NOW, Talk, tar_bytes

from reprobox.errors import FetchError, ResolveError
from reprobox.lock import debs, fetch, host_apt, resolve
from reprobox.lock.standalone import NoPythonError
from reprobox.model.lock import Lock
from reprobox.model.spec import BaseIntent, Environment
from reprobox.store.objects import ObjectStore

BOOKWORM = Environment(base=BaseIntent(kind="debian", reference="bookworm"), apt=("jq",))


def _resolve(
    env: Environment, objects: ObjectStore, talk: Talk, root: Path, **more: object
) -> Lock:
    given = {"previous": None, "now": NOW, **more}
    return resolve.resolve(env, root=root, objects=objects, engine=None, progress=talk, **given)  # type: ignore[arg-type]


def _host() -> list[tuple[Path, int]]:
    """What the host's own apt and dpkg keep, with the times of the last change."""
    places = [Path("/var/lib/apt"), Path("/var/cache/apt"), Path("/var/lib/dpkg")]
    return [(path, path.stat().st_mtime_ns) for one in places for path in sorted(one.rglob("*"))]


@pytest.fixture(scope="module")
def before() -> list[tuple[Path, int]]:
    return _host()


@pytest.fixture(scope="module")
def bookworm(
    before: object, shared_objects: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Lock:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(shared_objects.root.parent / "cache"))
        return _resolve(BOOKWORM, shared_objects, Talk(), tmp_path_factory.mktemp("root"))


def test_a_base_of_packages_by_hash(
    bookworm: Lock, shared_objects: ObjectStore, talk: Talk
) -> None:
    names = [deb.name for deb in bookworm.base.packages]
    assert names == sorted(names)
    assert {
        "dpkg",
        "libc6",
        "base-files",
        "python3.11",
        "python3.11-minimal",
        "libsqlite3-0",
        "libssl3",
        "media-types",
    } <= set(names)
    assert len(names) < 130
    assert sum(deb.size for deb in bookworm.base.packages) < 60_000_000
    assert (bookworm.python.version, bookworm.python.executable) == ("3.11", "/usr/bin/python3.11")
    fetch.verify(bookworm, shared_objects, talk)


def test_packages_on_top_hold_only_what_the_base_lacks(
    bookworm: Lock, shared_objects: ObjectStore
) -> None:
    names = [deb.name for deb in bookworm.debs]
    assert names == ["jq", "libjq1", "libonig5"]
    jq = bookworm.debs[0]
    told = subprocess.run(
        ["dpkg-deb", "-f", shared_objects.path(jq.sha256), "Version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == jq.version


def test_the_hosts_apt_is_not_touched(bookworm: Lock, before: list[tuple[Path, int]]) -> None:
    assert bookworm.debs
    assert _host() == before


def test_previous_packages_are_kept_though_the_archive_moves_on(
    bookworm: Lock, shared_objects: ObjectStore, talk: Talk, tmp_path: Path
) -> None:
    """Stands in for an archive that moved on: the previous lock has a jq of our own making, newer
    than any.
    """
    work = tmp_path / "jq"
    (work / "DEBIAN").mkdir(parents=True)
    (work / "DEBIAN" / "control").write_text(
        "Package: jq\nVersion: 1:0.1\nArchitecture: amd64\nMaintainer: a "
        "<a@example.invalid>\nDescription: a test\n"
    )
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", work, tmp_path / "jq.deb"],
        check=True,
        capture_output=True,
    )
    digest = shared_objects.put_file(tmp_path / "jq.deb")
    ours = replace(
        bookworm.debs[0],
        version="1:0.1",
        filename="jq_1%3a0.1_amd64.deb",
        sha256=digest,
        size=shared_objects.path(digest).stat().st_size,
    )
    previous = replace(bookworm, debs=(ours,))
    more = replace(BOOKWORM, apt=("jq", "file"))
    try:
        kept = _resolve(more, shared_objects, talk, tmp_path, previous=previous)
        assert ours in kept.debs
        assert kept.base == bookworm.base
        freed = _resolve(
            more, shared_objects, talk, tmp_path, previous=previous, upgrade_packages=("jq",)
        )
        assert bookworm.debs[0] in freed.debs
    finally:
        shared_objects.remove(digest)


def test_what_can_be_asked_for(bookworm: Lock, shared_objects: ObjectStore, talk: Talk) -> None:
    base, jq = bookworm.base.packages, bookworm.debs[0]
    with debs.archive_of(bookworm.base, shared_objects, talk) as apt:
        found = debs.on_top(apt, [f"jq={jq.version}"], base)
        assert tuple(offer.deb for offer in found) == bookworm.debs
        with pytest.raises(ResolveError, match="apt cannot install") as caught:
            debs.on_top(apt, ["jq=0.0"], base)
        assert "Version '0.0' for 'jq' was not found" in caught.value.why
        with pytest.raises(ResolveError) as caught:
            debs.on_top(apt, ["no-such-package-here"], base)
        assert "Unable to locate package no-such-package-here" in caught.value.why
        for version, step in (("3.13", "use the suite 'trixie'"), ("3.12", "`python: '3.11'`")):
            with pytest.raises(NoPythonError, match=f"bookworm has no Python {version}") as none:
                debs.check_python(apt, "bookworm", version)
            assert none.value.why == "It has 3.11."
            assert step in none.value.next_step
        # One that has left the lists is looked for beside its successor.
        digest = "sha256:" + "0" * 64
        urls = apt.addresses({digest: ("jq", "1:9+x", "jq_1%3a9+x_amd64.deb")})[digest]
    assert any(url.endswith("/pool/main/j/jq/jq_9%2Bx_amd64.deb") for url in urls)
    assert all(url.endswith("/main/j/jq/jq_9%2Bx_amd64.deb") for url in urls)


def test_debs_come_back_by_name_version_and_hash(
    bookworm: Lock, shared_objects: ObjectStore, objects: ObjectStore, talk: Talk
) -> None:
    lost = [bookworm.debs[0], next(deb for deb in bookworm.base.packages if "%3a" in deb.filename)]
    for deb in (*bookworm.base.packages, *bookworm.debs):
        if deb not in lost:
            objects.put_file(shared_objects.path(deb.sha256))
    assert {piece.name for piece in fetch.missing(bookworm, objects)} == {deb.name for deb in lost}
    fetch.complete(bookworm, objects, talk)
    fetch.verify(bookworm, objects, talk)


def test_on_a_base_with_dpkg_its_own_packages_are_not_fetched(
    root: Path, objects: ObjectStore, talk: Talk
) -> None:
    env = replace(BOOKWORM, base=BaseIntent(kind="archive", reference="base.tar"))
    made = _resolve(env, objects, talk, root)
    assert [deb.name for deb in made.debs] == ["jq", "libjq1", "libonig5"]
    objects.remove(made.debs[0].sha256)
    fetch.complete(made, objects, talk)
    fetch.verify(made, objects, talk)


def test_a_base_without_apt_is_refused(root: Path, objects: ObjectStore, talk: Talk) -> None:
    (root / "base.tar").write_bytes(tar_bytes({"usr/bin/python3.11": b"#!"}))
    with pytest.raises(ResolveError, match="no Debian packages to resolve against"):
        _resolve(
            replace(BOOKWORM, base=BaseIntent(kind="archive", reference="base.tar")),
            objects,
            talk,
            root,
        )


def test_no_apt_on_the_host(
    talk: Talk, objects: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPROBOX_DEBIAN_MIRROR", "http://127.0.0.1:9/debian")
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(ResolveError, match="no apt-get") as caught:
        _resolve(BOOKWORM, objects, talk, tmp_path)
    assert "Debian or Ubuntu host" in caught.value.next_step


@pytest.mark.parametrize(
    ("suite", "told"), [("bookwrm", "`base: debian:bookworm`"), ("hardy", "REPROBOX_DEBIAN_MIRROR")]
)
def test_a_suite_that_the_mirror_does_not_have_is_named(
    suite: str,
    told: str,
    talk: Talk,
    objects: ObjectStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("REPROBOX_DEBIAN_MIRROR", f"file://{tmp_path}/mirror")
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path))
    environment = Environment(base=BaseIntent(kind="debian", reference=suite))
    with pytest.raises(ResolveError, match=f"no Debian suite '{suite}'") as caught:
        _resolve(environment, objects, talk, tmp_path)
    assert told in caught.value.next_step
    assert "does not have a Release file" in caught.value.why


def test_a_mirror_that_does_not_answer_is_not_blamed_on_the_suite(
    talk: Talk, objects: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPROBOX_DEBIAN_MIRROR", "http://127.0.0.1:9/debian")
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path))
    patient = host_apt._CONFIG
    monkeypatch.setattr(host_apt, "_CONFIG", patient.replace('Retries "3"', 'Retries "0"'))
    with pytest.raises(FetchError, match="could not be asked") as caught:
        _resolve(BOOKWORM, objects, talk, tmp_path)
    assert "check the network" in caught.value.next_step
