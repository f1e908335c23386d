"""The ways back to a record's image, each taken with the ones before it gone; and never by a tag."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import docker
import pytest
from image_world import Talk, Wrapped, digest_of, flip, make_lock, put_base, put_simple_wheel

from reprobox.engine.docker import DockerEngine
from reprobox.errors import ImageMismatch, ImageMissing
from reprobox.image import load_archive
from reprobox.image.compose import compose, draw
from reprobox.image.paths import LABEL_FORMAT
from reprobox.image.restore import restore
from reprobox.model.image import FAMILY, Image
from reprobox.model.lock import Lock
from reprobox.store.objects import ObjectStore

pytestmark = pytest.mark.engine


@dataclass
class World:
    """A composed image whose engine, registry, archive and lock can each be taken away."""

    objects: ObjectStore
    engine: DockerEngine
    lock: Lock
    image: Image
    complete: Callable[[], None] | None = None

    def restore(
        self, *addresses: str, engine: DockerEngine | None = None, lock: Lock | None = None
    ) -> str:
        ports = {"objects": self.objects, "engine": engine or self.engine, "progress": Talk()}
        wanted = replace(self.image, addresses=addresses)
        held, way = restore(wanted, lock or self.lock, **ports, complete=self.complete)
        assert held == self.engine.inspect(self.image.tag)
        there = self.engine.inspect(self.image.tag)
        assert there is not None
        assert there.diff_ids == self.image.diff_ids
        return way

    def forget_locally(self) -> None:
        self.engine.remove_image(self.image.tag)
        assert self.engine.inspect(self.image.config) is None

    def lose_bytes(self) -> None:
        self.objects.remove(self.lock.wheels[0].sha256)


@pytest.fixture
def world(objects: ObjectStore, engine: DockerEngine) -> Iterator[World]:
    lock = make_lock(put_base(objects, "base"), wheels=(put_simple_wheel(objects, "alpha"),))
    image = compose(lock, digest_of(lock), objects=objects, engine=engine, progress=Talk())
    yield World(objects, engine, lock, image)
    engine.remove_image(image.tag)


def test_local(world: World) -> None:
    world.lose_bytes()
    assert world.restore() == "local"


def test_local_by_digest_is_named_again(world: World) -> None:
    world.engine.tag(world.image.tag, "reprobox/test:other")
    world.engine.remove_image(world.image.tag)
    try:
        assert world.restore() == "local"
    finally:
        world.engine.remove_image("reprobox/test:other")


def push(engine: DockerEngine, tag: str, repository: str) -> str:
    """Pushes an image to the registry on loopback; its address by digest.

    While it has that address it does not count as loaded by us: what was pulled has compressed
        blobs in a containerd store.
    """
    there = engine.inspect(tag)
    assert there is not None
    assert there.diff_ids in engine.chains(LABEL_FORMAT, FAMILY)
    client = docker.from_env()
    try:
        engine.tag(tag, f"{repository}:latest")
        told = client.api.push(repository, "latest", stream=True, decode=True)
        digests = [line["aux"]["Digest"] for line in told if "aux" in line]
        assert there.diff_ids not in engine.chains(LABEL_FORMAT, FAMILY)
        client.images.remove(f"{repository}:latest")
    finally:
        client.close()
    return f"{repository}@{digests[0]}"


def test_registry_by_digest(world: World, registry: str) -> None:
    address = push(world.engine, world.image.tag, f"{registry}/demo")
    world.forget_locally()
    world.lose_bytes()
    try:
        assert (
            world.restore(f"{registry}/demo:latest", f"{registry}/gone@sha256:" + "5" * 64, address)
            == "registry"
        )
    finally:
        world.engine.remove_image(address)


def test_registry_that_gives_another_image_is_not_believed(world: World, registry: str) -> None:
    other = make_lock(put_base(world.objects, "other"))
    strange = compose(
        other, digest_of(other), objects=world.objects, engine=world.engine, progress=Talk()
    )
    address = push(world.engine, strange.tag, f"{registry}/strange")
    world.forget_locally()
    try:
        assert world.restore(address) == "composed"
    finally:
        world.engine.remove_image(address)
        world.engine.remove_image(strange.tag)


def keep_archive(world: World) -> str:
    composition = draw(
        world.lock,
        digest_of(world.lock),
        objects=world.objects,
        engine=world.engine,
        progress=Talk(),
    )
    return load_archive.keep(composition, world.objects, Talk())


def test_archive_in_the_store(world: World) -> None:
    keep_archive(world)
    world.forget_locally()
    world.lose_bytes()
    assert world.restore() == "archive"


def test_a_damaged_archive_is_passed_over(world: World) -> None:
    flip(world.objects, keep_archive(world))
    world.forget_locally()
    assert world.restore() == "composed"


def renamed(world: World, name: str) -> None:
    """Puts an archive in the place of the kept one that gives the same image another name too, in
    both of its forms.
    """
    rest = io.BytesIO()
    with (
        tarfile.open(world.objects.path(keep_archive(world))) as source,
        tarfile.open(fileobj=rest, mode="w") as target,
    ):
        for member in source:
            data = source.extractfile(member).read()  # type: ignore[union-attr]
            if member.name == "manifest.json":
                (entry,) = json.loads(data)
                data = json.dumps([{**entry, "RepoTags": [name, *entry["RepoTags"]]}]).encode()
            if member.name == "index.json":
                listed = json.loads(data)
                other = {
                    **listed["manifests"][0],
                    "annotations": {"io.containerd.image.name": f"docker.io/{name}"},
                }
                data = json.dumps({**listed, "manifests": [*listed["manifests"], other]}).encode()
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    world.objects.remember(
        load_archive.archive_key(world.image.config), world.objects.put_bytes(rest.getvalue())
    )


def test_an_archive_gives_no_name_of_its_own_choice(world: World) -> None:
    renamed(world, "reprobox/test:theirs")
    world.forget_locally()
    world.lose_bytes()
    try:
        assert world.restore() == "archive"
        assert world.engine.inspect("reprobox/test:theirs") is None
    finally:
        world.engine.remove_image("reprobox/test:theirs")


def test_an_archive_of_another_image_reaches_no_engine(world: World) -> None:
    other = make_lock(put_base(world.objects, "strange"))
    strange = draw(
        other, digest_of(other), objects=world.objects, engine=world.engine, progress=Talk()
    )
    world.objects.remember(
        load_archive.archive_key(world.image.config),
        load_archive.keep(strange, world.objects, Talk()),
    )
    world.forget_locally()
    loads = Loads(world.engine)
    assert world.restore(engine=loads) == "composed"  # type: ignore[arg-type]
    assert loads.count == 1


class Loads(Wrapped):
    """Counts what is sent to the real engine."""

    count = 0

    def load(self, parts: Iterable[bytes]) -> None:
        self.count += 1
        self.real.load(parts)


def test_a_name_that_is_not_the_locks_is_refused_before_anything_is_asked(world: World) -> None:
    with pytest.raises(ImageMismatch, match="not its lock's"):
        restore(
            replace(world.image, tag="python:3.11-slim"),
            world.lock,
            objects=world.objects,
            engine=world.engine,
            progress=Talk(),
        )


def test_composed_from_the_lock(world: World) -> None:
    world.forget_locally()
    assert world.restore() == "composed"


def test_bytes_that_left_the_store_are_fetched_before_composing(world: World) -> None:
    data = world.objects.path(world.lock.wheels[0].sha256).read_bytes()
    world.forget_locally()
    world.lose_bytes()
    world.complete = lambda: world.objects.put_bytes(data)  # type: ignore[assignment, return-value]
    assert world.restore() == "composed"


def test_another_lock_is_refused(world: World) -> None:
    world.forget_locally()
    other = replace(world.lock, image_env={"A": "1"})
    with pytest.raises(ImageMismatch, match="does not give the image"):
        world.restore(lock=other)


def test_nothing_left_says_what_each_way_met(world: World) -> None:
    world.forget_locally()
    world.lose_bytes()
    with pytest.raises(ImageMissing) as caught:
        world.restore()
    assert [line.split(":")[0] for line in caught.value.why.splitlines()[:3]] == [
        "local",
        "registry",
        "archive",
    ]
    assert "composed: " in caught.value.why


def test_a_tag_that_names_another_image_is_not_taken(world: World) -> None:
    other = make_lock(put_base(world.objects, "other"))
    strange = compose(
        other, digest_of(other), objects=world.objects, engine=world.engine, progress=Talk()
    )
    world.forget_locally()
    world.engine.tag(strange.tag, world.image.tag)
    try:
        assert world.restore() == "composed"
    finally:
        world.engine.remove_image(strange.tag)
