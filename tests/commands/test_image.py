"""Images by the real command line: every kind of base, every way back, vendored locks without a
network, and what --check says.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flow_project import Project, Said, make_project
from images_of_our_own import PythonImage
from loopback_registry import Registry
from small_project import TRAIN, Small, wheel_bytes

from reprobox.engine.docker import DockerEngine
from reprobox.errors import FetchError, HashMismatch, ImageMismatch, ImageMissing, ResolveError
from reprobox.kit import canon
from reprobox.lock import lock_file
from reprobox.model.image import tag_of

pytestmark = pytest.mark.engine


@pytest.fixture
def small(
    tmp_path: Path, base_env: dict[str, str], engine: DockerEngine, python_image: PythonImage
) -> Iterator[Small]:
    """The experiment on an archive, with a store of its own."""
    top = tmp_path / "small project"
    top.mkdir()
    env = {key: value for key, value in base_env.items() if not key.startswith(("PIP_", "UV_"))}
    (tmp_path / "wheels").mkdir()
    local = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
        "UV_OFFLINE": "1",
        "PIP_CONFIG_FILE": "/dev/null",
    }
    project = make_project(top, {**env, **local, "REPROBOX_HOME": str(tmp_path / "store")})
    with (top / "base.tar").open("wb") as file:
        file.writelines(engine.save(python_image.tag))
    project.write(".gitignore", "base.tar\n")
    project.write("train.py", TRAIN)
    made = Small(project, engine)
    made.write_config("{archive: base.tar}")
    project.commit("small")
    yield made
    for path in top.glob("*.lock"):
        engine.remove_image(tag_of(lock_file.digest(lock_file.read(path))))


def replayed(small: Small) -> str:
    """Replays the run, identical; where its image came from."""
    verdict = small("replay", "first", "--json").json
    assert verdict["result"] == "identical"
    return str(verdict["image_tier"])


def test_the_image_comes_back_by_each_way_when_those_before_it_are_gone(
    small: Small, loopback: Registry
) -> None:
    small.locked()
    address = loopback.push(small.image()["tag"], "experiments/small")
    tagged = f"{loopback.address}/experiments/small:one"
    record = small("run", "config.yaml", "--name", "first", "--json").json["record"]
    assert record["intent"]["image"]["addresses"] == [address]
    assert replayed(small) == "local"
    small.forget_image(tagged)
    assert replayed(small) == "registry"
    small("export", "first", "-o", str(small.project.top.parent / "run.rbx"), "--with", "image")
    small.forget_image(address)
    loopback.revision(address).rename(loopback.revision(address).with_name("gone"))
    assert replayed(small) == "archive"
    small.forget_image()
    archive = max(
        small.objects().rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0
    )
    archive.unlink()
    assert replayed(small) == "composed"


def test_a_registry_that_serves_another_image_under_that_address_is_found_out(
    small: Small, loopback: Registry
) -> None:
    small.locked()
    image = small.image()
    address = loopback.push(image["tag"], "experiments/tampered")
    small("run", "config.yaml", "--name", "first")
    small.forget_image(f"{loopback.address}/experiments/tampered:one")
    manifest = json.loads(loopback.manifest(address).read_bytes())
    manifest["layers"].pop()
    loopback.manifest(address).write_bytes(json.dumps(manifest).encode())
    (small.project.top / "base.tar").unlink()
    shutil.rmtree(small.objects())
    said = small("replay", "first", code=ImageMissing.code)
    assert image["config"] in said.err
    assert address in said.err
    assert "digest" in said.err


BASES = ["archive", "registry", "dockerfile"]


@pytest.mark.parametrize("kind", BASES)
def test_each_kind_of_base_is_locked_built_run_and_replayed(
    kind: str, small: Small, loopback: Registry, python_image: PythonImage
) -> None:
    address = loopback.push(python_image.tag, "base/python") if kind != "archive" else ""
    bases = {
        "archive": "{archive: base.tar}",
        "registry": address,
        "dockerfile": "{dockerfile: Dockerfile.mine}",
    }
    small.project.write(
        "Dockerfile.mine",
        f"FROM {address}\nENV FROM_THE_BASE=yes\nCOPY train.py /opt/train.py\nRUN mkdir /opt/made "
        "&& ls /opt\n",
    )
    small.write_config(bases[kind])
    said = small("lock")
    small.project.commit("base")
    lock = lock_file.read(small.project.top / "reprobox.lock")
    assert (lock.base.kind, lock.base.digest) == (
        kind,
        address.partition("@")[2] if kind == "registry" else None,
    )
    if kind == "dockerfile":
        assert "pinned by the layers that came out now" in said.err
        assert "reprobox lock --upgrade" in said.err
    try:
        small.locked()
        record = small("run", "config.yaml", "--name", "first", "--json").json["record"]
        assert ("FROM_THE_BASE" in record["intent"]["image"]["settings"]["Env"][0]) == (
            kind == "dockerfile"
        )
        assert replayed(small) == "local"
        small.forget_image()
        assert replayed(small) == "composed"
    finally:
        if address:
            small.engine.remove_image(f"{loopback.address}/base/python:one")
        if lock.base.dockerfile:
            small.engine.remove_image(f"reprobox/base:{canon.hex_of(lock.base.dockerfile)[:32]}")


def test_the_dockerfile_for_cuda_goes_through(bare_project: Project, engine: DockerEngine) -> None:
    """Its own base cannot be had here: a Debian base with the same packages stands for it, and
    every other line is its own.
    """
    text = bare_project.top / "config.yaml"
    plain = text.read_text()
    bare_project.write(
        "config.yaml",
        plain.replace("  inputs:", "    apt: [python3, libpython3-stdlib, libgomp1]\n  inputs:"),
    )
    for verb in ("lock", "build"):
        said = bare_project(verb)
        assert said.code == 0, said.err
    tag = bare_project("build", "--json").json["tag"]
    ours = (Path(__file__).parents[2] / "Dockerfile.gpu").read_text()
    assert "\nFROM ${CUDA_BASE}\n" in ours
    bare_project.write("Dockerfile.gpu", ours.replace("\nFROM ${CUDA_BASE}\n", f"\nFROM {tag}\n"))
    bare_project.write(
        "config.yaml", plain.replace("base: debian:bookworm", "base: {dockerfile: Dockerfile.gpu}")
    )
    (bare_project.top / "reprobox.lock").unlink()
    try:
        for verb in ("lock", "build"):
            said = bare_project(verb)
            assert said.code == 0, said.err
        bare_project.commit("locked")
        settings = bare_project.run()["record"]["intent"]["image"]["settings"]
        assert {"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"} <= set(
            settings["Env"]
        )
        assert bare_project("replay", "--json").json["result"] == "identical"
    finally:
        built_on = f"reprobox/base:{canon.hex_of(canon.digest_file(bare_project.top / 'Dockerfile.gpu'))[:32]}"
        for name in (bare_project("build", "--json").json["tag"], built_on, tag):
            engine.remove_image(name)


def put_wheel(small: Small, version: str, filler: bytes = b"") -> Path:
    """A wheel of `alpha` where this project's pip looks."""
    name = f"alpha-{version}-py3-none-any.whl"
    path = Path(small.project.env["PIP_FIND_LINKS"]) / name
    path.write_bytes(
        wheel_bytes(
            "alpha",
            version,
            {"alpha/__init__.py": f"VERSION = {version!r}\n".encode(), "alpha/data": filler},
        )
    )
    return path


