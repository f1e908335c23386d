"""A store with runs that no container made, and the page over it, for tests and screenshots."""

from __future__ import annotations

import functools
import http.client
import json
import math
import re
import struct
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from harness_runs import LOCK, NOW, a_record, a_runspec, an_intent

from reprobox.context import Context
from reprobox.kit import canon, proc
from reprobox.model.lock import Wheel
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Intent
from reprobox.model.source import Source
from reprobox.model.sweep import Sweep, Trial
from reprobox.store.output_manifest import outputs_manifest
from reprobox.store.runs import Runs
from reprobox.store.sweeps import Sweeps
from reprobox.web import server
from reprobox.web.app import Site
from reprobox.web.asked import Silence
from reprobox.web.guard import Access

HOSTILE = "<script>document.title='owned'</script>\x1b[31m\u202e\udcff \"'&.png"
"""A file name that must be a text and nothing else."""
ENVIRONMENT = replace(
    LOCK,
    wheels=tuple(
        Wheel(
            name=name,
            version=version,
            filename=f"{name}-{version}-py3-none-any.whl",
            sha256=canon.digest_bytes(name.encode()),
            size=1000,
        )
        for name, version in (("numpy", "2.3.4"), ("torch", "2.9.0"), ("tqdm", "4.67.1"))
    ),
)


def git(top: Path, *words: str) -> str:
    who = ("-c", "user.name=A Researcher", "-c", "user.email=a@example.invalid")
    done = proc.run(["git", "-C", top, *who, *words])
    assert done.ok, done.error_text
    return done.out.decode().strip()


