"""Commits of other repositories."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest
from lock_world import Talk

from reprobox.errors import FetchError
from reprobox.lock import git_source
from reprobox.store.objects import ObjectStore


def git(folder: Path, *words: str) -> str:
    argv = ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid", *words]
    return subprocess.run(argv, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "library"
    place.mkdir()
    git(place, "init", "--quiet", "-b", "main")
    (place / "library.py").write_text("VALUE = 1\n")
    (place / "run.sh").write_text("true\n")
    (place / "run.sh").chmod(0o755)
    (place / "link").symlink_to("library.py")
    git(place, "add", "-A")
    git(place, "commit", "--quiet", "-m", "one")
    git(place, "tag", "v1")
    (place / "library.py").write_text("VALUE = 2\n")
    git(place, "commit", "--quiet", "-a", "-m", "two")
    return place


@pytest.mark.parametrize("revision", ["v1", "main", ""])
def test_a_commit_is_kept_by_its_bytes(
    revision: str, repository: Path, objects: ObjectStore, talk: Talk
) -> None:
    url = f"git+{repository.as_uri()}" + (f"@{revision}" if revision else "")
    asked = git_source.parse(url)
    first = git_source.fetch("library", "0", asked, objects=objects, progress=talk)
    assert first.commit == git(repository, "rev-parse", revision or "HEAD").strip()
    again = git_source.fetch("library", "0", asked, objects=objects, progress=talk)
    assert (again.digest, again.filename) == (first.digest, first.filename)
    found = git_source.parse(f"{url.partition('@')[0]}@{first.commit}")
    repository.rename(repository.with_name("gone"))
    kept = git_source.fetch("library", "0", found, objects=objects, progress=talk)
    assert kept.digest == first.digest, "a commit that was fetched needs no network"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[build-system]\nrequires = ["setuptools-scm"]\n', "v1.0-1-g"),
        ('[build-system]\nrequires = ["hatchling", "hatch-vcs"]\n', "v1.0-1-g"),
        ('[build-system]\nrequires = ["setuptools"]\n', None),
    ],
)
def test_a_version_that_git_gives_goes_along(
    text: str, expected: str | None, repository: Path, objects: ObjectStore, talk: Talk
) -> None:
    git(repository, "tag", "v1.0")
    (repository / "pyproject.toml").write_text(text)
    git(repository, "add", "-A")
    git(repository, "commit", "--quiet", "-m", "three")
    asked = git_source.parse(f"git+{repository.as_uri()}")
    found = git_source.fetch("library", "0", asked, objects=objects, progress=talk)
    with tarfile.open(objects.path(found.digest)) as packed:
        names = [name for name in packed.getnames() if name.endswith("/.git_archival.txt")]
        assert len(names) == (expected is not None)
        if names:
            member = packed.extractfile(names[0])
            assert member is not None
            node, described = member.read().decode().splitlines()
            assert node == f"node: {found.commit}"
            assert described == f"describe-name: {expected}{str(found.commit)[:7]}"


def test_a_revision_that_is_not_there(repository: Path, objects: ObjectStore, talk: Talk) -> None:
    asked = git_source.parse(f"git+{repository.as_uri()}@nope")
    with pytest.raises(FetchError, match="no revision nope"):
        git_source.fetch("library", "0", asked, objects=objects, progress=talk)


@pytest.mark.parametrize(
    ("url", "where", "revision", "subdirectory"),
    [
        ("git+https://h.invalid/a/b.git@v1#subdirectory=x", "https://h.invalid/a/b.git", "v1", "x"),
        ("git+ssh://git@h.invalid/a/b.git", "ssh://git@h.invalid/a/b.git", "", None),
        ("git+ssh://git@h.invalid/a/b@c0ffee", "ssh://git@h.invalid/a/b", "c0ffee", None),
        ("git+https://u:p@h.invalid/a#egg=a", "https://u:p@h.invalid/a", "", None),
    ],
)
def test_addresses(url: str, where: str, revision: str, subdirectory: str | None) -> None:
    found = git_source.parse(url)
    assert (found.url, found.commit, found.subdirectory) == (where, revision, subdirectory)
