"""conda packages as a layer: conda's rules, and the same bytes each time."""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile

import pytest
from conda_channel import PLACEHOLDER, Package, hello, native, scripted
from image_world import make_lock, put_base

from reprobox.errors import ImageError
from reprobox.image import conda_link, layer_plan, paths
from reprobox.model.lock import Conda
from reprobox.store.objects import ObjectStore

SITE = "opt/conda/lib/python3.11/site-packages"


def put(objects: ObjectStore, package: Package, form: str = ".conda") -> Conda:
    data = package.conda() if form == ".conda" else package.tar_bz2()
    return Conda(
        name=package.name,
        version=package.version,
        build="h1_0",
        subdir=package.subdir,
        filename=package.stem + form,
        sha256=objects.put_bytes(data),
        size=len(data),
    )


def layer(objects: ObjectStore, *packages: Conda) -> bytes:
    buffer = io.BytesIO()
    conda_link.recipe(packages, "3.11", objects).write(buffer)
    return buffer.getvalue()


def opened(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: member for member in archive}


def text(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        file = archive.extractfile(name)
        assert file is not None
        return file.read()


@pytest.mark.parametrize("form", [".conda", ".tar.bz2"])
def test_noarch_python_is_linked_for_the_interpreter(objects: ObjectStore, form: str) -> None:
    data = layer(objects, put(objects, hello(), form))
    found = opened(data)
    assert f"{SITE}/hello.py" in found
    assert text(data, "opt/conda/etc/hello.conf") == b"home = /opt/conda/share\n"
    assert text(data, "opt/conda/bin/old-hello").startswith(b"#!/opt/conda/bin/python\n")
    script = text(data, "opt/conda/bin/say-hello").decode()
    assert script.startswith("#!/opt/conda/bin/python\n")
    assert "from hello import main" in script
    assert found["opt/conda/bin/say-hello"].mode == 0o755
    assert found["opt/conda/etc/hello.conf"].mode == 0o644
    assert {(one.uid, one.gid, one.mtime) for one in found.values()} == {(0, 0, 315532800)}
    record = json.loads(text(data, "opt/conda/conda-meta/hello-1.0-h1_0.json"))
    assert record["name"] == "hello"
    assert "bin/say-hello" in record["files"]


def test_a_prefix_in_a_binary_keeps_its_length(objects: ObjectStore) -> None:
    package = native()
    data = layer(objects, put(objects, package))
    before = package.files["lib/libnative.so.1"]
    after = text(data, "opt/conda/lib/libnative.so.1")
    assert len(after) == len(before)
    assert PLACEHOLDER.encode() not in after
    string = after[6:].split(b"\0", 1)[0]
    assert string == b"/opt/conda/lib/a:/opt/conda/lib/b"
    assert after.endswith(b"\0\2\0rest\0")
    link = opened(data)["opt/conda/lib/libnative.so"]
    assert (link.type, link.linkname) == (tarfile.SYMTYPE, "libnative.so.1")


def test_the_same_bytes_in_any_order(objects: ObjectStore) -> None:
    one, two = put(objects, hello()), put(objects, native(), ".tar.bz2")
    data = layer(objects, one, two)
    assert data == layer(objects, two, one)
    names = list(opened(data))
    assert len(names) == len(set(names))
    for name in names:
        parent = name.rpartition("/")[0]
        assert not parent or names.index(parent) < names.index(name)


def test_a_script_at_installation_is_refused(objects: ObjectStore) -> None:
    package = put(objects, scripted())
    with pytest.raises(ImageError, match="scripted runs a script when it is installed") as caught:
        conda_link.check((package,), "3.11", objects)
    assert "post-link" in caught.value.why
    assert caught.value.next_step


def test_two_packages_with_a_file_at_one_path(objects: ObjectStore) -> None:
    other = dataclasses.replace(native(), name="other")
    packages = (put(objects, native()), put(objects, other))
    with pytest.raises(ImageError, match="native and other have a file at one path"):
        conda_link.check(packages, "3.11", objects)


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "lib/../../evil"])
def test_paths_that_leave_the_prefix(path: str, objects: ObjectStore) -> None:
    package = put(objects, Package(name="evil", files={path: b"x"}))
    with pytest.raises(ImageError, match="cannot be linked"):
        conda_link.check((package,), "3.11", objects)


def test_what_is_no_package(objects: ObjectStore) -> None:
    broken = dataclasses.replace(put(objects, native()), sha256=objects.put_bytes(b"x"))
    with pytest.raises(ImageError, match="cannot be linked"):
        conda_link.check((broken,), "3.11", objects)


def test_the_layer_is_below_the_environment_and_named(objects: ObjectStore) -> None:
    lock = make_lock(put_base(objects, "one"), conda=(put(objects, hello()),))
    names = [recipe.name for recipe in layer_plan.recipes(lock, 1, objects)]
    assert names == ["conda 1 packages", "venv"]
    assert layer_plan.names(lock)[-2:] == names
    settings = paths.settings_of(lock, "sha256:" + "0" * 64)
    assert "PATH=/opt/venv/bin:/opt/conda/bin:/usr/bin" in settings["Env"]
    assert "CONDA_PREFIX=/opt/conda" in settings["Env"]
