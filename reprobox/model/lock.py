"""The lock: everything an image is made of, by hash, with no address in it."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Any, ClassVar

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.later import later
from reprobox.model.spec import BaseKind


@dataclass(frozen=True, kw_only=True)
class Deb:
    """A Debian binary package."""

    name: str
    version: str
    architecture: str
    filename: str
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Sdist:
    """A source distribution, or the tree of a commit."""

    filename: str
    sha256: str
    size: int
    commit: str | None = None
    """The git commit whose tree it is (`git+URL` requirements)."""
    subdirectory: str | None = None
    """The project's directory in the tree, where it is not the top."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """How a wheel was made of a source distribution: once, in the lock's own base image."""

    sdist: Sdist
    requires: tuple[Wheel, ...]
    """The build environment: what the build backend asked for, and all that needs."""
    repeats: bool
    """Whether a second build gave the same bytes."""


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A Python wheel."""

    name: str
    version: str
    filename: str
    sha256: str
    size: int
    built: Built | None = later(None)
    """For a wheel that no index has: what it was made of."""
    editable: str | None = later(None)
    """For the commit's own project, whose code is not in the wheel: its directory, relative to the
    top of the repository.
    """


@dataclass(frozen=True, kw_only=True)
class BuildSystem:
    """How the wheel of a source distribution is made (PEP 517, PEP 518)."""

    directory: str
    """Of the project in the archive."""
    backend: str
    backend_path: tuple[str, ...] = ()
    epoch: int
    """SOURCE_DATE_EPOCH: the newest time in the archive, seconds since 1970."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a build of a source distribution gave."""

    filename: str = ""
    sha256: str = ""
    size: int = 0
    repeats: bool = False
    needs: tuple[str, ...] = ()
    """Requirements that the backend asked for and did not have; then there is no wheel yet."""


CONDA = "opt/conda"
"""The prefix of conda packages, relative to the root of the image."""


@dataclass(frozen=True, kw_only=True)
class Conda:
    """A conda package."""

    name: str
    version: str
    build: str
    subdir: str
    """`linux-64` or `noarch`."""
    filename: str
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Contested:
    """A path at which several wheels have different files."""

    path: str
    """In the image, without a leading slash."""
    wheels: tuple[str, ...]
    """Names, in the order in which pip installs them: the last one's file is there."""
    sha256: str
    """Of that file, as RECORD writes it (unpadded base64url)."""
    size: int


@dataclass(frozen=True, kw_only=True)
class BaseLock:
    """The base, pinned. `debian`: composed from `packages`, so rebuildable; the other kinds: by the
    digests of their layers.
    """

    kind: BaseKind
    reference: str
    """As asked: suite, registry reference, Dockerfile or archive path."""
    packages: tuple[Deb, ...] = ()
    digest: str | None = None
    """Manifest digest in the registry (an address), where there is one."""
    diff_ids: tuple[str, ...] = ()
    """Digests of the uncompressed layers, bottom first; they are in the store."""
    config: dict[str, Any] = field(default_factory=dict)
    """The base's own `config` object (Env, ...) as the OCI image-spec has it; merged below ours."""
    dockerfile: str | None = None
    """sha256 of the Dockerfile's bytes."""


STANDALONE = "opt/python"
"""The prefix of a standalone interpreter, relative to the root of the image."""


@dataclass(frozen=True, kw_only=True)
class Standalone:
    """An interpreter of python-build-standalone (`install_only`), as its archive."""

    version: str
    """`X.Y.Z`"""
    filename: str
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Python:
    """The image's interpreter."""

    version: str
    """`X.Y`"""
    executable: str
    """Absolute path in the image, such as `/usr/bin/python3.11`."""
    standalone: Standalone | None = later(None)
    """Where neither the base nor a package brings it."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the image came out as the first time; every later build must match it."""

    config: str
    manifest: str
    diff_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """`reprobox.lock`. The digest that names a lock leaves out `image`, which is a consequence of
    the rest.
    """

    FORMAT: ClassVar[str] = "reprobox.lock/1"

    format: str = FORMAT
    intent: str
    """Digest of the intent that this lock answers (Environment and the bytes of the requirement
    files).
    """
    platform: str = "linux/amd64"
    timestamp: int
    """Seconds since 1970; the image's `created`. Kept when a lock is made again with the same
    content.
    """
    python: Python
    base: BaseLock
    debs: tuple[Deb, ...] = ()
    wheels: tuple[Wheel, ...] = ()
    bytecode: bool = False
    image_env: dict[str, str] = field(default_factory=dict)
    image: Expected | None = None
    contested: tuple[Contested, ...] = later(())
    conda: tuple[Conda, ...] = later(())

    def without_image(self) -> Lock:
        """The part that the lock's digest is over."""
        return replace(self, image=None)
