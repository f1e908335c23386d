"""Resolving: the real index, an index on loopback, find-links, pins."""

from __future__ import annotations

from pathlib import Path

import pytest
from lock_world import NOW, Index, Locker, Talk, rootfs, sdist_bytes, served, sha256, wheel_bytes

from reprobox.errors import BuildError, FetchError, HashMismatch, ResolveError
from reprobox.model.lock import Lock
from reprobox.store.objects import ObjectStore


def _versions(made: Lock) -> dict[str, str]:
    return {wheel.name: wheel.version for wheel in made.wheels}


def test_real_packages_from_the_users_own_index(
    lock: Locker, root: Path, objects: ObjectStore
) -> None:
    (root / "requirements.txt").write_text(
        "jinja2==3.1.6\ncolorama==0.4.6; sys_platform == 'win32'\n"
    )
    made = lock("requirements.txt", "markupsafe==3.0.2")
    assert _versions(made) == {"jinja2": "3.1.6", "markupsafe": "3.0.2"}
    wheel = made.wheels[1]
    # As the index has published it; a native wheel, for the image's interpreter and C library.
    assert (
        wheel.filename
        == "MarkupSafe-3.0.2-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    )
    assert sha256(objects.path(wheel.sha256).read_bytes()) == wheel.sha256
    assert wheel.size == objects.path(wheel.sha256).stat().st_size
    assert made.python.executable == "/usr/bin/python3.11"


def test_the_wheel_is_for_the_image_and_not_for_the_host(lock: Locker, root: Path) -> None:
    (root / "base.tar").write_bytes(rootfs(python="3.13"))
    made = lock("markupsafe==3.0.2", python="3.13")
    assert made.wheels[0].filename.startswith("MarkupSafe-3.0.2-cp313-cp313-manylinux")


def test_pins_are_kept_until_they_are_to_be_upgraded(lock: Locker, index: Index) -> None:
    for version in ("1.0", "2.0"):
        index.add("alpha", version, requires=("beta",))
        index.add("beta", version)
    first = lock("alpha==1.0", "beta==1.0")
    looser = lock("alpha", "beta", previous=first, now=NOW + 5)
    assert _versions(looser) == {"alpha": "1.0", "beta": "1.0"}
    assert (looser.timestamp, looser.intent == first.intent) == (NOW, False)
    one = lock("alpha", "beta", previous=looser, upgrade_packages=("Beta",), now=NOW + 6)
    assert (_versions(one), one.timestamp) == ({"alpha": "1.0", "beta": "2.0"}, NOW + 6)
    every = lock("alpha", "beta", previous=looser, upgrade=True)
    assert _versions(every) == {"alpha": "2.0", "beta": "2.0"}
    with pytest.raises(ResolveError, match="has no package gamma"):
        lock("alpha", "beta", previous=looser, upgrade_packages=("gamma",))


def test_a_fresh_lock_is_only_completed(lock: Locker, index: Index, objects: ObjectStore) -> None:
    index.add("alpha", "1.0")
    first = lock("alpha")
    index.add("alpha", "2.0")
    objects.remove(first.wheels[0].sha256)
    assert lock("alpha", previous=first, now=NOW + 9) == first
    assert objects.has(first.wheels[0].sha256)


def test_find_links(lock: Locker, own_settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    data = wheel_bytes("alpha", "1.0+local")
    (links / "alpha-1.0+local-py3-none-any.whl").write_bytes(data)
    own_settings.setenv("PIP_FIND_LINKS", str(links))
    own_settings.setenv("PIP_NO_INDEX", "1")
    made = lock("alpha==1.0")
    assert (made.wheels[0].version, made.wheels[0].sha256) == ("1.0+local", sha256(data))


def test_several_indexes_are_one_to_pip_and_so_here(
    lock: Locker, index: Index, own_settings: pytest.MonkeyPatch
) -> None:
    index.add("alpha", "1.0")
    with served(Index()) as extra:
        extra.add("alpha", "2.0")
        own_settings.setenv("PIP_EXTRA_INDEX_URL", extra.url)
        assert _versions(lock("alpha")) == {"alpha": "2.0"}


def test_a_private_index_with_a_password(
    lock: Locker, own_settings: pytest.MonkeyPatch, objects: ObjectStore
) -> None:
    with served(Index(password=("someone", "geheim"))) as private:
        digest = private.add("alpha", "1.0")
        own_settings.setenv("PIP_INDEX_URL", private.url_with_password)
        made = lock("alpha")
        assert objects.has(digest)
        assert "geheim" not in repr(made)
        own_settings.setenv("PIP_INDEX_URL", private.url_with_password.replace("geheim", "falsch"))
        own_settings.delenv("UV_CACHE_DIR")
        with pytest.raises((FetchError, ResolveError)) as caught:
            lock("alpha", upgrade=True)
        assert "falsch" not in str(caught.value)


def test_a_password_from_netrc(
    lock: Locker, own_settings: pytest.MonkeyPatch, objects: ObjectStore, tmp_path: Path
) -> None:
    with served(Index(password=("someone", "geheim"))) as private:
        digest = private.add("alpha", "1.0")
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password geheim\n")
        own_settings.setenv("NETRC", str(tmp_path / "netrc"))
        own_settings.setenv("PIP_INDEX_URL", private.url)
        lock("alpha")
        assert objects.has(digest)


def test_uvs_own_settings_come_before_pips(
    lock: Locker, index: Index, own_settings: pytest.MonkeyPatch
) -> None:
    index.add("alpha", "1.0")
    with served(Index()) as other:
        other.add("alpha", "3.0")
        own_settings.setenv("UV_DEFAULT_INDEX", other.url)
        assert _versions(lock("alpha")) == {"alpha": "3.0"}


def test_a_source_that_cannot_be_read_is_named_with_its_version(lock: Locker, index: Index) -> None:
    index.files["alpha-1.0.tar.gz"] = b"source"
    with pytest.raises(BuildError, match=r"the source distribution of alpha 1\.0 cannot be read"):
        lock("alpha==1.0")


def test_static_metadata_is_enough_to_resolve_and_build_no_then_refuses(
    lock: Locker, index: Index
) -> None:
    index.add("alpha", "0.5")
    index.add("beta", "1.0")
    index.files["alpha-1.0.tar.gz"] = sdist_bytes("alpha", "1.0", requires=("beta",))
    with pytest.raises(ResolveError, match="no wheel for 1 package") as caught:
        lock("alpha", build=False)
    assert caught.value.why.startswith("alpha 1.0: it comes as source only (sdist)")
    assert "pip wheel --no-deps 'alpha==1.0'" in caught.value.next_step


def test_wheels_for_other_systems_only_are_refused(lock: Locker, index: Index) -> None:
    index.add("alpha", "1.0", tag="cp311-cp311-win_amd64")
    with pytest.raises(ResolveError) as caught:
        lock("alpha==1.0")
    assert "alpha" in str(caught.value)


def test_a_contradiction_is_told_in_uvs_words(lock: Locker, index: Index) -> None:
    index.add("alpha", "1.0", requires=("beta<1",))
    index.add("beta", "1.0")
    with pytest.raises(ResolveError, match="no set of packages") as caught:
        lock("alpha", "beta==1.0")
    assert "beta" in caught.value.why


def test_a_flipped_byte_is_refused_and_not_stored(
    lock: Locker, index: Index, objects: ObjectStore
) -> None:
    digest = index.add("alpha", "1.0")
    name = "alpha-1.0-py3-none-any.whl"
    index.claimed[name] = digest
    # In the file's body, so that uv, which reads the metadata at the end, resolves as ever.
    index.files[name] = index.files[name].replace(b"VERSION", b"VERSIOM")
    with pytest.raises(HashMismatch, match="not what the lock names") as caught:
        lock("alpha")
    assert name in caught.value.why
    assert not objects.has(digest)


def test_hashes_in_the_requirements_choose_and_refuse(
    lock: Locker, root: Path, index: Index
) -> None:
    plain = index.add("alpha", "1.0")
    index.add("alpha", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    assert "manylinux" in lock("alpha").wheels[0].filename
    (root / "pinned.txt").write_text(f"alpha==1.0 \\\n    --hash={plain}\n")
    (root / "requirements.txt").write_text("-r pinned.txt\n")
    assert lock("requirements.txt").wheels[0].sha256 == plain
    (root / "pinned.txt").write_text(f"alpha==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(HashMismatch, match="hash that the requirements allow"):
        lock("requirements.txt")


def test_progress_counts_what_came(lock: Locker, index: Index, talk: Talk) -> None:
    index.add("alpha", "1.0")
    made = lock("alpha")
    assert talk.bars["fetching wheels"] == made.wheels[0].size
