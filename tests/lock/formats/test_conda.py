"""conda's files, with a channel on loopback: explicit lists, pixi.lock, environment.yml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conda_channel import Channel, Package, hello, native, serving
from lock_world import Index, Locker

from reprobox.errors import FetchError, HashMismatch, LockInvalid, ResolveError
from reprobox.model.lock import Lock
from reprobox.store.objects import ObjectStore

PYTHON = Package(name="python", version="3.11.9", files={"bin/python3.11": b"interpreter\n"})


@pytest.fixture
def channel(own_settings: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Channel]:
    own_settings.setenv("RATTLER_CACHE_DIR", str(tmp_path / "rattler"))
    with serving() as made:
        made.add(PYTHON)
        made.add(hello())
        made.add(native(), ".tar.bz2")
        yield made


def urls(channel: Channel) -> list[str]:
    return [f"{channel.url}/{place}" for place in channel.packages]


def explicit(root: Path, lines: list[str]) -> str:
    (root / "conda.txt").write_text("# platform: linux-64\n@EXPLICIT\n" + "\n".join(lines) + "\n")
    return "conda.txt"


def names(made: Lock) -> list[str]:
    return [package.name for package in made.conda]


@pytest.mark.parametrize("hashes", ["md5", "sha256", "sha256:", ""])
def test_an_explicit_list_with_each_kind_of_hash(
    hashes: str, channel: Channel, root: Path, lock: Locker, objects: ObjectStore
) -> None:
    kinds = {"md5": channel.md5, "sha256": channel.sha256}
    lines = [
        f"{url}#{'sha256:' if hashes == 'sha256:' else ''}{kinds[hashes.rstrip(':')](url)}"
        if hashes
        else url
        for url in urls(channel)
    ]
    made = lock(explicit(root, lines))
    assert names(made) == ["hello", "native", "python"]
    assert made.python.executable == "/opt/conda/bin/python3.11"
    for package in made.conda:
        url = f"{channel.url}/{package.subdir}/{package.filename}"
        assert package.sha256 == f"sha256:{channel.sha256(url)}"
        assert objects.verify(package.sha256)
    assert lock(explicit(root, lines), now=5).conda == made.conda


@pytest.mark.parametrize("length", [32, 64])
def test_bytes_that_are_not_the_list_s(
    length: int, channel: Channel, root: Path, lock: Locker
) -> None:
    with pytest.raises(HashMismatch):
        lock(explicit(root, [f"{url}#{'0' * length}" for url in urls(channel)]))


def test_what_a_channel_does_not_have(channel: Channel, root: Path, lock: Locker) -> None:
    lines = [*urls(channel), f"{channel.url}/linux-64/gone-1.0-h1_0.conda"]
    with pytest.raises(FetchError):
        lock(explicit(root, lines))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("numpy=1.0", "not a package: numpy=1.0"),
        ("https://c.invalid/osx-64/a-1.0-0.conda", "a package for osx-64"),
        ("https://c.invalid/linux-64/a-1.0-0.conda#abc", "neither md5 nor sha256"),
    ],
)
def test_lines_that_cannot_be_taken(line: str, said: str, root: Path, lock: Locker) -> None:
    with pytest.raises(LockInvalid, match=said) as caught:
        lock(explicit(root, [line]))
    assert caught.value.next_step


def test_the_interpreter_must_be_the_config_s(channel: Channel, root: Path, lock: Locker) -> None:
    file = explicit(root, urls(channel))
    with pytest.raises(
        ResolveError, match=r"have Python 3\.11, the config asks for 3\.12"
    ) as caught:
        lock(file, python="3.12")
    assert caught.value.next_step == "say `python: '3.11'` in the config"
    without = [url for url in urls(channel) if "/python-" not in url]
    with pytest.raises(ResolveError, match="have no interpreter"):
        lock(explicit(root, without))
    assert lock(explicit(root, without[1:])).python.executable == "/usr/bin/python3.11"


def test_environment_yml_is_resolved_with_pip_s_part(
    channel: Channel, root: Path, lock: Locker, index: Index
) -> None:
    index.add("alpha", "1.0")
    channel.add(Package(name="native", version="2.0", files={"lib/new": b"2"}))
    text = f"name: mine\nchannels:\n  - {channel.url}  # ours\n  - nodefaults\ndependencies:\n"
    text += "  - python=3.11\n  - hello\n  - native<2\n  - pip:\n    - alpha==1.0\nprefix: /x\n"
    (root / "environment.yml").write_text(text)
    made = lock("environment.yml")
    assert [(one.name, one.version) for one in made.conda] == [
        *(("hello", "1.0"), ("native", "1.0"), ("python", "3.11.9")),
    ]
    assert [wheel.name for wheel in made.wheels] == ["alpha"]
    (root / "environment.yml").write_text(text.replace("native<2", "native>7"))
    with pytest.raises(ResolveError, match="no set of conda packages") as caught:
        lock("environment.yml")
    assert "native" in caught.value.why


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("name: x\n", LockInvalid, "no `dependencies`"),
        ("dependencies: [python]\n", ResolveError, "names no channels"),
        ("dependencies:\n  python: 3\n", LockInvalid, "line 2"),
    ],
)
def test_environment_yml_that_cannot_be_taken(
    text: str, error: type[Exception], said: str, root: Path, lock: Locker
) -> None:
    (root / "environment.yml").write_text(text)
    with pytest.raises(error) as caught:
        lock("environment.yml")
    assert said in str(caught.value)


PIXI = """\
version: 6
environments:
  default:
    channels:
    - url: {url}
    packages:
      linux-64:
{default}
  small:
    channels:
    - url: {url}
    packages:
      linux-64:
{small}
packages:
{packages}
"""


def pixi(root: Path, channel: Channel) -> str:
    rows = {url: f"      - conda: {url}" for url in urls(channel)}
    packages = "\n".join(
        f"- conda: {url}\n  sha256: {channel.sha256(url)}\n  md5: {channel.md5(url)}"
        for url in rows
    )
    small = "\n".join(row for url, row in rows.items() if "hello" not in url)
    text = PIXI.format(
        url=channel.url + "/", default="\n".join(rows.values()), small=small, packages=packages
    )
    (root / "pixi.lock").write_text(text)
    return "pixi.lock"


def test_pixi_lock_and_its_environments(channel: Channel, root: Path, lock: Locker) -> None:
    file = pixi(root, channel)
    assert names(lock(file)) == ["hello", "native", "python"]
    assert names(lock(file + "{small}")) == ["native", "python"]
    with pytest.raises(ResolveError, match="no environment nope"):
        lock(file + "{nope}")
    (root / "pixi.lock").write_text("version: [")
    with pytest.raises(LockInvalid, match=r"not a pixi\.lock"):
        lock("pixi.lock")


def test_locks_without_conda_have_no_such_field(lock: Locker, index: Index) -> None:
    from reprobox.model import codec

    index.add("alpha", "1.0")
    assert "conda" not in codec.to_json(lock("alpha"))
