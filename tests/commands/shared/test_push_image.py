"""The image of a run goes to a registry, and comes back from there by its digest, on a machine that
has nothing else of it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from flow_project import Project
from loopback_registry import Registry, serving
from small_project import Small, elsewhere

from reprobox.errors import BundleRefused, EngineError, ImageMissing, UsageError

pytestmark = pytest.mark.engine


def addresses(project: Project) -> list[dict[str, str]]:
    found = sorted(project.top.glob(".reprobox/runs/*/addresses/*.json"))
    return [json.loads(path.read_text()) for path in found]


def names(small_run: Small) -> list[str]:
    """How the engine calls the image."""
    import docker

    with contextlib.closing(docker.from_env()) as client:
        found: list[str] = client.images.get(small_run.image()["tag"]).tags
    return found


def test_an_image_that_was_pushed_after_its_run_is_found_by_a_replay_elsewhere(
    small_run: Small, loopback: Registry, tmp_path: Path
) -> None:
    image = small_run.image()
    (sent,) = small_run(
        "push", "first", "--image", f"{loopback.address}/experiments/after", "--json"
    ).json["images"]
    assert sent["image"] == image["config"]
    assert sent["address"].startswith(f"{loopback.address}/experiments/after@sha256:")
    assert loopback.manifest(sent["address"]).exists()
    assert names(small_run) == [image["tag"]]
    small_run("push", "first", "--image", f"{loopback.address}/experiments/after")
    assert [one["address"] for one in addresses(small_run.project)] == [sent["address"]]
    small_run("export", "first", "-o", str(tmp_path / "b"), "--with", "code,outputs")
    small_run.forget_image()
    there = elsewhere(small_run, tmp_path)
    assert there("import", str(tmp_path / "b")).code == 0
    said = there("replay", "first", "--json")
    assert said.code == 0, said.err
    assert (said.json["result"], said.json["image_tier"]) == ("identical", "registry")
    assert there("fsck").code == 0


def test_an_address_reaches_a_run_that_is_there_already(
    small_run: Small, loopback: Registry, tmp_path: Path
) -> None:
    there, store = elsewhere(small_run, tmp_path), str(tmp_path / "shared")
    small_run("push", "first", "--to", store, "--with", "code,outputs")
    assert there("pull", "--from", store).code == 0
    assert addresses(there) == []
    both = small_run(
        "push",
        "first",
        "--to",
        store,
        "--image",
        f"{loopback.address}/late",
        "--with",
        "code,outputs",
        "--json",
    ).json
    assert there("pull", "--from", store).code == 0
    assert [one["address"] for one in addresses(there)] == [both["images"][0]["address"]]
    small_run.forget_image()
    assert there("replay", "first", "--json").json["image_tier"] == "registry"


def test_one_tag_is_for_one_image(small_run: Small, loopback: Registry) -> None:
    small_run.write_config("{archive: base.tar}", env="other")
    old = (small_run.project.top / "reprobox.lock").read_bytes()
    small_run.locked()
    small_run("run", "config.yaml", "--name", "second")
    said = small_run(
        "push", "first", "second", "--image", f"{loopback.address}/two:mine", code=UsageError.code
    )
    assert "leave the tag out" in said.err
    sent = small_run(
        "push", "first", "second", "--image", f"{loopback.address}/two", "--json"
    ).json["images"]
    assert len({one["address"] for one in sent}) == 2
    small_run.forget_image()
    (small_run.project.top / "reprobox.lock").write_bytes(old)


def test_what_is_no_name_is_refused_before_anything_is_done(small_run: Small) -> None:
    for name in ("", "UPPER/Case", "x@sha256:" + "5" * 64, "../x", "host/name:tag:tag", "a b"):
        assert small_run("push", "first", "--image", name, code=UsageError.code).err
    assert small_run("push", "first", code=UsageError.code).err
    assert addresses(small_run.project) == []


def test_a_dry_run_pushes_nothing(small_run: Small, loopback: Registry) -> None:
    small_run("push", "first", "--image", f"{loopback.address}/dry", "--dry-run")
    assert addresses(small_run.project) == []
    assert not (loopback.data / "docker/registry/v2/repositories/dry").exists()


def test_a_registry_that_is_read_only_is_told_and_nothing_is_noted(
    small_run: Small, tmp_path: Path
) -> None:
    (tmp_path / "registry").mkdir()
    with serving(tmp_path / "registry", read_only=True) as registry:
        said = small_run("push", "first", "--image", f"{registry.address}/x", code=EngineError.code)
    assert "Could not push" in said.err
    assert "may be written to" in said.err
    assert addresses(small_run.project) == []
    assert len(names(small_run)) == 1


def test_a_registry_that_fails_half_way_is_told_and_a_second_push_ends_it(
    small_run: Small, tmp_path: Path
) -> None:
    """All layers arrive, and the manifest does not."""
    (tmp_path / "registry").mkdir()
    with serving(tmp_path / "registry") as registry:
        place = registry.data / "docker/registry/v2/repositories/half"
        place.mkdir(parents=True)
        (place / "_manifests").write_text("no directory")
        said = small_run(
            "push", "first", "--image", f"{registry.address}/half", code=EngineError.code
        )
        assert "push again" in said.err
        assert addresses(small_run.project) == []
        (place / "_manifests").unlink()
        small_run("push", "first", "--image", f"{registry.address}/half")
    assert len(addresses(small_run.project)) == 1


def test_a_registry_that_is_gone_is_named_when_nothing_else_is_left(
    small_run: Small, tmp_path: Path
) -> None:
    (tmp_path / "registry").mkdir()
    with serving(tmp_path / "registry") as registry:
        (sent,) = small_run("push", "first", "--image", f"{registry.address}/gone", "--json").json[
            "images"
        ]
    small_run.forget_image()
    (small_run.project.top / "base.tar").unlink()
    shutil.rmtree(small_run.objects())
    said = small_run("replay", "first", code=ImageMissing.code)
    assert sent["address"] in said.err


def test_a_forged_address_is_refused_on_the_way_in(small_run: Small, tmp_path: Path) -> None:
    (run,) = (small_run.project.top / ".reprobox/runs").iterdir()
    (run / "addresses").mkdir()
    forged = {
        "format": "reprobox.address/1",
        "image": small_run.image()["config"],
        "address": "evil.example/../x:tag",
    }
    (run / "addresses" / "0001.json").write_text(json.dumps(forged))
    small_run("export", "first", "-o", str(tmp_path / "b"), "--with", "code,outputs")
    said = elsewhere(small_run, tmp_path)("import", str(tmp_path / "b"))
    assert said.code == BundleRefused.code, said.err
    assert "is not the address of an image" in said.err
