"""Addresses of pages."""

from __future__ import annotations

from reprobox.web.links import ServerLinks


def test_addresses_hold_no_path() -> None:
    links = ServerLinks()
    assert links.file("r", "sha256:ab") == "/run/r/file/ab"
    assert links.run("../x?y") == "/run/..%2Fx%3Fy".replace("%2F", "/")
    assert links.page("compare", run=["a", "b"]) == "/compare?run=a&run=b"
