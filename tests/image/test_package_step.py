"""What both package steps carry into their container."""

from __future__ import annotations

import io
import tarfile

from image_world import deb_bytes, put_deb

from reprobox.image import package_step
from reprobox.store.objects import ObjectStore


def test_packages_are_carried_under_names_without_a_version(objects: ObjectStore) -> None:
    first = put_deb(objects, "a", deb_bytes("a", {}, built=100))
    second = put_deb(objects, "b", deb_bytes("b", {}, built=300))
    out = io.BytesIO()
    package_step.carry((first, second), objects, out)
    out.seek(0)
    with tarfile.open(fileobj=out) as archive:
        found = {one.name: archive.extractfile(one) for one in archive}
        read = {name.rpartition("/")[2]: file.read() for name, file in found.items() if file}
    assert read == {
        "a_all.deb": objects.path(first.sha256).read_bytes(),
        "b_all.deb": objects.path(second.sha256).read_bytes(),
    }
    assert package_step.newest((first, second), objects) == 300


def test_no_maintainer_script_starts_a_program() -> None:
    assert "exit 101" in package_step.NOTHING_STARTS
    assert package_step.STARTS_AGAIN.endswith("/usr/sbin/policy-rc.d")
