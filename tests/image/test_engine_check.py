"""One lock, one digest, on every engine named in REPROBOX_ENGINES (`name=unix:///path,...`);
`scripts/engines` starts some.

Each engine gets the whole image, holds it against our digests, and, where it can start containers,
makes the layers that need a container by itself: those bytes must be the same too.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest
from image_world import (
    Dropping,
    Talk,
    deb_bytes,
    digest_of,
    make_lock,
    put_base,
    put_deb,
    put_simple_wheel,
    put_wheel,
    wheel_bytes,
)

from reprobox.engine.docker import DockerEngine
from reprobox.errors import ImageError, ImageMismatch, ReproboxError
from reprobox.image import apt_layer, bootstrap, bytecode, layer_plan
from reprobox.image.compose import compose, find
from reprobox.image.engine_check import verify, verify_recorded
from reprobox.image.restore import follows
from reprobox.model.image import Image, tag_of
from reprobox.model.lock import Expected, Lock
from reprobox.model.outcome import Container
from reprobox.store.objects import ObjectStore

NAMED = dict(
    item.split("=", 1) for item in os.environ.get("REPROBOX_ENGINES", "").split(",") if item
)
pytestmark = [
    pytest.mark.engine,
    pytest.mark.slow,
    pytest.mark.skipif(not NAMED, reason="opt-in: REPROBOX_ENGINES names the engines"),
]
Debian = tuple[ObjectStore, Lock]


@pytest.fixture(scope="module")
def lock(debian: Debian) -> Lock:
    store, lock = debian
    script = "#!/bin/sh\nset -e\nln /usr/bin/demo /usr/bin/demo-link\nrm /etc/debian_version\nadduser --system demo >/dev/null\n"
    package = put_deb(
        store, "demo", deb_bytes("demo", {"usr/bin/demo": b"#!/bin/sh\n"}, postinst=script)
    )
    big = wheel_bytes("big", "2.0", {"big/data.bin": bytes(range(256)) * 20_000})
    wheels = (put_simple_wheel(store, "alpha"), put_wheel(store, "big", "2.0", big))
    return replace(lock, debs=(package,), wheels=wheels, bytecode=True, timestamp=1_763_600_000)


@pytest.fixture(scope="module")
def reference(debian: Debian, lock: Lock) -> Iterator[Image]:
    """The image as the engine of this machine has it."""
    engine = DockerEngine()
    image = compose(lock, digest_of(lock), objects=debian[0], engine=engine, progress=Talk())
    yield image
    engine.remove_image(image.tag)


@pytest.fixture(params=sorted(NAMED))
def named(request: pytest.FixtureRequest) -> DockerEngine:
    return DockerEngine(NAMED[request.param])


def starts(engine: DockerEngine, image: Image) -> str:
    """Empty when the engine can start a container; otherwise what it says."""
    try:
        with engine.step(
            Container(image=image.tag, argv=("/bin/true",), name="reprobox-test-engines")
        ) as step:
            return step.log.decode() if step.code else ""
    except ReproboxError as error:
        return str(error)


def test_one_digest(named: DockerEngine, debian: Debian, lock: Lock, reference: Image) -> None:
    store, _ = debian
    expected = Expected(
        config=reference.config, manifest=reference.manifest, diff_ids=reference.diff_ids
    )
    known = replace(lock, image=expected)
    talk = Talk()
    started = time.perf_counter()
    assert compose(known, digest_of(lock), objects=store, engine=named, progress=talk) == reference
    seconds = time.perf_counter() - started
    try:
        there = named.inspect(reference.tag)
        assert there is not None
        assert verify(there, reference) == []
        assert verify_recorded(there, reference, partial(follows, reference, lock)) == []
        own = "manifest" if named.containerd_store() else "config"
        assert there.id == getattr(reference, own)
        assert find(known, digest_of(lock), named) == reference
        facts = named.info()
        figures = f"{own} {there.id}, {talk.sent} bytes in {seconds:.1f} s"
        print(f"\n{facts['name']} {facts['version']}: {figures}")  # noqa: T201 - seen with -s
    finally:
        named.remove_image(reference.tag)


def test_a_small_change_sends_little(named: DockerEngine, debian: Debian, lock: Lock) -> None:
    store, _ = debian
    talk, tags = Talk(), []
    try:
        for version in ("1.1", "1.2"):
            talk.sent = 0
            changed = replace(
                lock,
                wheels=(put_simple_wheel(store, "alpha", version), lock.wheels[1]),
                bytecode=False,
            )
            tags.append(
                compose(changed, digest_of(changed), objects=store, engine=named, progress=talk).tag
            )
    finally:
        for tag in tags:
            named.remove_image(tag)
    assert 0 < talk.sent < 100_000


def test_a_layer_that_is_lost_on_the_way_is_found_out(named: DockerEngine, debian: Debian) -> None:
    store, _ = debian
    lock = make_lock(put_base(store, str(time.time_ns()), "two"))
    digest = digest_of(lock)
    layer = layer_plan.plan(
        lock, digest, objects=store, engine=named, progress=Talk()
    ).image.diff_ids[0]
    try:
        with pytest.raises((ImageError, ImageMismatch)):
            compose(lock, digest, objects=store, engine=Dropping(named, layer), progress=Talk())
        assert named.inspect(tag_of(digest)) is None
        compose(lock, digest, objects=store, engine=named, progress=Talk())
    finally:
        named.remove_image(tag_of(digest))


def test_the_steps_that_run_in_containers_give_the_same_bytes(
    named: DockerEngine, debian: Debian, lock: Lock, reference: Image
) -> None:
    store, _ = debian
    ports = {"objects": store, "engine": named, "progress": Talk()}
    tag = compose(lock, digest_of(lock), **ports).tag
    try:
        if reason := starts(named, reference):
            pytest.skip(f"this engine starts no container here: {reason}")
        layers = layer_plan.plan(lock, digest_of(lock), **ports).layers
        assert bootstrap.layer(lock, **ports, again=True).diff_id == layers[0].diff_id
        assert apt_layer.layer(lock, layers[:1], **ports, again=True).diff_id == layers[1].diff_id
        assert bytecode.layer(lock, layers[:-1], **ports, again=True).diff_id == layers[-1].diff_id
    finally:
        named.remove_image(tag)
