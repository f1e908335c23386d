"""Bases that exist already: archives of every form, a registry on loopback, a Dockerfile; on the
real engine.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest
import zstandard
from lock_world import NOW, Talk, rootfs, sha256, tar_bytes

from reprobox.engine.docker import DockerEngine
from reprobox.errors import EngineUnavailable, HashMismatch, ImageError, ReproboxError, ResolveError
from reprobox.lock import fetch, image_archive, resolve
from reprobox.lock.image_tree import Tree
from reprobox.model.lock import Lock
from reprobox.model.spec import BaseIntent, BaseKind, Environment
from reprobox.store.objects import ObjectStore

BOTTOM, TOP = rootfs(), tar_bytes({"usr/local/bin/python3.11": b"#!", "opt/mark": b"top"})
CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "config": {"Env": ["PATH=/usr/local/bin:/usr/bin", "A=1"]},
    "rootfs": {"type": "layers", "diff_ids": [sha256(BOTTOM), sha256(TOP)]},
}


def docker_archive(
    config: dict[str, object] = CONFIG, layers: tuple[bytes, ...] = (BOTTOM, TOP)
) -> bytes:
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": ["made:here"], "Layers": names}]
    documents = {
        "config.json": json.dumps(config).encode(),
        "manifest.json": json.dumps(manifest).encode(),
    }
    return tar_bytes({**dict(zip(names, layers, strict=True)), **documents})


def oci_archive() -> bytes:
    """As a containerd store saves it: gzip layers, an index within the index, an attestation beside
    the image.
    """
    blobs: dict[str, bytes] = {}

    def put(data: bytes, **more: object) -> dict[str, object]:
        blobs[f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"] = data
        return {"digest": sha256(data), "size": len(data), **more}

    layers = [put(gzip.compress(layer, mtime=0)) for layer in (BOTTOM, TOP)]
    manifest = put(
        json.dumps({"config": put(json.dumps(CONFIG).encode()), "layers": layers}).encode()
    )
    stray = put(b'{"attestation": 1}', platform={"os": "unknown", "architecture": "unknown"})
    inner = put(
        json.dumps(
            {
                "manifests": [
                    {**manifest, "platform": {"os": "linux", "architecture": "amd64"}},
                    stray,
                ]
            }
        ).encode()
    )
    return tar_bytes(
        {
            "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
            **blobs,
            "index.json": json.dumps({"manifests": [inner]}).encode(),
        }
    )


def _env(kind: BaseKind, reference: str) -> Environment:
    return Environment(base=BaseIntent(kind=kind, reference=reference))


def _lock(
    env: Environment,
    root: Path,
    objects: ObjectStore,
    talk: Talk,
    engine: DockerEngine | None = None,
    **more: object,
) -> Lock:
    given = {"previous": None, "now": NOW, **more}
    return resolve.resolve(env, root=root, objects=objects, engine=engine, progress=talk, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.compress]
)
@pytest.mark.parametrize("make", [docker_archive, oci_archive])
def test_image_archives(
    make: object, pack: object, root: Path, objects: ObjectStore, talk: Talk
) -> None:
    (root / "base.tar").write_bytes(pack(make()))  # type: ignore[operator]
    made = _lock(_env("archive", "base.tar"), root, objects, talk)
    assert made.base.diff_ids == (sha256(BOTTOM), sha256(TOP))
    assert made.base.config == CONFIG["config"]
    assert made.python.executable == "/usr/local/bin/python3.11"
    fetch.verify(made, objects, talk)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_plain_root_file_system_is_one_layer(
    pack: object, root: Path, objects: ObjectStore, talk: Talk
) -> None:
    (root / "base.tar").write_bytes(pack(BOTTOM))  # type: ignore[operator]
    made = _lock(_env("archive", "base.tar"), root, objects, talk)
    assert (made.base.diff_ids, made.base.config) == ((sha256(BOTTOM),), {})
    assert made.python.executable == "/usr/bin/python3.11"


def test_a_layer_that_is_a_link_to_another(objects: ObjectStore) -> None:
    config = {**CONFIG, "rootfs": {"diff_ids": [sha256(TOP), sha256(TOP)]}}
    manifest = [{"Config": "c.json", "Layers": ["a/layer.tar", "b/layer.tar"]}]
    files = {
        "a/layer.tar": TOP,
        "c.json": json.dumps(config).encode(),
        "manifest.json": json.dumps(manifest).encode(),
    }
    data = tar_bytes(files, {"b/layer.tar": "../a/layer.tar"})
    assert image_archive.from_stream(io.BytesIO(data), objects, where="x").diff_ids == (
        sha256(TOP),
        sha256(TOP),
    )


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (docker_archive(layers=(BOTTOM, BOTTOM)), HashMismatch, "not those of its config"),
        (docker_archive()[:9000], ImageError, "not a whole"),
        (gzip.compress(docker_archive())[:-200], ImageError, "not a whole"),
        (b"\x28\xb5\x2f\xfd rest", ImageError, "not a whole"),
        (zstandard.compress(docker_archive())[:-50], ImageError, "not a whole"),
        (b"no archive at all" * 100, ImageError, "not a whole tar"),
        (tar_bytes({"manifest.json": b"[]"}), ImageError, "holds 0 images"),
        (
            tar_bytes({"manifest.json": b'[{"Config": "c.json", "Layers": []}]'}),
            ImageError,
            "not a whole image",
        ),
    ],
)
def test_damaged_archives(
    data: bytes, error: type[ReproboxError], said: str, root: Path, objects: ObjectStore, talk: Talk
) -> None:
    (root / "base.tar").write_bytes(data)
    with pytest.raises(error, match=said):
        _lock(_env("archive", "base.tar"), root, objects, talk)


def test_the_base_has_another_python(root: Path, objects: ObjectStore, talk: Talk) -> None:
    with pytest.raises(ResolveError, match=r"has no Python 3\.12") as caught:
        _lock(replace(_env("archive", "base.tar"), python="3.12"), root, objects, talk)
    own, other = caught.value.why.splitlines()[:2]
    assert own == "It has /usr/bin/python3.11."
    assert other.startswith("uv could not fetch one (python-build-standalone): Python downloads")


def test_an_interpreter_outside_path_is_found(root: Path, objects: ObjectStore, talk: Talk) -> None:
    (root / "base.tar").write_bytes(
        tar_bytes({"opt/conda/bin/python3.11": b"#!"}, {"opt/conda/bin/python3.10": "gone"})
    )
    assert (
        _lock(_env("archive", "base.tar"), root, objects, talk).python.executable
        == "/opt/conda/bin/python3.11"
    )


def test_an_interpreter_where_our_environment_will_be_is_passed_over(
    root: Path, objects: ObjectStore, talk: Talk
) -> None:
    files = {"usr/bin/python3.11": b"#!", "opt/venv/pyvenv.cfg": b""}
    layer = tar_bytes(files, {"opt/venv/bin/python3.11": "/usr/bin/python3.11"})
    config = {
        **CONFIG,
        "config": {"Env": ["PATH=/opt/venv/bin:/usr/bin"]},
        "rootfs": {"diff_ids": [sha256(layer)]},
    }
    (root / "base.tar").write_bytes(docker_archive(config, (layer,)))
    assert (
        _lock(_env("archive", "base.tar"), root, objects, talk).python.executable
        == "/usr/bin/python3.11"
    )


def test_no_engine(root: Path, objects: ObjectStore, talk: Talk) -> None:
    with pytest.raises(EngineUnavailable, match="a registry base needs a container engine"):
        _lock(_env("registry", "127.0.0.1:1/some/base"), root, objects, talk)


@pytest.fixture
def local(engine: DockerEngine) -> Iterator[str]:
    """A small image in the engine, of our making."""
    name = "reprobox-test/lock-base:one"
    engine.load([docker_archive()])
    engine.tag("made:here", name)
    engine.remove_image("made:here")
    yield name
    engine.remove_image(name)


@pytest.fixture
def pushed(engine: DockerEngine, local: str, registry: str) -> Iterator[str]:
    """The image in the registry, and gone from the engine."""
    name = f"{registry}/some/base:one"
    engine.tag(local, name)
    client = docker.from_env()
    try:
        client.images.push(name)
    finally:
        client.close()
    engine.remove_image(name)
    engine.remove_image(local)
    yield name
    image = engine.inspect(name)
    if image is not None:
        for reference in (name, *image.repo_digests):
            engine.remove_image(reference)


@pytest.mark.engine
def test_a_registry_base_is_pinned_by_digest(
    pushed: str, engine: DockerEngine, root: Path, objects: ObjectStore, talk: Talk, tmp_path: Path
) -> None:
    made = _lock(_env("registry", pushed), root, objects, talk, engine)
    assert made.base.diff_ids == (sha256(BOTTOM), sha256(TOP))
    assert made.base.digest is not None
    assert made.base.config["Env"] == CONFIG["config"]["Env"]  # type: ignore[index]
    fetch.verify(made, objects, talk)
    # The tag moves on; the pin stays, also where the layers have to come again.
    fresh = ObjectStore(tmp_path / "fresh")
    again = _lock(_env("registry", pushed), root, fresh, talk, engine, previous=made)
    assert again == made
    fetch.verify(again, fresh, talk)
    by_digest = f"{pushed.removesuffix(':one')}@{made.base.digest}"
    assert (
        _lock(_env("registry", by_digest), root, objects, talk, engine).base.digest
        == made.base.digest
    )


@pytest.mark.engine
def test_an_image_that_no_registry_has(
    local: str, engine: DockerEngine, root: Path, objects: ObjectStore, talk: Talk, registry: str
) -> None:
    name = f"{registry}/never/pushed:one"
    engine.tag(local, name)
    try:
        made = _lock(_env("registry", name), root, objects, talk, engine)
    finally:
        engine.remove_image(name)
    assert (made.base.digest, made.base.diff_ids) == (None, (sha256(BOTTOM), sha256(TOP)))
    assert any("only on this machine" in note for note in talk.notes)


@pytest.mark.engine
def test_a_dockerfile_is_pinned_once(
    local: str, engine: DockerEngine, root: Path, objects: ObjectStore, talk: Talk
) -> None:
    (root / "mark").write_text("built")
    (root / "Dockerfile.small").write_text(f"FROM {local}\nCOPY mark /opt/mark\n")
    env = _env("dockerfile", "Dockerfile.small")
    made = _lock(env, root, objects, talk, engine)
    tag = f"reprobox/base:{(made.base.dockerfile or '')[7:39]}"
    try:
        assert engine.inspect(tag) is not None
        assert made.base.diff_ids[:2] == (sha256(BOTTOM), sha256(TOP))
        assert (
            Tree(objects.path(layer) for layer in made.base.diff_ids).read("opt/mark") == b"built"
        )
        assert any("pinned by the layers" in note for note in talk.notes)
        # Other parts of the intent change: the base is not built again.
        assert (
            _lock(replace(env, bytecode=True), root, objects, talk, None, previous=made).base
            == made.base
        )
        (root / "Dockerfile.small").write_text(f"FROM {local}\nCOPY mark /opt/other\n")
        with pytest.raises(EngineUnavailable):
            _lock(env, root, objects, talk, None, previous=made)
    finally:
        engine.remove_image(tag)
