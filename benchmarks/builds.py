"""Builds of an image with torch for the CPU, as rows of `costs.py`: cold, into the engine, and with
one wheel more, next to uv in a container and `docker load`.

All bytes were fetched before, for both sides: what is measured is the way from packages to an image
that the engine can start. The image has a small Debian package that no other has, so that the engine
has none of the layers above it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import overhead
from paired import COMMIT, Row, Sizes, once, shell

from reprobox.context import shared_home
from reprobox.lock import lock_file
from reprobox.store.objects import ObjectStore

CONFIG = """\
reprobox:
  command: [python, -c, pass]
  environment:
    base: debian:bookworm
    python: "3.11"
    apt: [figlet]
"""
LIST = "    requirements: requirements.txt\n"
TORCH, QUICK_LIST = "torch==2.13.0\nnumpy\n", "numpy\n"
ONE_MORE = "iniconfig\n"
"""A package of some kilobytes that torch does not need."""


@dataclass(frozen=True)
class Project:
    """A locked environment."""

    top: Path
    reprobox: str

    def build(self, home: Path) -> str:
        """The command that builds its image from a store."""
        return f"cd {self.top}; REPROBOX_HOME={home} {self.reprobox} build --offline"

    def tag(self, home: Path) -> str:
        """The name of its image, which is built."""
        said = overhead.said("sh", "-ec", f"{self.build(home)} --json", cwd=self.top)
        return str(json.loads(said)["tag"])


def project(top: Path, reprobox: str, requirements: str) -> Project:
    top.mkdir()
    (top / "config.yaml").write_text(CONFIG + LIST * bool(requirements))
    (top / "requirements.txt").write_text(requirements)
    shell(f"git init -q && {reprobox} lock && git add -A && {COMMIT}", top)
    return Project(top, reprobox)


class Builds:
    """One environment, and what the engine gets of it; all of it is removed at the end."""

    def __init__(self, place: Path, reprobox: str, sizes: Sizes) -> None:
        full = TORCH if sizes.pairs > 3 else QUICK_LIST
        self.place = place
        self.plain = project(place / "plain", reprobox, "")
        self.whole = project(place / "whole", reprobox, full)
        self.more = project(place / "more", reprobox, full + ONE_MORE)
        self.lock = lock_file.read(self.whole.top / "reprobox.lock")
        self.tags: set[str] = set()

    def store(self, name: str, *projects: Project) -> Path:
        """A store with the bytes of some locks, and nothing that was derived from them."""
        origin, there = ObjectStore(shared_home()), ObjectStore(self.place / name)
        for one in projects:
            lock = lock_file.read(one.top / "reprobox.lock")
            packages = (*lock.wheels, *lock.debs, *lock.base.packages)
            for digest in {package.sha256 for package in packages}:
                if not there.has(digest):
                    there.put_file(origin.path(digest), expect=digest)
        return self.place / name

    def wheelhouse(self) -> str:
        """The options of `docker run` that show uv and the wheels under their names."""
        house = self.place / "wheelhouse"
        house.mkdir()
        for wheel in self.lock.wheels:
            shutil.copy(ObjectStore(shared_home()).path(wheel.sha256), house / wheel.filename)
        pins = "".join(f"{wheel.name}=={wheel.version}\n" for wheel in self.lock.wheels)
        (house / "pins.txt").write_text(pins)
        return f"-v {house}:/wheels:ro -v {shutil.which('uv')}:/usr/bin/uv:ro"

    def image(self, one: Project, home: Path) -> str:
        tag = one.tag(home)
        self.tags.add(tag)
        return tag

    def forget(self, *tags: str) -> None:
        for tag in tags or tuple(self.tags):
            shell(f"docker rmi -f {tag} >/dev/null 2>&1 || true", self.place)


def rows(sizes: Sizes, place: Path, reprobox: str) -> Iterator[Row]:
    """The rows, each measured once."""
    made = Builds(place, reprobox, sizes)
    try:
        yield from _rows(made)
    finally:
        made.forget()
        made.forget("bench:uv")


def _rows(made: Builds) -> Iterator[Row]:
    cold = made.store("cold", made.whole)
    unknown = once(made.whole.build(cold), made.place)
    made.forget(made.image(made.whole, cold))
    home = made.store("home", made.whole, made.more)
    shell(made.plain.build(home), made.place)
    base = made.image(made.plain, home)
    known = once(made.whole.build(home), made.place)
    tag = made.image(made.whole, home)
    install = "uv pip install -q --python /opt/venv/bin/python --no-cache --no-index --no-deps"
    run = f"docker run --name bench-uv --network none {made.wheelhouse()} {base}"
    peer = once(
        f"{run} {install} --find-links /wheels -r /wheels/pins.txt; "
        "docker commit bench-uv bench:uv",
        made.place,
    )
    shell("docker rm bench-uv && docker rmi bench:uv", made.place)
    size = sum(wheel.size for wheel in made.lock.wheels) / 1e6
    what = f"cold build, {len(made.lock.wheels)} wheels of {size:.0f} MB"
    uv = f"`uv pip install` in a container and `commit` ({peer.wall / 1000:.1f} s)"
    yield Row(f"{what}, base known", _ratio(known, peer), uv, "≤ 0.6", short=True)
    yield Row("the same, base not known", _ratio(unknown, peer), uv, "≤ 1.2")
    shell(f"docker save {tag} -o image.tar", made.place)
    made.forget(tag)
    loaded = once("docker load -q -i image.tar", made.place)
    made.forget(tag)
    sent = once(made.whole.build(home), made.place)
    load = f"`docker load` of the same image ({loaded.wall / 1000:.1f} s)"
    yield Row(
        "an image that was composed before, into the engine", _ratio(sent, loaded), load, "≤ 1.2"
    )
    added = once(made.more.build(home), made.place)
    made.image(made.more, home)
    yield Row(
        "build, one small wheel added",
        f"{added.wall / 1000:.2f} s ({added.cpu / 1000:.2f} of the processor)",
        uv,
        "≤ 1.0 s",
    )


def _ratio(ours: overhead.Cost, theirs: overhead.Cost) -> str:
    return (
        f"{ours.wall / theirs.wall:.2f} times ({ours.wall / 1000:.1f} s, "
        f"{ours.cpu / 1000:.1f} of the processor)"
    )
