"""What the user has told pip, as uv and requests hear it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lock_world import Index, Locker, served

from reprobox.lock import pip_settings
from reprobox.lock.download import Transport
from reprobox.lock.formats import requirements

CONFIG = """\
[global]
index-url = https://someone:s%40fe@one.invalid/simple
extra-index-url =
    https://two.invalid/simple
    https://three.invalid:8443/simple
trusted-host = two.invalid
timeout = 7
[install]
find-links = {links}/one {links}/gone
    {links}/two
"""


def _read(tmp_path: Path, **more: str) -> pip_settings.Settings:
    for name in ("one", "two"):
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "pip.conf").write_text(CONFIG.format(links=tmp_path))
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PIP_", "UV_", "SSL_"))
    }
    return pip_settings.read({**clean, "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), **more})


def test_pip_is_asked_and_uv_is_told(tmp_path: Path) -> None:
    settings = _read(tmp_path, PIP_CERT="/some/ca.pem")
    env = settings.environment
    assert env["UV_INDEX_URL"] == "https://someone:s%40fe@one.invalid/simple"
    assert (
        env["UV_EXTRA_INDEX_URL"] == "https://two.invalid/simple https://three.invalid:8443/simple"
    )
    # pip separates by blanks and passes over what is not there; uv wants commas and refuses that.
    assert env["UV_FIND_LINKS"] == f"{tmp_path}/one,{tmp_path}/two"
    assert env["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert (env["SSL_CERT_FILE"], env["UV_INSECURE_HOST"], env["UV_HTTP_TIMEOUT"]) == (
        "/some/ca.pem",
        "two.invalid",
        "7",
    )
    transport = Transport.of(settings)
    assert transport.credentials == {"https://one.invalid:443": ("someone", "s@fe")}
    assert (transport.verify, transport.trusted_hosts) == (
        "/some/ca.pem",
        frozenset({"two.invalid"}),
    )


def test_variables_come_before_files_and_uvs_before_both(tmp_path: Path) -> None:
    settings = _read(
        tmp_path,
        PIP_INDEX_URL="https://four.invalid/simple",
        UV_INDEX="named=https://five.invalid/simple",
    )
    assert settings.environment["UV_INDEX_URL"] == "https://four.invalid/simple"
    assert "UV_EXTRA_INDEX_URL" not in settings.environment
    assert "UV_INDEX_STRATEGY" not in settings.environment
    assert settings.index_urls == (
        "https://four.invalid/simple",
        "https://five.invalid/simple",
        f"{tmp_path}/one",
        f"{tmp_path}/two",
    )


def test_passwords_that_uv_has_by_the_name_of_an_index(tmp_path: Path) -> None:
    more = {
        "UV_INDEX": "my-own=https://five.invalid/simple",
        "UV_INDEX_MY_OWN_USERNAME": "u",
        "UV_INDEX_MY_OWN_PASSWORD": "p",
    }
    assert _read(tmp_path, **more).credentials["https://five.invalid:443"] == ("u", "p")


def test_without_a_pip_its_files_and_variables_are_read_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_pip = _read(tmp_path, PIP_INDEX_URL="https://four.invalid/simple")
    monkeypatch.setattr(pip_settings.sys, "executable", str(tmp_path / "no-python"))
    (tmp_path / "empty").mkdir()
    without = _read(
        tmp_path, PIP_INDEX_URL="https://four.invalid/simple", PATH=str(tmp_path / "empty")
    )
    assert without.index_urls == with_pip.index_urls
    assert without.environment["UV_FIND_LINKS"] == with_pip.environment["UV_FIND_LINKS"]
    assert without.environment["UV_HTTP_TIMEOUT"] == "7"


KEYRING = """#!/bin/sh
[ "$1" = get ] && [ "$3" = someone ] && case "$2" in *127.0.0.1*) echo s3cret; exit 0;; esac
exit 1
"""


def test_a_password_that_the_user_s_keyring_has(
    tmp_path: Path, own_settings: pytest.MonkeyPatch, lock: Locker
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/keyring").write_text(KEYRING)
    (tmp_path / "bin/keyring").chmod(0o755)
    own_settings.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    own_settings.setenv("PIP_KEYRING_PROVIDER", "subprocess")
    with served(Index(password=("someone", "s3cret"))) as index:
        index.add("alpha", "1.0")
        own_settings.setenv("PIP_INDEX_URL", index.url.replace("//", "//someone@"))
        (wheel,) = lock("alpha").wheels
    assert wheel.version == "1.0"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("-r a.txt\n-ra.txt\n--requirement a.txt\n--requirement=a.txt", ("a.txt",) * 4),
        ("-c  b.txt # why\n--constraint = c.txt", ("b.txt", "c.txt")),
        (
            "-r https://example.invalid/r.txt\n# -r no.txt\nfoo -r no.txt\n--require-hashes\n-e .",
            (),
        ),
    ],
)
def test_includes(text: str, names: tuple[str, ...]) -> None:
    assert requirements.includes(text) == names


def test_hashes_of_a_requirement() -> None:
    one, two = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    text = f"Foo_Bar[x]==1.0 ; python_version > '3' \\\n  --hash={one} \\\r\n  --hash={two}\nplain\n--hash={one}\n"
    assert requirements.allowed_hashes(text) == {"foo-bar": {one, two}}
