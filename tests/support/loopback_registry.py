"""A container registry of the tests' own, on loopback: engines take it without TLS, and nothing
leaves the machine.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker

TOP = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Registry:
    """Where it listens, and where it keeps what it is given."""

    address: str
    data: Path

    def push(self, image: str, name: str) -> str:
        """Pushes an image of the machine's engine; its address by digest. The engine then has it as
        `address/name:one` too.
        """
        repository = f"{self.address}/{name}"
        client = docker.from_env()
        try:
            client.api.tag(image, repository, "one")
            told = list(client.api.push(repository, "one", stream=True, decode=True))
        finally:
            client.close()
        digests = [line["aux"]["Digest"] for line in told if "aux" in line]
        assert digests, told
        return f"{repository}@{digests[0]}"

    def revision(self, address: str) -> Path:
        """The file by which the registry finds a manifest of a repository."""
        name, _, digest = address.removeprefix(f"{self.address}/").partition("@sha256:")
        return (
            self.data
            / "docker/registry/v2/repositories"
            / name
            / "_manifests/revisions/sha256"
            / digest
            / "link"
        )

    def manifest(self, address: str) -> Path:
        """The file that holds a manifest."""
        digest = address.partition("@sha256:")[2]
        return self.data / "docker/registry/v2/blobs/sha256" / digest[:2] / digest / "data"


@contextlib.contextmanager
def serving(place: Path, *, read_only: bool = False) -> Iterator[Registry]:
    """Runs a registry that keeps everything below `place`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    care = "  maintenance:\n    readonly:\n      enabled: true\n" if read_only else ""
    config = f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {place}/data\n{care}http:\n  addr: {address}\n"
    (place / "config.yml").write_text(config)
    program = shutil.which("docker-registry") or str(
        TOP / ".tools" / "usr" / "bin" / "docker-registry"
    )
    with (
        (place / "log").open("wb") as log,
        subprocess.Popen(
            [program, "serve", place / "config.yml"], stdout=log, stderr=log
        ) as process,
    ):
        try:
            _wait(f"http://{address}/v2/", process)
            yield Registry(address, place / "data")
        finally:
            process.terminate()


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            continue
    raise RuntimeError("the registry ended before it answered")
