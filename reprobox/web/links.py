"""Addresses of pages: in a server's pages, and in one file. Neither holds a path of the disk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol
from urllib.parse import quote, urlencode

from reprobox.model.outcome import OutputFile


class Links(Protocol):
    """An empty address means that there is nothing to go to."""

    def run(self, run_id: str) -> str:
        """The page of a run."""

    def output(self, run_id: str, digest: str) -> str:
        """The page of one output."""

    def file(self, run_id: str, digest: str) -> str:
        """An output to save."""

    def image(self, run_id: str, file: OutputFile) -> str:
        """A picture, for `src`."""

    def log(self, run_id: str, stream: str) -> str:
        """A log to save."""

    def events(self, run_id: str) -> str:
        """The live log."""

    def page(self, name: str, /, **query: str | Sequence[str]) -> str:
        """A page by name (`runs`, `verdicts`, `compare`, ...)."""


class ServerLinks:
    """Addresses of `reprobox ui`."""

    def run(self, run_id: str) -> str:
        """The page of a run."""
        return f"/run/{quote(run_id)}"

    def output(self, run_id: str, digest: str) -> str:
        """The page of one output."""
        return f"/run/{quote(run_id)}/output/{_hex(digest)}"

    def file(self, run_id: str, digest: str) -> str:
        """An output to save."""
        return f"/run/{quote(run_id)}/file/{_hex(digest)}"

    def image(self, run_id: str, file: OutputFile) -> str:
        """A picture."""
        return f"/run/{quote(run_id)}/image/{_hex(file.sha256)}"

    def log(self, run_id: str, stream: str) -> str:
        """A log to save."""
        return f"/run/{quote(run_id)}/log/{stream}"

    def events(self, run_id: str) -> str:
        """The live log."""
        return f"/run/{quote(run_id)}/events"

    def page(self, name: str, /, **query: str | Sequence[str]) -> str:
        """A page by name; values that are empty are left out."""
        pairs = [
            (key, value)
            for key, given in query.items()
            for value in ([given] if isinstance(given, str) else given)
            if value
        ]
        return f"/{name}?{urlencode(pairs, errors='replace')}" if pairs else f"/{name}"


class ReportLinks:
    """Places in one file: only what is in it has one."""

    def __init__(
        self,
        runs: Collection[str],
        pages: Collection[str],
        picture: Callable[[str, OutputFile], str],
    ) -> None:
        """`picture` gives a picture as a `data:` address, or nothing where it is too large."""
        self._runs, self._pages, self._picture = frozenset(runs), frozenset(pages), picture

    def run(self, run_id: str) -> str:
        """The run's part of the file."""
        return f"#run-{quote(run_id)}" if run_id in self._runs else ""

    def page(self, name: str, /, **query: str | Sequence[str]) -> str:
        """A part of the file by name; parts cannot be asked for anything."""
        return f"#{name}" if name in self._pages and not query else ""

    def output(self, run_id: str, digest: str) -> str:
        """A file holds no pages of outputs."""
        return ""

    def file(self, run_id: str, digest: str) -> str:
        """A file holds no outputs to save."""
        return ""

    def image(self, run_id: str, file: OutputFile) -> str:
        """The picture itself."""
        return self._picture(run_id, file)

    def log(self, run_id: str, stream: str) -> str:
        """A file holds the end of the logs only."""
        return ""

    def events(self, run_id: str) -> str:
        """Nothing is live in a file."""
        return ""


def _hex(digest: str) -> str:
    return quote(digest.removeprefix("sha256:"), safe="")
