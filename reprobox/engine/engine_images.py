"""The image side of an engine."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from reprobox.engine.containers import Containers
from reprobox.engine.faults import raise_for_status, speaking, status_of
from reprobox.engine.link import Link
from reprobox.errors import EngineError, ImageMissing, ReproboxError
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex
from reprobox.model.image import EngineImage
from reprobox.model.outcome import Container
from reprobox.model.ports import Bar, Progress

CHUNK = 1 << 20
_REFERENCE = regex(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,1023}")
_AGAIN = (
    "see that the registry runs and may be written to, then push again: what it has is not sent "
    "twice"
)
_BUILDKIT_ONLY = ("buildkit", "requires the --mount", "unknown flag: mount", "heredoc")


class Images:
    """The part of `ImageEngine` that is about images."""

    def __init__(
        self, link: Link, containers: Containers, progress: Progress | None = None
    ) -> None:
        self._link = link
        self._containers = containers
        self._progress = progress
        self._containerd: bool | None = None

    def inspect(self, reference: str) -> EngineImage | None:
        """An image by ID, tag or digest; None when the engine does not have it, or nothing can be
        called so.
        """
        if not _is_reference(reference):
            return None
        try:
            with speaking(f"look at the image {reference}"):
                return _read(self._link.ask("GET", f"/images/{reference}/json"))
        except ReproboxError as refused:
            if status_of(refused) not in (400, 404):
                raise
            return None

    def containerd_store(self) -> bool:
        """Whether images live in the containerd store (its driver status says so), where our
        manifest is the image's ID.
        """
        if self._containerd is None:
            with speaking("ask the engine about its storage"):
                status = self._link.info().get("DriverStatus") or []
            self._containerd = ["driver-type", "io.containerd.snapshotter.v1"] in status
        return self._containerd

    def chains(self, label: str | None = None, family: str = "") -> list[tuple[str, ...]]:
        """Diff IDs, bottom first, of every image here (that carries the label, and has only
        RepoDigests of a family).
        """
        with speaking("list images"):
            query = {"filters": json.dumps({"label": [label]})} if label else {}
            listed = self._link.ask("GET", "/images/json", query=query)
        found = [self.inspect(entry["Id"]) for entry in listed]
        # Podman writes the default registry before the names of images that have never seen one.
        names = (family, f"docker.io/{family}")
        return [
            image.diff_ids
            for image in found
            if image is not None and all(map(_begins(names), image.repo_digests))
        ]

    def load(self, chunks: Iterable[bytes]) -> None:
        """Loads an image archive while it is being made; nothing is spooled.

        Raises:
            EngineError: the engine refuses the archive, at whatever point it notices.
        """
        source = _Source(chunks)
        try:
            with speaking("load an image"):
                _heed("load an image", self._link.patient().load_image(iter(source)))  # type: ignore[no-untyped-call]
        except ReproboxError as error:
            # The transport wraps what the maker of the archive raised; the maker's own error is the
            # one that helps.
            if source.fault is not None:
                raise source.fault from error
            raise

    def tag(self, reference: str, tag: str) -> None:
        """Names an image."""
        _require(reference)
        _require(tag)
        repository, name = _split(tag)
        with speaking(f"name the image {reference}"):
            query = {"repo": repository, "tag": name}
            self._link.ask("POST", f"/images/{reference}/tag", query=query)

    def remove_image(self, reference: str) -> None:
        """Forgets an image or tag; absent is fine.

        Raises:
            EngineError: a container uses it, or an ID has several names.
        """
        if not _is_reference(reference):
            return
        try:
            with speaking(f"remove the image {reference}"):
                self._link.patient().remove_image(reference)
        except ReproboxError as refused:
            if status_of(refused) not in (400, 404):
                raise

    def pull(self, reference: str) -> EngineImage:
        """Pulls by digest or tag, with the user's own registry credentials.

        Raises:
            ImageMissing: no registry has it, or it may not be read.
        """
        _require(reference)
        what = f"pull {reference}"
        with speaking(what), self._bar(what) as bar:
            _heed(
                what,
                self._link.patient().pull(reference, stream=True, decode=True),
                _Moved(bar).update,
            )
        image = self.inspect(reference)
        if image is None:
            raise ImageMissing(
                f"Pulled {reference}, and the engine does not have it", next_step="pull again"
            )
        return image

    def push(self, reference: str) -> str:
        """Sends a named image to its registry, with the user's own credentials; its address by
        digest there.

        Raises:
            EngineError: no registry answers, it may not be written to, or the transfer broke off.
        """
        _require(reference)
        repository, name = _split(reference)
        what, digests = f"push {reference}", list[str]()

        def each(line: dict[str, Any]) -> None:
            moved.update(line)
            if digest := (line.get("aux") or {}).get("Digest"):
                digests.append(digest)

        with speaking(what), self._bar(what) as bar:
            moved = _Moved(bar)
            _heed(what, self._link.patient().push(repository, name, stream=True, decode=True), each)
        if not digests:
            raise EngineError(
                f"Could not {what}: the registry did not report the digest",
                next_step=_AGAIN,
            )
        return f"{repository}@{digests[-1]}"

    @contextlib.contextmanager
    def _bar(self, what: str) -> Iterator[Bar | None]:
        if self._progress is None:
            yield None
            return
        with self._progress.task(what) as bar:
            yield bar

    def save(self, reference: str) -> Iterator[bytes]:
        """The image as an archive, in chunks.

        Raises:
            ImageMissing: the engine does not have it.
        """
        _require(reference)
        return _download(self._link, f"save the image {reference}", f"/images/{reference}/get")

    def build(
        self, context: Path, dockerfile: str, tag: str, say: Callable[[str], None]
    ) -> EngineImage:
        """Builds a user's Dockerfile with the engine's classic builder; `.dockerignore` is
        respected.

        Args:
            dockerfile: relative to `context`.
            say: gets each line that the build says.

        Raises:
            EngineError: a step failed; the builder's words are in `why`.
        """
        what = f"build {dockerfile}"
        with speaking(what):
            lines = self._link.patient().build(
                path=str(context),
                dockerfile=dockerfile,
                tag=tag,
                rm=True,
                forcerm=True,
                decode=True,
            )
            _heed(what, lines, lambda line: _say(line, say))
        image = self.inspect(tag)
        if image is None:
            raise EngineError(f"Could not {what}: the build ended without an image")
        return image

    @contextlib.contextmanager
    def step(self, container: Container) -> Iterator[FinishedStep]:
        """Runs a build step to its end; the stopped container is removed when the context ends,
        however it ends.

        The container's name gets a random end, so that two builds of the same lock do not collide.
        """
        container = replace(container, name=f"{container.name}-{os.urandom(4).hex()}")
        try:
            # No limit on the engine's log: a step has no shim, and its log is what the user reads
            # when it fails.
            created = self._containers.create(container, log_size=None)
            self._containers.start(created)
            ended = self._containers.wait(created)
            log = self._containers.logs(created) or ended.error.encode()
            yield FinishedStep(code=ended.exit_code or 0, log=log, _id=created, _link=self._link)
        finally:
            self._containers.remove(container.name)


@dataclass(frozen=True, kw_only=True)
class FinishedStep:
    """A stopped build container."""

    code: int
    log: bytes
    _id: str
    _link: Link = field(repr=False)

    def changes(self) -> list[tuple[int, str]]:
        """`docker diff`: (0 modified, 1 added, 2 deleted; path)."""
        with speaking("list what the build step changed"):
            changes = self._link.patient().diff(self._id) or []
        return [(entry["Kind"], entry["Path"]) for entry in changes]

    def export(self) -> Iterator[bytes]:
        """The whole root file system as tar chunks."""
        return _download(self._link, "export the build step", f"/containers/{self._id}/export")

    def archive(self, path: str) -> Iterator[bytes]:
        """One file or directory of it as tar chunks; the members begin with its base name."""
        place = f"/containers/{self._id}/archive?path={quote(path, safe='')}"
        return _download(self._link, "read from the build step", place)


def _download(link: Link, what: str, path: str) -> Iterator[bytes]:
    """A body in chunks; the connection is closed when the caller has had enough (docker-py's own
    generators leave it open).
    """
    with speaking(what):
        client = link.patient()
        response = client.get(f"{client.base_url}/v{client.api_version}{path}", stream=True)
    with contextlib.closing(response):
        with speaking(what):
            raise_for_status(response)
            chunks = response.iter_content(CHUNK)
        while True:
            with speaking(what):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk


class _Source:
    """Passes chunks on, and keeps what their maker raised."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.fault: BaseException | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._chunks:
                # An empty chunk would end the transfer (HTTP chunked encoding).
                if chunk:
                    yield chunk
        except BaseException as fault:
            self.fault = fault
            raise