@functools.cache
def png(width: int, height: int, shade: int) -> bytes:
    """A small picture: a ring on white."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            far = math.hypot(x - width / 2, y - height / 2)
            inside = width / 4 < far < width / 2.6
            rows += bytes((shade, 90, 255 - shade) if inside else (250, 250, 250))

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(rows)))
        + chunk(b"IEND", b"")
    )


def npy(values: list[float]) -> bytes:
    head = repr({"descr": "<f8", "fortran_order": False, "shape": (len(values),)})
    text = head + " " * (-(len(head) + 11) % 64) + "\n"
    return (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", len(text))
        + text.encode()
        + struct.pack(f"<{len(values)}d", *values)
    )


class Heard(Silence):
    """Progress whose notes, such as bugs of a page, are shown where a test fails."""

    def note(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")


@dataclass
class World:
    """A project with its runs."""

    context: Context
    commit: str = ""

    @classmethod
    def at(cls, top: Path) -> World:
        top.mkdir(parents=True, exist_ok=True)
        git(top, "init", "-q", "-b", "main")
        (top / "train.py").write_text("lr = 0.1\nepochs = 3\nprint('training')\n")
        git(top, "add", "train.py")
        git(top, "commit", "-q", "-m", "first")
        return cls(Context(start=top, progress=Heard()))

    @property
    def runs(self) -> Runs:
        return self.context.runs

    @property
    def head(self) -> str:
        return git(self.context.top, "rev-parse", "HEAD")

    def intent(self, number: int = 0, *, config: Any = None, **changes: Any) -> Intent:
        self.commit = self.commit or self.head
        commit = changes.pop("commit", self.commit)
        spec = a_runspec(commit=commit, seed=number, **changes.pop("runspec", {}))
        source = Source(commit=commit, tree="d" * 40, commit_time=1, branch="main")
        host = {"name": "lab-1", "user": "ada"}
        facts: dict[str, Any] = {"lock": ENVIRONMENT, "host": host, "source": source, **changes}
        return an_intent(
            self.runs.new_id(NOW + number),
            now=NOW + number,
            runspec=spec,
            config=config or {"train": {"lr": 0.1}, "reprobox": {"seed": number}},
            **facts,
        )

    def begin(self, intent: Intent) -> Any:
        run = self.runs.begin(intent, {"config.yaml": b""})
        run.started("f" * 64)
        return run

    def finish(
        self,
        run: Any,
        intent: Intent,
        files: Mapping[str, bytes] | None = None,
        *,
        stdout: bytes = b"",
        stderr: bytes = b"",
        trail: list[Any] | None = None,
        **record: Any,
    ) -> str:
        kept = []
        run.outputs.mkdir(exist_ok=True)
        for path, data in (files or {}).items():
            place = run.outputs / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            place.chmod(0o644)
            found = canon.digest_bytes(data)
            kept.append(
                OutputFile(path=path, kind="file", size=len(data), mode=0o644, sha256=found)
            )
        digests = {}
        for name, data in (("stdout", stdout), ("stderr", stderr)):
            (run.path / name).write_bytes(data)
            digests[name] = canon.digest_bytes(data)
        if trail is not None:
            text = "".join(json.dumps(line) + "\n" for line in trail)
            (run.path / "trail.jsonl").write_text(text)
        made = a_record(intent, tuple(kept), **{**digests, **record})
        run.finish(made, outputs_manifest(kept))
        run.release()
        return intent.id

    def run(self, number: int = 0, files: Mapping[str, bytes] | None = None, **more: Any) -> str:
        """A finished run."""
        own = ("stdout", "stderr", "trail", "code", "met", "duration", "exit")
        record = {key: more.pop(key) for key in own if key in more}
        intent = self.intent(number, **more)
        return self.finish(self.begin(intent), intent, files, **record)

    def sweep(
        self, sweep_id: str, overrides: tuple[str, ...], trials: list[tuple[str, tuple[str, ...]]]
    ) -> None:
        store = Sweeps(self.runs.root)
        store.begin(
            Sweep(
                id=sweep_id,
                commit=self.head,
                config_path="config.yaml",
                overrides=overrides,
                name="learning-rate",
                created=NOW,
            )
        )
        for number, (run, chosen) in enumerate(trials):
            store.claim(sweep_id, Trial(number=number, run=run, overrides=chosen))


@dataclass
class Served:
    """A page that is served, and a client without a browser."""

    site: Site
    port: int

    @property
    def start(self) -> str:
        """The address with its token."""
        return f"http://127.0.0.1:{self.port}/?token={self.site.access.token}"

    @property
    def cookie(self) -> str:
        return f"reprobox-{self.port}={self.site.access.session}"

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        cookie: bool = True,
    ) -> tuple[int, dict[str, str], bytes]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {"Cookie": self.cookie} if cookie else {}
        link.request(method, path, body, {**sent, **(headers or {})})
        answer = link.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        data = answer.read()
        link.close()
        return answer.status, found, data

    def text(self, path: str, **query: Any) -> str:
        status, _, data = self.ask(path + (f"?{urlencode(query, doseq=True)}" if query else ""))
        assert status == 200, (status, data[:2000])
        return data.decode()

    def post(self, path: str, headers: Mapping[str, str] | None = None, **form: str) -> int:
        sent = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{self.port}",
        }
        return self.ask(
            path, method="POST", headers={**sent, **(headers or {})}, body=urlencode(form)
        )[0]


@contextmanager
def served(context: Context, *, read_only: bool = False) -> Iterator[Served]:
    """The real server, in a thread of this process."""
    site = Site(context=context, access=Access(read_only=read_only), project="digits")
    site.read_values()
    with server.listening(0) as listener:
        port = int(listener.getsockname()[1])
        made = server.Server(site, port)
        thread = threading.Thread(target=made.run, kwargs={"sockets": [listener]})
        thread.start()
        while not made.started:
            assert thread.is_alive(), "the server ended before it served"
            time.sleep(0.01)
        try:
            yield Served(site, port)
        finally:
            made.should_exit = True
            thread.join()


__all__ = ["HOSTILE", "Served", "World", "npy", "png", "served"]


def named(world: World, name: str) -> str:
    """The first run of a name that is not a replay."""
    return next(row.id for row in world.runs.list(name=name) if row.replay_of is None)


def text_of(page: str) -> str:
    """What a page shows, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())
