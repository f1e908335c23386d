"""Lock to image on a real engine: digests, order, partial loads, the no-op path, and what the
config says.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from image_world import (
    Dropping,
    Talk,
    Wrapped,
    cut,
    digest_of,
    flip,
    make_lock,
    put_base,
    put_simple_wheel,
    put_wheel,
    wheel_bytes,
)

from reprobox.engine.docker import DockerEngine
from reprobox.errors import EngineError, FetchError, HashMismatch, ImageError, ImageMismatch
from reprobox.image import paths
from reprobox.image.compose import compose, draw, find
from reprobox.image.engine_check import verify
from reprobox.model.image import Image, tag_of
from reprobox.model.lock import Expected, Lock
from reprobox.store.objects import ObjectStore

pytestmark = pytest.mark.engine
Composer = Callable[..., Image]
GOLDEN = "sha256:fd653d7906a53b25d9a607dd2ea8ba480b66171423d787909f14e14a297ca066"
"""Config digest of the small lock: the identity of an image, end to end."""


def small_lock(objects: ObjectStore) -> Lock:
    big = wheel_bytes("big", "2.0", {"big/data.bin": bytes(range(256)) * 20_000})
    wheels = (
        put_simple_wheel(objects, "alpha"),
        put_wheel(objects, "big", "2.0", big),
        put_simple_wheel(objects, "beta"),
    )
    return make_lock(
        put_base(objects, "one", "two"), wheels=wheels, image_env={"NVIDIA_VISIBLE_DEVICES": "all"}
    )


def expected(image: Image) -> Expected:
    return Expected(config=image.config, manifest=image.manifest, diff_ids=image.diff_ids)


def drawn(lock: Lock, objects: ObjectStore, engine: DockerEngine) -> Image:
    return draw(lock, digest_of(lock), objects=objects, engine=engine, progress=Talk()).image


def test_the_engine_holds_exactly_the_image(
    objects: ObjectStore, engine: DockerEngine, build: Composer
) -> None:
    lock = small_lock(objects)
    image = build(lock)
    there = engine.inspect(image.tag)
    assert there is not None
    assert there.diff_ids == image.diff_ids
    assert there.id in (image.config, image.manifest)
    assert verify(there, image) == []
    assert image.tag == f"reprobox/lock:{digest_of(lock)[7:39]}"
    assert image.diff_ids[:2] == lock.base.diff_ids
    assert len(image.diff_ids) == 2 + 1 + 1 + 1  # base, environment, the big wheel, the others
    assert there.created.startswith("2025-11-20T")


def test_golden_config_digest(objects: ObjectStore, engine: DockerEngine) -> None:
    composition = draw(
        small_lock(objects), "sha256:" + "3" * 64, objects=objects, engine=engine, progress=Talk()
    )
    assert composition.image.config == GOLDEN


def test_config_is_the_base_s_below_ours(
    objects: ObjectStore, engine: DockerEngine, build: Composer
) -> None:
    lock = small_lock(objects)
    there = engine.inspect(build(lock).tag)
    assert there is not None
    environment = dict(item.split("=", 1) for item in there.config["Env"])
    assert environment == {
        "PATH": "/opt/venv/bin:/usr/bin",
        "BASE": "yes",
        "NVIDIA_VISIBLE_DEVICES": "all",
    }
    labels = there.config["Labels"]
    assert labels == {
        "base": "small",
        "dev.reprobox.lock": digest_of(lock),
        "dev.reprobox.format": "1",
    }
    assert not there.config.get("Entrypoint")
    assert not there.config.get("Volumes")


def test_order_of_the_lock_s_lists_does_not_matter(
    objects: ObjectStore, engine: DockerEngine
) -> None:
    lock = small_lock(objects)
    turned = replace(lock, wheels=lock.wheels[::-1])
    same = [
        draw(one, digest_of(lock), objects=objects, engine=engine, progress=Talk()).image
        for one in (lock, turned)
    ]
    assert same[0] == same[1]


def test_a_small_change_sends_only_the_small_layer(
    objects: ObjectStore, build: Composer, talk: Talk
) -> None:
    lock = small_lock(objects)
    first = build(lock)
    whole, talk.sent = talk.sent, 0
    changed = replace(lock, wheels=(*lock.wheels[:2], put_simple_wheel(objects, "beta", "1.1")))
    second = build(changed)
    assert second.diff_ids[:-1] == first.diff_ids[:-1]
    assert 0 < talk.sent < whole / 50


def test_composing_again_sends_nothing(objects: ObjectStore, build: Composer, talk: Talk) -> None:
    lock = small_lock(objects)
    first = build(lock)
    talk.tasks.clear()
    assert build(replace(lock, image=expected(first))) == first
    assert talk.tasks == []


def test_find_only_what_is_exactly_expected(
    objects: ObjectStore, engine: DockerEngine, build: Composer
) -> None:
    lock = small_lock(objects)
    digest = digest_of(lock)
    image = build(lock)
    assert find(lock, digest, engine) is None
    known = replace(lock, image=expected(image))
    assert find(known, digest, engine) == (image, engine.inspect(image.tag))
    wrong = replace(known, image=replace(expected(image), diff_ids=image.diff_ids[:-1]))
    assert find(wrong, digest, engine) is None
    engine.remove_image(image.tag)
    assert find(known, digest, engine) is None


def test_find_imports_nothing_heavy() -> None:
    code = "import sys; import reprobox.image.compose; sys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"docker", "installer", "tarfile", "zipfile", "requests", "tempfile"} & set(
        done.stdout.split()
    )


def test_find_is_quick(objects: ObjectStore, engine: DockerEngine, build: Composer) -> None:
    lock = small_lock(objects)
    known = replace(lock, image=expected(build(lock)))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        assert find(known, digest_of(lock), engine) is not None
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


def test_a_lock_that_expects_another_image_is_refused_by_name(
    objects: ObjectStore, engine: DockerEngine, build: Composer
) -> None:
    lock = small_lock(objects)
    image = build(lock)
    engine.remove_image(image.tag)
    changed = replace(
        lock,
        wheels=(*lock.wheels[:2], put_simple_wheel(objects, "beta", "1.1")),
        image=expected(image),
    )
    with pytest.raises(ImageMismatch) as caught:
        build(changed)
    assert "layer 5 '2 small wheels'" in caught.value.why
    assert "layer 4" not in caught.value.why
    assert "config: expected" in caught.value.why
    assert engine.inspect(tag_of(digest_of(changed))) is None


def test_a_config_edited_by_hand_is_refused(objects: ObjectStore, build: Composer) -> None:
    lock = small_lock(objects)
    image = build(lock)
    edited = replace(lock, image=replace(expected(image), config="sha256:" + "1" * 64))
    with pytest.raises(ImageMismatch, match="does not give the image"):
        build(edited)


def big_of(lock: Lock) -> str:
    return lock.wheels[1].sha256


DAMAGE = {
    "flipped wheel": (flip, big_of),
    "truncated wheel": (cut, big_of),
    "flipped base layer": (flip, lambda lock: lock.base.diff_ids[1]),
    "truncated base layer": (cut, lambda lock: lock.base.diff_ids[0]),
}


@pytest.mark.parametrize("case", DAMAGE)
@pytest.mark.parametrize("measured", [False, True])
def test_damaged_objects_refuse_and_the_second_try_succeeds(
    case: str, measured: bool, objects: ObjectStore, engine: DockerEngine, build: Composer
) -> None:
    """Also where the layers' digests are remembered, so that nothing but sending reads the object."""
    lock = small_lock(objects)
    if measured:
        drawn(lock, objects, engine)
    damage, choose = DAMAGE[case]
    path = objects.path(choose(lock))
    whole = path.read_bytes()
    damage(objects, choose(lock))
    with pytest.raises(HashMismatch) as caught:
        build(lock)
    assert str(path) in caught.value.why
    assert engine.inspect(tag_of(digest_of(lock))) is None
    objects.put_bytes(whole)
    build(lock)