class _Moved:
    """Bytes over all layers, from the engine's per-layer counts."""

    def __init__(self, bar: Bar | None) -> None:
        self._bar = bar
        self._seen: dict[str, int] = {}

    def update(self, line: dict[str, Any]) -> None:
        """One line of the engine's."""
        current = (line.get("progressDetail") or {}).get("current")
        if (
            self._bar is None
            or current is None
            or line.get("status") not in ("Downloading", "Pushing")
        ):
            return
        layer = line.get("id", "")
        advance = current - self._seen.get(layer, 0)
        if advance > 0:
            self._seen[layer] = current
            self._bar.update(advance)


def _heed(
    what: str, lines: Iterable[Any], each: Callable[[dict[str, Any]], None] = lambda _line: None
) -> None:
    """Reads a stream of the engine's to its end: the answer is 200 before the work begins, errors
    come as lines.
    """
    fault: ReproboxError | None = None
    for line in lines:
        if not isinstance(line, dict):
            continue
        if "error" in line or "errorDetail" in line:
            fault = _failed(what, str(line.get("error") or line["errorDetail"].get("message", "")))
        else:
            each(line)
    if fault is not None:
        raise fault


def _failed(what: str, why: str) -> ReproboxError:
    said = why.lower()
    if "manifest unknown" in said or ("not found" in said and what.startswith("pull")):
        return ImageMissing(
            f"Could not {what}: no registry has it", why=why, next_step="check the reference"
        )
    step = _AGAIN if what.startswith("push") else ""
    if "unauthorized" in said or "denied" in said:
        step = "docker login, then try again"
    elif any(word in said for word in _BUILDKIT_ONLY):
        step = (
            "build it with `docker buildx build`, `docker save` it, and use it as a base of kind "
            "`archive`"
        )
    return EngineError(f"Could not {what}", why=why, next_step=step)


