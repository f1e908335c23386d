"""Attacks on the page: who gets in, from where, and what every answer says."""

from __future__ import annotations

import http.client
import socket

import pytest
from web_world import Served, World, png, served

from reprobox.errors import UsageError
from reprobox.kit import canon
from reprobox.web import guard, server

PATHS = ("/", "/runs", "/run/x", "/static/page.css", "/run/x/file/y", "/run/x/events", "/nothing")


@pytest.mark.parametrize("path", PATHS)
def test_without_token_nothing_is_shown(site: Served, path: str) -> None:
    assert site.ask(path, cookie=False)[0] == 403
    assert site.ask(f"{path}?token=wrong", cookie=False)[0] == 403
    assert site.ask(path, cookie=False, headers={"Cookie": f"reprobox-{site.port}=x"})[0] == 403


def test_the_token_becomes_a_cookie_and_leaves_the_address(site: Served) -> None:
    token = site.site.access.token
    status, headers, body = site.ask(f"/runs?token={token}&sort=run", cookie=False)
    assert status == 200
    assert headers["set-cookie"] == f"{site.cookie}; Path=/; HttpOnly; SameSite=Strict"
    assert b"url=/runs?sort=run" in body
    assert token.encode() not in body
    assert site.ask("/runs")[0] == 200


def test_a_ticket_is_good_once(site: Served) -> None:
    ticket = site.site.access.ticket()
    assert site.ask(f"/?token={ticket}", cookie=False)[0] == 200
    assert site.ask(f"/?token={ticket}", cookie=False)[0] == 403


@pytest.mark.parametrize("path", ["//evil.example/?x=1", "/\\evil.example", "/%2F%2Fevil.example"])
def test_the_token_leads_to_no_other_host(site: Served, path: str) -> None:
    mark = "&" if "?" in path else "?"
    body = site.ask(f"{path}{mark}token={site.site.access.token}", cookie=False)[2].decode()
    address = body.partition("url=")[2].partition('"')[0]
    assert address.startswith("/")
    assert not address.startswith(("//", "/\\"))


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.1:8080.evil.example",
     "localhost@evil.example", "[::1]", "", "0.0.0.0"],
)  # fmt: skip
def test_another_host_is_refused(site: Served, host: str) -> None:
    for path in ("/runs", f"/?token={site.site.access.token}"):
        status, headers, _ = site.ask(path, headers={"Host": host})
        assert status == 403
        assert "set-cookie" not in headers


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "LOCALHOST"])
def test_a_tunnel_may_have_another_port(site: Served, host: str) -> None:
    assert site.ask("/runs", headers={"Host": host})[0] == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_refused(site: Served, method: str) -> None:
    assert site.ask("/runs", method=method)[0] in (400, 405)


def test_pages_answer_get_only(site: Served) -> None:
    form = site.site.access.form
    assert site.post("/runs", form=form) == 405


def test_a_note_and_tags_from_our_own_page(world: World, site: Served) -> None:
    run = world.run()
    form = site.site.access.form
    assert site.post(f"/run/{run}/note", form=form, text="<b>good</b>") == 303
    assert site.post(f"/run/{run}/tag", form=form, text="best", how="add") == 303
    assert [note.text for note in world.runs.annotation(run).notes] == ["<b>good</b>"]
    assert "&lt;b&gt;good&lt;/b&gt;" in site.text(f"/run/{run}")
    assert site.post(f"/run/{run}/tag", form=form, text="best", how="remove") == 303
    assert world.runs.annotation(run).added == ()
    assert site.post(f"/run/{run}/tag", form=form, text="a\nb", how="add") == 400
    assert site.post("/run/latest/note", form=form, text="x") == 404


def test_a_note_from_elsewhere_changes_nothing(world: World, site: Served) -> None:
    run, form = world.run(), site.site.access.form
    where = f"/run/{run}/note"
    own = f"http://127.0.0.1:{site.port}"
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://localhost:{site.port}"},
        {"Origin": own, "Sec-Fetch-Site": "cross-site"},
        {"Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
    ):
        assert site.post(where, headers, form=form, text="x") == 403
    assert site.post(where, form="wrong", text="x") == 403
    assert site.post(where, text="x") == 403
    assert site.post(where, form=form, text="x" * 70_000) == 413
    plain = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"form={form}&text=x"
    assert site.ask(where, method="POST", headers=plain, body=body)[0] == 403
    sent = {**plain, "Origin": own}
    assert site.ask(where, method="POST", headers=sent, body=body, cookie=False)[0] == 403
    assert world.runs.annotation(run).notes == ()


def test_read_only_takes_nothing(world: World) -> None:
    run = world.run()
    with served(world.context, read_only=True) as site:
        assert site.post(f"/run/{run}/note", form=site.site.access.form, text="x") == 403
        assert '<form method="post"' not in site.text(f"/run/{run}")
    assert world.runs.annotation(run).notes == ()


def test_every_answer_has_its_policy(world: World, site: Served) -> None:
    data = png(8, 8, 1)
    run = world.run(files={"a.png": data}, stdout=b"x")
    digest = canon.digest_bytes(data)[7:]
    pages = ("/runs", f"/run/{run}", "/nothing", "/static/page.js", "/static/page.css", "/run/no")
    for path in pages:
        headers = site.ask(path)[1]
        assert headers["content-security-policy"] == guard.POLICY, path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
    assert "unsafe" not in guard.POLICY
    for path in (
        f"/run/{run}/file/{digest}",
        f"/run/{run}/image/{digest}",
        f"/run/{run}/log/stdout",
    ):
        headers = site.ask(path)[1]
        assert headers["content-security-policy"] == guard.FILE_POLICY, path
        assert headers["x-content-type-options"] == "nosniff"
    assert site.ask("/runs", cookie=False)[1]["content-security-policy"] == guard.POLICY


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/run/../../etc/passwd",
     "/run/%2e%2e", "/run/..%2f..%2fetc%2fpasswd", "/run/{run}/file/..%2f..%2fintent.json",
     "/run/{run}/file/{zeros}", "/run/{run}/log/..%2fintent.json", "/run/{run}/log/intent.json",
     "/run/{run}/file/%00", "/run/%ff%fe", "//etc/passwd"],
)  # fmt: skip
def test_no_path_leads_anywhere(world: World, site: Served, path: str) -> None:
    run = world.run()
    status, _, body = site.ask(path.format(run=run, zeros="0" * 64))
    assert status == 404
    assert b"root:" not in body
    assert b"import" not in body


def test_it_listens_on_loopback_only(site: Served) -> None:
    with server.listening(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
        with pytest.raises(UsageError, match="cannot be used"):
            server.listening(listener.getsockname()[1])


def test_garbage_is_answered_or_dropped(site: Served) -> None:
    for raw in (b"\x00\xff\xfe\r\n\r\n", b"GET /runs HTTP/1.1\r\n\r\n", b"GET " + b"a" * 100_000):
        with socket.create_connection(("127.0.0.1", site.port), 5) as link:
            link.sendall(raw)
            link.shutdown(socket.SHUT_WR)
            assert b"200 OK" not in link.recv(4096)
    assert site.ask("/runs")[0] == 200


def test_a_web_socket_is_refused(site: Served) -> None:
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "eA==",
        "Sec-WebSocket-Version": "13",
    }
    with pytest.raises((AssertionError, http.client.HTTPException)):
        assert site.ask("/runs", headers=headers)[0] == 101
