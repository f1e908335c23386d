"""Debian packages: a base made of nothing but packages, and packages on top of any base that has
dpkg.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from reprobox.errors import ResolveError
from reprobox.kit import proc
from reprobox.lock import host_apt
from reprobox.lock.host_apt import Apt, Offer, Sources
from reprobox.lock.image_tree import Tree
from reprobox.lock.standalone import NoPythonError
from reprobox.model.lock import BaseLock, Deb
from reprobox.model.ports import Objects, Progress

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_MIRROR, _SECURITY, _KEYS = (
    "REPROBOX_DEBIAN_MIRROR",
    "REPROBOX_DEBIAN_SECURITY_MIRROR",
    "REPROBOX_DEBIAN_KEYRING",
)
_ROLLING = ("sid", "unstable", "experimental")
"""Suites without updates and security suites of their own."""
_PYTHONS = {"bullseye": "3.9", "bookworm": "3.11", "trixie": "3.13", "forky": "3.14"}
"""The interpreter of each suite (its package python3-minimal)."""
_KEY_DIRECTORIES = ("etc/apt/trusted.gpg.d", "etc/apt/keyrings", "usr/share/keyrings")


def suite_sources(suite: str) -> Sources:
    """The archive of a Debian suite: the host's own mirror, or the one in REPROBOX_DEBIAN_MIRROR.

    Raises:
        ResolveError: no mirror or keyring is known here.
    """
    keyring = os.environ.get(_KEYS, _KEYRING)
    if not Path(keyring).is_file():
        raise ResolveError(
            "the keys of the Debian archive are not on this host",
            why=f"{keyring} does not exist.",
            next_step=f"install debian-archive-keyring, or name a keyring in {_KEYS}",
        )
    main, security = _mirrors()
    lines = [f"deb [signed-by={keyring}] {main} {suite} main"]
    if suite not in _ROLLING:
        lines.append(f"deb [signed-by={keyring}] {main} {suite}-updates main")
        if security:
            lines.append(f"deb [signed-by={keyring}] {security} {suite}-security main")
    return Sources(files={"suite.list": "\n".join(lines) + "\n"}, suite=suite)


def _mirrors() -> tuple[str, str | None]:
    """The main and the security archive."""
    if _MIRROR in os.environ:
        return os.environ[_MIRROR], os.environ.get(_SECURITY)
    targets = _host_targets() if _host_id() == "debian" else []
    main = [uri for uri, release in targets if "-" not in release]
    security = [uri for uri, release in targets if release.endswith("-security")]
    if not main:
        raise ResolveError(
            "no Debian mirror is known here",
            why="The host's apt has no source of a Debian suite.",
            next_step=f"name one in {_MIRROR} (and {_SECURITY}), such as the URL of your "
            "distribution's mirror",
        )
    return main[0], os.environ.get(_SECURITY, security[0] if security else None)


def _host_targets() -> list[tuple[str, str]]:
    try:
        done = proc.run(
            [
                "apt-get",
                "indextargets",
                "--format",
                "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                "Created-By: Packages",
            ]
        )
    except FileNotFoundError:
        return []
    lines = [line.split() for line in done.out.decode().splitlines()]
    found = [(words[0], words[1]) for words in lines if len(words) == 3 and words[2] == "main"]
    return found or _host_releases()


def _host_releases() -> list[tuple[str, str]]:
    """The same from what `update` would fetch: `indextargets` names only lists that are on the
    disk, and container images are shipped without.
    """
    done = proc.run(["apt-get", "update", "--print-uris"])
    return re.findall(
        r"^'(\S+?/)dists/(\S+)/(?:In)?Release'", done.out.decode("utf-8", "replace"), re.MULTILINE
    )


def _host_id() -> str:
    path = Path("/etc/os-release")
    return os_release(path.read_bytes()).get("ID", "") if path.is_file() else ""


def os_release(data: bytes) -> dict[str, str]:
    """os-release(5) as a mapping."""
    pairs = re.findall(
        r"^([A-Z_]+)=[\"']?([^\"'\n]*)[\"']?$", data.decode("utf-8", "replace"), re.MULTILINE
    )
    return dict(pairs)


def tree_sources(tree: Tree, reference: str) -> Sources:
    """The archive that an image's packages come from: the host's mirror for Debian, else the
    image's own sources and keys.

    Raises:
        ResolveError: the image has no apt.
    """
    release = os_release(tree.read("etc/os-release") or tree.read("usr/lib/os-release") or b"")
    if release.get("ID") == "debian" and "VERSION_CODENAME" in release:
        return suite_sources(release["VERSION_CODENAME"])
    texts = {path: tree.read(path) or b"" for path in tree.paths("etc/apt/sources.list")}
    sources = {
        Path(path).name: data.decode()
        for path, data in texts.items()
        if path.endswith((".list", ".sources"))
    }
    if not sources:
        raise ResolveError(
            f"the base {reference} has no Debian packages to resolve against",
            why="It has no apt sources.",
            next_step="leave out `apt`, or choose a Debian or Ubuntu base",
        )
    trusted = {
        Path(path).name: tree.read(path) or b""
        for directory in _KEY_DIRECTORIES
        for path in tree.paths(directory + "/")
    }
    return Sources(
        files=sources,
        trusted={name: data for name, data in trusted.items() if name.endswith((".gpg", ".asc"))},
    )


def status_of(tree: Tree) -> bytes:
    """dpkg's status of what is installed in an image. Distroless images keep one file a package."""
    pieces = [
        tree.read("var/lib/dpkg/status"),
        *(
            tree.read(path)
            for path in tree.paths("var/lib/dpkg/status.d/")
            if ".md5sums" not in path
        ),
    ]
    return b"\n\n".join(piece.strip() for piece in pieces if piece) + b"\n"