def stored(small: Small, path: Path) -> Path:
    digest = canon.hex_of(canon.digest_file(path))
    return small.objects() / "sha256" / digest[:2] / digest[2:]


WITHOUT_NETWORK = (
    ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
)


def without_network(small: Small, *words: str) -> Said:
    """A command that has no network at all; the engine's socket is a file."""
    command = [*WITHOUT_NETWORK, sys.executable, "-m", "reprobox.cli.main", *words]
    done = subprocess.run(
        command, cwd=small.project.top, env=small.project.env, capture_output=True, check=False
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_vendored_lock_builds_without_a_network_and_with_upstream_gone(small: Small) -> None:
    wheel = put_wheel(small, "1.0")
    small.write_config("{archive: base.tar}", requirements="[alpha]")
    assert small("lock", "--vendor", "--json").json["wheels"] == 1
    wheel.unlink()
    said = without_network(small, "build", "--offline", "--json")
    assert said.code == 0, said.err
    assert said.json["how"] == "composed"
    small.project.commit("lock")
    small("run", "config.yaml", "--name", "first")
    small.forget_image()
    said = without_network(small, "replay", "first", "--json")
    assert said.code == 0, said.err
    assert (said.json["result"], said.json["image_tier"]) == ("identical", "composed")


def test_a_store_that_lacks_bytes_is_said_offline_and_filled_online(small: Small) -> None:
    wheel = put_wheel(small, "1.0")
    small.write_config("{archive: base.tar}", requirements="[alpha]")
    small("lock")
    stored(small, wheel).unlink()
    said = small("build", "--offline", code=FetchError.code)
    assert wheel.name in said.err
    assert "this is offline" in said.err
    assert small("build", "--json").json["how"] == "composed"


@pytest.mark.parametrize("harm", ["cut", "flip"])
def test_a_damaged_store_is_refused_before_anything_is_built(harm: str, small: Small) -> None:
    wheel = put_wheel(small, "1.0", bytes(range(256)) * 40)
    small.write_config("{archive: base.tar}", requirements="[alpha]")
    small("lock", "--vendor")
    kept = stored(small, wheel)
    data = bytearray(kept.read_bytes())
    data[len(data) // 2] ^= 1
    kept.chmod(0o644)
    kept.write_bytes(data if harm == "flip" else data[:-100])
    said = small("build", code=HashMismatch.code)
    assert str(kept) in said.err
    lock = lock_file.read(small.project.top / "reprobox.lock")
    assert small.engine.inspect(tag_of(lock_file.digest(lock))) is None
    assert small("lock", "--vendor", code=HashMismatch.code).err
    kept.unlink()
    small("lock", "--vendor")
    small.locked()
    small("run", "config.yaml", "--name", "first")
    assert replayed(small) == "local"


def test_source_without_a_wheel_is_refused_with_its_name_and_what_to_do(small: Small) -> None:
    links = Path(small.project.env["PIP_FIND_LINKS"])
    with tarfile.open(links / "onlysource-1.0.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("onlysource-1.0/PKG-INFO")
        info.size = len(b"Metadata-Version: 2.1\nName: onlysource\nVersion: 1.0\n")
        archive.addfile(
            info, io.BytesIO(b"Metadata-Version: 2.1\nName: onlysource\nVersion: 1.0\n")
        )
    small.write_config("{archive: base.tar}", requirements="[onlysource]")
    said = small("lock", code=ResolveError.code)
    assert "onlysource 1.0 has no wheel that fits, and its source cannot be built" in said.err
    assert "neither pyproject.toml nor setup.py" in said.err
    assert "next: ask for a version of onlysource that has a wheel" in said.err


def test_check_says_whether_composing_repeats(small: Small) -> None:
    put_wheel(small, "1.0")
    small.write_config("{archive: base.tar}", requirements="[alpha]")
    small.locked()
    assert small("build", "--check").err.strip().endswith("every layer and the config are the same")
    assert small("build", "--check", "--json").json == {"same": True, "differences": []}
    path = small.project.top / "reprobox.lock"
    lock = lock_file.read(path)
    assert lock.image is not None
    wrong = (*lock.image.diff_ids[:-1], "sha256:" + "5" * 64)
    lock_file.write(path, replace(lock, image=replace(lock.image, diff_ids=wrong)))
    said = small("build", "--check", code=1)
    assert said.out.startswith(f"lock: layer {len(wrong)} '1 small wheels': expected {wrong[-1]}")
    said = small("build", "--check", "--json", code=1)
    assert said.json["same"] is False
    assert said.json["differences"][0]["layer"] == "lock"
    assert small("build", code=ImageMismatch.code).err


def test_two_images_are_told_apart_by_setting_layer_package_and_file(small: Small) -> None:
    tags = []
    for version in ("1.0", "2.0"):
        put_wheel(small, version)
        small.write_config("{archive: base.tar}", requirements=f"[alpha=={version}]")
        small.locked()
        tags.append(small.image()["tag"])
        (small.project.top / "reprobox.lock").rename(small.project.top / f"{version}.lock")
    assert small("image", "diff", tags[0], tags[0]).out == "the same image\n"
    assert small("image", "diff", tags[0], tags[0], "--json").json["same"] is True
    said = small("image", "diff", "1.0.lock", tags[1], code=1)
    kinds = {line.split()[0] for line in said.out.splitlines()}
    assert {"setting", "layer", "file"} <= kinds
    assert "alpha: 1.0 -> 2.0" in said.out
    found = small("image", "diff", *tags, "--json", code=1).json
    assert found["same"] is False
    assert [package["name"] for package in found["packages"]] == ["alpha"]
    assert any(file["path"].endswith("alpha/__init__.py") for file in found["files"])
    assert small("image", "diff", tags[0], "reprobox/none:at-all", code=ImageMissing.code).err