def test_absent_objects_refuse(objects: ObjectStore, build: Composer) -> None:
    lock = small_lock(objects)
    objects.remove(big_of(lock))
    with pytest.raises(FetchError):
        build(lock)


class Deaf(Wrapped):
    """Takes what it is sent, keeps nothing, and says that all is well."""

    def load(self, chunks: Iterable[bytes]) -> None:
        for _ in chunks:
            pass


def test_an_engine_that_keeps_nothing_is_found_out(
    objects: ObjectStore, engine: DockerEngine, build: Composer
) -> None:
    lock = small_lock(objects)
    with pytest.raises(ImageMismatch, match="another image than the one it was sent"):
        build(lock, engine=Deaf(engine))
    assert engine.inspect(tag_of(digest_of(lock))) is None
    build(lock)


def test_a_layer_that_is_lost_on_the_way_is_found_out(
    objects: ObjectStore, engine: DockerEngine, build: Composer
) -> None:
    """A graph driver refuses such an archive; a containerd store takes it, and verifying finds that
    out.
    """
    lock = make_lock(put_base(objects, str(time.time_ns()), "two"))
    lost = drawn(lock, objects, engine).diff_ids[0]
    with pytest.raises((ImageError, ImageMismatch)):
        build(lock, engine=Dropping(engine, lost))
    assert engine.inspect(tag_of(digest_of(lock))) is None
    build(lock)


class Claiming(Wrapped):
    """Says that it has layers that it lacks, so that a partial load must fail and everything be
    sent.
    """

    def __init__(self, engine: DockerEngine, chain: tuple[str, ...]) -> None:
        super().__init__(engine)
        self.chain, self.loads = chain, 0

    def chains(self, label: str | None = None, family: str = "") -> list[tuple[str, ...]]:
        return [self.chain]

    def load(self, chunks: Iterable[bytes]) -> None:
        self.loads += 1
        self.real.load(chunks)


