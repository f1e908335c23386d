"""A Debian base composed from pinned packages, and everything that stands on it, run for real."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from image_world import Talk, deb_bytes, digest_of, flip, put_deb, put_simple_wheel

from reprobox.engine.docker import DockerEngine
from reprobox.errors import HashMismatch, ImageError
from reprobox.image import apt_layer
from reprobox.image.compose import compose
from reprobox.image.image_diff import diff
from reprobox.image.recompose_check import check
from reprobox.image.restore import follows
from reprobox.model.image import Image, tag_of
from reprobox.model.lock import Lock
from reprobox.model.outcome import Container
from reprobox.store.objects import ObjectStore

pytestmark = pytest.mark.engine
Debian = tuple[ObjectStore, Lock]
Composer = Callable[..., Image]


@pytest.fixture
def compose_debian(debian: Debian, engine: DockerEngine) -> Iterator[Composer]:
    tags: list[str] = []

    def composed(lock: Lock, engine: DockerEngine = engine) -> Image:
        image = compose(lock, digest_of(lock), objects=debian[0], engine=engine, progress=Talk())
        tags.append(image.tag)
        return image

    yield composed
    for tag in tags:
        engine.remove_image(tag)


def said(engine: DockerEngine, image: Image, *argv: str) -> str:
    """What a program says in the image, without network."""
    box = Container(image=image.tag, argv=argv, name="reprobox-test-image", read_only=True)
    with engine.step(box) as step:
        assert step.code == 0, step.log
        return step.log.decode()


def test_the_base_s_python_has_its_libraries(
    debian: Debian, engine: DockerEngine, compose_debian: Composer
) -> None:
    store, lock = debian
    image = compose_debian(replace(lock, wheels=(put_simple_wheel(store, "alpha", "1.5"),)))
    code = "import ssl, sqlite3, ctypes, lzma, bz2, zlib, hashlib, alpha, sys; print(alpha.VERSION, sys.prefix)"
    assert said(engine, image, "python", "-c", code).strip() == "1.5 /opt/venv"
    assert said(engine, image, "/usr/bin/dpkg", "--audit") == ""
    states = said(engine, image, "dpkg-query", "-W", "-f", "${Status}\n").split("\n")
    assert set(states) - {""} == {"install ok installed"}
    assert states.count("install ok installed") == len(lock.base.packages)


def test_a_package_on_top(debian: Debian, engine: DockerEngine, compose_debian: Composer) -> None:
    store, lock = debian
    script = "#!/bin/sh\nset -e\nrm /etc/debian_version\nln /usr/bin/demo /usr/bin/demo-link\necho made > /etc/made\n"
    package = put_deb(
        store,
        "demo",
        deb_bytes("demo", {"usr/bin/demo": b"#!/bin/sh\necho demo\n"}, postinst=script),
    )
    base, image = compose_debian(lock), compose_debian(replace(lock, debs=(package,)))
    assert follows(image, replace(lock, debs=(package,)))
    assert said(engine, image, "cat", "/etc/made") == "made\n"
    assert said(engine, image, "sh", "-c", "test -e /etc/debian_version || echo gone") == "gone\n"
    assert said(
        engine,
        image,
        "sh",
        "-c",
        "test /usr/bin/demo -ef /usr/bin/demo-link && ls -A /var/log /.reprobox-debs 2>&1 || true",
    )
    assert store.memo(apt_layer.key_of(lock, [])) is None
    # What a step made is stored as the image names it, so gc, which keeps what a record names,
    # keeps it.
    assert [store.has(diff_id) for diff_id in image.diff_ids[:2]] == [True, True]
    told = diff(base.tag, image.tag, engine=engine, progress=Talk())
    assert not told.same
    assert [(one.kind, one.name, one.left, one.right) for one in told.packages] == [
        ("deb", "demo", None, "1.0")
    ]
    files = {change.path: change for change in told.files}
    assert files["etc/debian_version"].what == "only in the first"
    assert files["usr/bin/demo"].package == "deb demo"
    assert "apt 1 packages" in [layer.name for layer in told.layers]
    assert list(told.settings) == ["config.Labels.dev.reprobox.lock"]
    assert not [path for path in files if path.startswith(("var/log/", ".reprobox", "dev/"))]


def test_a_package_whose_script_fails_is_told(
    debian: Debian, engine: DockerEngine, compose_debian: Composer
) -> None:
    store, lock = debian
    package = put_deb(
        store,
        "demo",
        deb_bytes("demo", {"usr/bin/demo": b"x"}, postinst="#!/bin/sh\necho no luck >&2\nexit 3\n"),
    )
    broken = replace(lock, debs=(package,))
    with pytest.raises(ImageError, match="the step 'apt' failed") as caught:
        compose_debian(broken)
    assert "no luck" in caught.value.why
    assert engine.inspect(tag_of(digest_of(broken))) is None


def test_a_flipped_package_refuses_before_anything_runs(
    debian: Debian, engine: DockerEngine, compose_debian: Composer
) -> None:
    store, lock = debian
    data = deb_bytes(
        "flipped", {"usr/bin/flipped": b"x" * 5000 + str(time.time_ns()).encode()}
    )  # never in the store before
    package = put_deb(store, "flipped", data)
    flip(store, package.sha256)
    broken = replace(lock, debs=(package,))
    with pytest.raises(HashMismatch, match="apt 1 packages"):
        compose_debian(broken)
    store.put_bytes(data)
    compose_debian(broken)


def test_bytecode_is_used_and_repeats(
    debian: Debian, engine: DockerEngine, compose_debian: Composer
) -> None:
    store, lock = debian
    wheels = (
        put_simple_wheel(store, "alpha", text="BAD = ()\n"),
        put_simple_wheel(store, "broken", text="def ("),
    )
    compiled = replace(lock, wheels=wheels, bytecode=True)
    image = compose_debian(compiled)
    assert follows(image, compiled)
    code = "import alpha, importlib.util, pathlib; p = pathlib.Path(alpha.__cached__); print(p.read_bytes()[4:8].hex())"
    assert (
        said(engine, image, "python", "-c", code).strip() == "01000000"
    )  # PEP 552: hash-based, not checked


@pytest.mark.slow
def test_check_finds_nothing_where_everything_repeats(
    debian: Debian, engine: DockerEngine, compose_debian: Composer
) -> None:
    """The base is bootstrapped, the package installed and the bytecode compiled a second time, to
    the same bytes.
    """
    store, lock = debian
    package = put_deb(store, "demo", deb_bytes("demo", {"usr/bin/demo": b"x"}))
    whole = replace(
        lock, debs=(package,), wheels=(put_simple_wheel(store, "alpha"),), bytecode=True
    )
    compose_debian(whole)
    assert check(whole, digest_of(whole), objects=store, engine=engine, progress=Talk()) == []


@pytest.mark.slow
def test_check_names_layer_and_file_of_a_package_that_does_not_repeat(
    debian: Debian, engine: DockerEngine
) -> None:
    store, lock = debian
    script = "#!/bin/sh\nhead -c 16 /dev/urandom | od > /etc/born\n"
    package = put_deb(store, "born", deb_bytes("born", {"usr/share/born": b"x"}, postinst=script))
    odd = replace(lock, debs=(package,))
    found = check(odd, digest_of(odd), objects=store, engine=engine, progress=Talk())
    assert [(one.layer, one.path) for one in found] == [("apt 1 packages", "etc/born")]
    assert "content" in found[0].what