def archive_of(
    base: BaseLock,
    objects: Objects,
    progress: Progress,
    prefer: Iterable[Deb] = (),
    tree: Tree | None = None,
) -> AbstractContextManager[Apt]:
    """A private apt that offers what a locked base's packages come from; its state is what is
    installed in the base.
    """
    if base.kind == "debian":
        return host_apt.private(
            suite_sources(base.reference), prefer=prefer, objects=objects, progress=progress
        )
    tree = tree or Tree(objects.path(diff_id) for diff_id in base.diff_ids)
    return host_apt.private(
        tree_sources(tree, base.reference),
        status=status_of(tree),
        prefer=prefer,
        objects=objects,
        progress=progress,
    )


def debian_base(archive: Apt, python: str | None) -> list[Offer]:
    """Packages of a base: Essential and required (Debian Policy 2.5, 3.8), and the interpreter with
    its standard library.

    Args:
        python: None where the interpreter comes from elsewhere.
    """
    needed = ["?essential", "?priority(required)"]
    return archive.plan(needed if python is None else [*needed, f"python{python}"])


def check_python(archive: Apt, suite: str, python: str) -> None:
    """Looks for a suite's package of the interpreter.

    Raises:
        NoPythonError: the suite has another Python.
    """
    names = archive.names("python3.")
    if f"python{python}" in names:
        return
    offered = sorted(name for name in names if re.fullmatch(r"python3\.\d+", name))
    has = ", ".join(name.removeprefix("python") for name in offered) or "none"
    other = [name for name, version in _PYTHONS.items() if version == python]
    step = (
        f"use the suite {other[0]!r}"
        if other
        else f"say `python: '{has.split(', ')[0]}'`, list conda's `python={python}` in an "
        f"environment.yml under `requirements`, or use a registry base with {python}"
    )
    raise NoPythonError(
        f"Debian {suite} has no Python {python}", why=f"It has {has}.", next_step=step
    )


def on_top(archive: Apt, packages: Iterable[str], base: Iterable[Deb] = ()) -> list[Offer]:
    """What is to be installed for these packages besides the base's own.

    Args:
        packages: `name` or `name=version`.
        base: packages that a Debian base consists of; none where the archive knows what is
            installed.
    """
    names = list(packages)
    if not names:
        return []
    given = {deb.name: f"{deb.name}={deb.version}" for deb in base}
    asked = {name.partition("=")[0] for name in names}
    offers = archive.plan([*(pin for name, pin in given.items() if name not in asked), *names])
    return [offer for offer in offers if offer.deb.name not in given]


def glibc_minor(tree: Tree | None, packages: Iterable[Deb]) -> int | None:
    """The minor version of the image's glibc as dpkg knows it; None when it does not."""
    versions = [deb.version for deb in packages if deb.name == "libc6"]
    if tree is not None:
        match = re.search(
            rb"^Package: libc6\n(?:.+\n)*?Version: (\S+)", status_of(tree), re.MULTILINE
        )
        versions += [match[1].decode()] if match else []
    numbers = [re.match(r"2\.(\d+)", version) for version in versions]
    return next((int(number[1]) for number in numbers if number), None)