def _say(line: dict[str, Any], say: Callable[[str], None]) -> None:
    for text in str(line.get("stream") or line.get("status") or "").splitlines():
        if text.strip():
            say(text)


def _read(inspected: dict[str, Any]) -> EngineImage:
    return EngineImage(
        id=inspected["Id"],
        diff_ids=tuple((inspected.get("RootFS") or {}).get("Layers") or ()),
        config=cast("dict[str, Any]", inspected.get("Config") or {}),
        repo_digests=tuple(inspected.get("RepoDigests") or ()),
        architecture=inspected.get("Architecture", ""),
        created=inspected.get("Created") or "",
    )


def _begins(names: tuple[str, ...]) -> Callable[[str], bool]:
    return lambda text: text.startswith(names)


def _split(tag: str) -> tuple[str, str]:
    """Repository and tag of a name; the port of a host is not a tag."""
    repository, _, name = (
        tag.rpartition(":") if ":" in tag.rpartition("/")[2] else (tag, "", "latest")
    )
    return repository, name


def _is_reference(text: str) -> bool:
    """Whether the text can be an image's name; other text must not reach a URL, where `..` would
    name another call.
    """
    return _REFERENCE.fullmatch(text) is not None and ".." not in text


def _require(reference: str) -> None:
    if not _is_reference(reference):
        raise ImageMissing(
            f"{reference!r} is not the name of an image", next_step="check the reference"
        )
