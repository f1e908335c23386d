"""`build --check` and `image diff` on small images: what they find, and that they find nothing
where nothing is.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from dataclasses import replace

import pytest
from image_world import Talk, digest_of, make_lock, put_base, put_simple_wheel

from reprobox.engine.docker import DockerEngine
from reprobox.errors import ImageError, ImageMissing
from reprobox.image import layer, layer_listing, layer_plan, recompose
from reprobox.image.image_diff import diff
from reprobox.image.recompose_check import check
from reprobox.model.image import Image
from reprobox.model.lock import BaseLock, Expected, Lock
from reprobox.store.objects import ObjectStore

pytestmark = pytest.mark.engine
Composer = Callable[..., Image]


def small_lock(objects: ObjectStore) -> Lock:
    wheels = tuple(
        put_simple_wheel(objects, name) for name in ("delta", "alpha", "charlie", "beta")
    )
    return make_lock(put_base(objects, "one", "two"), wheels=wheels)


def checked(lock: Lock, objects: ObjectStore, engine: DockerEngine) -> list[tuple[str, str, str]]:
    found = check(lock, digest_of(lock), objects=objects, engine=engine, progress=Talk())
    return [(one.layer, one.path, one.what) for one in found]


def test_a_second_composition_elsewhere_is_the_same(
    objects: ObjectStore, engine: DockerEngine
) -> None:
    assert checked(small_lock(objects), objects, engine) == []


def test_the_second_composition_really_is_elsewhere(objects: ObjectStore) -> None:
    """The other process gets the lists in another order, and computes every layer instead of
    remembering it.
    """
    lock = small_lock(objects)
    assert recompose.turned(lock).wheels == lock.wheels[::-1]
    assert recompose.Files({}).memo("anything") is None


def test_a_layer_that_is_remembered_wrongly_is_named(
    objects: ObjectStore, engine: DockerEngine
) -> None:
    """A memo that is wrong (another version's, say) would give another image for ever; the check
    computes and finds it.
    """
    lock = small_lock(objects)
    recipe = layer_plan.recipes(lock, 2, objects)[-1]
    key = layer.memo_key("layer", recipe.key)
    layer_plan.plan(lock, digest_of(lock), objects=objects, engine=engine, progress=Talk())
    objects.remember(key, {"diff_id": "sha256:" + "7" * 64, "size": 10})
    layers = {name for name, _, _ in checked(lock, objects, engine)}
    assert layers == {"4 small wheels", "config", "manifest"}


def test_what_the_lock_expects_is_compared_too(objects: ObjectStore, engine: DockerEngine) -> None:
    lock = small_lock(objects)
    wrong = replace(
        lock,
        image=Expected(config="sha256:" + "8" * 64, manifest="sha256:" + "9" * 64, diff_ids=()),
    )
    assert {name for name, _, _ in checked(wrong, objects, engine)} == {"lock"}


def test_a_base_without_packages_is_refused(objects: ObjectStore, engine: DockerEngine) -> None:
    with pytest.raises(ImageError, match="no packages"):
        checked(make_lock(BaseLock(kind="debian", reference="bookworm")), objects, engine)


def listed(**fields: object) -> dict[str, layer_listing.Entry]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("etc/file")
        data = str(fields.pop("text", "")).encode()
        info.size = len(data)
        for name, value in fields.items():
            setattr(info, name, value)
        archive.addfile(info, io.BytesIO(data))
    buffer.seek(0)
    return layer_listing.read(buffer)[0]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"text": "xy"}, "content (0 and 2 bytes)"),
        ({"mode": 0o4755}, "mode 644 and 4755"),
        ({"uid": 7}, "owner 0:0 and 7:0"),
        ({"mtime": 9}, "mtime 0 and 9"),
        ({"type": tarfile.SYMTYPE, "linkname": "x"}, "file and link"),
        ({"name": "etc/other"}, "only in the first"),
        ({"pax_headers": {"SCHILY.xattr.security.capability": "\x01"}}, "capability  and \\x01"),
    ],
)
def test_differences_in_words(other: dict[str, object], words: str) -> None:
    assert layer_listing.compare(listed(), listed(**other))["etc/file"] == words


def test_two_images_apart(objects: ObjectStore, engine: DockerEngine, build: Composer) -> None:
    lock = small_lock(objects)
    changed = replace(
        lock,
        wheels=(put_simple_wheel(objects, "alpha", "1.1"), *lock.wheels[2:]),
        image_env={"A": "1"},
    )
    one, other = build(lock), build(changed)
    told = diff(one.tag, other.tag, engine=engine, progress=Talk())
    assert [(one.name, one.left, one.right) for one in told.packages] == [
        ("alpha", "1.0", "1.1"),
        ("delta", "1.0", None),
    ]
    assert {change.name for change in told.layers} == {"4 small wheels", "3 small wheels"}
    assert told.settings["config.Env.A"] == (None, "1")
    files = {
        change.path.removeprefix("opt/venv/lib/python3.11/site-packages/"): change
        for change in told.files
    }
    assert files["alpha/__init__.py"].package == "wheel alpha"
    assert files["alpha/__init__.py"].what.startswith("content")
    assert files["delta/__init__.py"].what == "only in the first"
    assert files["delta/__init__.py"].layer == 4
    assert not [path for path in files if path.startswith(("beta/", "charlie/"))]
    same = diff(one.tag, one.config, engine=engine, progress=Talk())
    assert same.same
    assert not same.files


def test_diff_of_an_absent_image(engine: DockerEngine) -> None:
    with pytest.raises(ImageMissing, match="no image reprobox/lock:absent"):
        diff("reprobox/lock:absent", "reprobox/lock:absent", engine=engine, progress=Talk())
