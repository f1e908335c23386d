"""Where the files of a lock are found: indexes, links, passwords."""

from __future__ import annotations

from pathlib import Path

import pytest
from lock_files import versions
from lock_world import Index, Locker, served, sha256, wheel_bytes

from reprobox.errors import FetchError, ResolveError
from reprobox.store.objects import ObjectStore


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
        assert versions(lock("alpha")) == {"alpha": "2.0"}


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