def test_layers_that_the_engine_lacks_after_all_are_sent(
    tmp_path: Path, objects: ObjectStore, engine: DockerEngine, build: Composer, talk: Talk
) -> None:
    unique = str(time.time_ns())
    lock = make_lock(put_base(objects, unique, "two"), wheels=(put_simple_wheel(objects, "alpha"),))
    claiming = Claiming(engine, drawn(lock, objects, engine).diff_ids[:2])
    build(lock, engine=claiming)
    assert claiming.loads == 2
    assert any("sending all of them" in note for note in talk.notes)


class Full(Wrapped):
    """Its disk is full after some megabytes."""

    def load(self, chunks: Iterable[bytes]) -> None:
        for count, _ in enumerate(chunks):
            if count == 2:
                raise EngineError(
                    "Could not load an image",
                    why="write /var/lib/docker/tmp/x: no space left on device",
                )


def test_a_full_disk_in_mid_load_is_told_and_leaves_nothing(
    objects: ObjectStore, engine: DockerEngine, build: Composer
) -> None:
    lock = small_lock(objects)
    with pytest.raises(ImageError) as caught:
        build(lock, engine=Full(engine))
    assert "no space left" in caught.value.why
    assert "disk is full" in caught.value.next_step
    assert engine.inspect(tag_of(digest_of(lock))) is None
    build(lock)


def test_a_base_of_too_many_layers_is_refused(objects: ObjectStore, build: Composer) -> None:
    base = put_base(objects, *map(str, range(95)))
    with pytest.raises(ImageError, match="95 layers"):
        build(make_lock(base))


def test_many_big_wheels_stay_below_the_layer_limit(
    objects: ObjectStore, engine: DockerEngine
) -> None:
    first = put_simple_wheel(objects, "alpha")
    wheels = tuple(
        replace(first, name=f"w{number}", size=paths.BIG_WHEEL + number) for number in range(150)
    )
    lock = make_lock(put_base(objects, "one"), wheels=wheels)
    assert len(drawn(lock, objects, engine).diff_ids) <= paths.MAX_LAYERS


def test_the_same_layer_twice_is_one_blob(
    objects: ObjectStore, engine: DockerEngine, build: Composer
) -> None:
    base = put_base(objects, "one")
    lock = make_lock(replace(base, diff_ids=base.diff_ids * 2))
    there = engine.inspect(build(lock).tag)
    assert there is not None
    assert there.diff_ids[0] == there.diff_ids[1]


def test_verify_names_each_difference(
    objects: ObjectStore, engine: DockerEngine, build: Composer
) -> None:
    image = build(small_lock(objects))
    there = engine.inspect(image.tag)
    assert there is not None
    foreign = replace(there, id="sha256:" + "2" * 64)
    assert verify(foreign, image) == []
    environment = [*there.config["Env"][:-1], "EXTRA=1"]
    assert any(
        line.startswith("Env: ")
        for line in verify(replace(foreign, config={**there.config, "Env": environment}), image)
    )
    assert verify(replace(there, diff_ids=()), image) == [
        "the engine has 0 layers, the image has 5"
    ]
    assert verify(replace(there, diff_ids=there.diff_ids[::-1]), image)[0].startswith(
        "layer 1: the engine has"
    )
    assert "settings are not known" in verify(foreign, replace(image, settings={}))[0]


def test_the_archive_is_both_forms(
    objects: ObjectStore, engine: DockerEngine, tmp_path: Path
) -> None:
    import tarfile

    from reprobox.image import load_archive

    lock = small_lock(objects)
    composition = draw(lock, digest_of(lock), objects=objects, engine=engine, progress=Talk())
    with (tmp_path / "a.tar").open("wb") as file:
        load_archive.write(composition, file, objects=objects, progress=Talk())
    with tarfile.open(tmp_path / "a.tar") as tar:
        texts = {
            member.name: tar.extractfile(member).read() for member in tar if member.size < 10_000
        }  # type: ignore[union-attr]
        names = set(tar.getnames())
    classic = json.loads(texts["manifest.json"])[0]
    manifest = json.loads(texts["blobs/sha256/" + composition.image.manifest[7:]])
    assert {classic["Config"], *classic["Layers"]} <= names
    assert [f"blobs/sha256/{layer['digest'][7:]}" for layer in manifest["layers"]] == classic[
        "Layers"
    ]
    assert json.loads(texts["index.json"])["manifests"][0]["digest"] == composition.image.manifest
    assert json.loads(texts["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}


def test_compose_is_what_flow_calls(objects: ObjectStore, engine: DockerEngine, talk: Talk) -> None:
    lock = small_lock(objects)
    image = compose(lock, digest_of(lock), objects=objects, engine=engine, progress=talk)
    try:
        assert image.lock == digest_of(lock)
        assert image.base == "archive:small.tar"
    finally:
        engine.remove_image(image.tag)
