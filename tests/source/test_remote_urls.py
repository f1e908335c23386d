"""Remote URLs without what is secret in them."""

from __future__ import annotations

import pytest

from reprobox.source.remote_urls import chosen, without_credentials


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://user:pass@host/x.git", "https://host/x.git"),
        ("https://token@host:8443/x.git", "https://host:8443/x.git"),
        ("https://host/x.git?private_token=abc#y", "https://host/x.git"),
        ("https://a@b:c@host/x", "https://host/x"),
        ("ssh://git@host:22/x.git", "ssh://git@host:22/x.git"),
        ("ssh://git:pass@host/x.git", "ssh://git@host/x.git"),
        ("git@host:group/x.git", "git@host:group/x.git"),
        ("user:token@host:x.git", "user@host:x.git"),
        ("host:x@y.git", "host:x@y.git"),
        ("/srv/git/x.git", "/srv/git/x.git"),
        ("../x", "../x"),
        ("file:///srv/x", "file:///srv/x"),
        ("foo::https://u:p@host/x", "foo::https://host/x"),
    ],
)
def test_without_credentials(given: str, kept: str) -> None:
    assert without_credentials(given) == kept


def test_which_remote() -> None:
    urls = {"remote.a.url": "https://h/a", "remote.origin.url": "https://h/o"}
    assert chosen({**urls, "branch.main.remote": "a"}, "main") == "https://h/a"
    assert chosen(urls, "main") == "https://h/o"
    assert chosen({"remote.a.url": "https://h/a"}, None) == "https://h/a"
    assert chosen({"remote.a.url": "https://h/a", "remote.b.url": "https://h/b"}, None) is None
    assert chosen({}, None) is None
