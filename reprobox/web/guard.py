"""Who may ask the page, and what every answer says about itself.

The page listens on 127.0.0.1 only. Other users of the machine, and pages of the web in the user's
own browser, can reach that too: hence the token, the check of the Host header (against DNS
rebinding), and POST from our own pages only. Rules: the OWASP cheat sheets on CSRF and on the
Content-Security-Policy.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HOSTS = ("127.0.0.1", "localhost")
"""Names in the Host header; any port, because a tunnel (`ssh -L`) may have another one."""
TOKEN = "token"  # noqa: S105  # nosec B105
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FILE_POLICY = "default-src 'none'; sandbox"
"""Of what runs have left."""
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # `no-referrer` would make the Origin of our own forms `null`.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_CLOSED = 1008
"""The close code of a web socket that breaks a policy (RFC 6455, section 7.4.1)."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """The secrets of one `reprobox ui`; nothing of it is written into a log."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """In the address, once."""
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """In the cookie from then on."""
    form: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """In each form."""
    read_only: bool = False
    _tickets: set[str] = field(default_factory=set, repr=False)

    def ticket(self) -> str:
        """A token that is good once: a browser is started with it, and other users can see the
        command lines of processes.
        """
        made = secrets.token_urlsafe(32)
        self._tickets.add(made)
        return made

    def admits(self, given: str) -> bool:
        """Whether it is the token, or a ticket that was not used yet."""
        if given in self._tickets:
            self._tickets.discard(given)
            return True
        return same(given, self.token)


class Guard:
    """Lets a request through, or answers it with a refusal."""

    def __init__(self, app: App, access: Access, port: int) -> None:
        self._app, self._access = app, access
        self._cookie = f"reprobox-{port}"  # browsers keep cookies by host, whatever the port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _CLOSED})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1")
                   for name, value in scope["headers"]}  # fmt: skip
        refused = self._refused(scope["method"], headers)
        if refused is None and self._token_of(scope):
            await self._let_in(scope, send)
        elif refused is None and not self._known(headers):
            refused = 403, "open the address that `reprobox ui` has printed"
        elif refused is None:
            await self._app(scope, receive, _with_headers(send))
            return
        if refused is not None:
            await _answer(_with_headers(send), *refused)

    def _refused(self, method: str, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Status and reason; None where the request may continue."""
        if not _is_own(headers.get("host", "")):
            return 403, "this page is reached as 127.0.0.1 or localhost only"
        if method not in ("GET", "HEAD", "POST"):
            return 405, "the method is not allowed"
        if method == "POST" and self._access.read_only:
            return 403, "this page is read-only"
        if method == "POST" and not _is_same_site(headers):
            return 403, "the request comes from another page"
        return None

    def _token_of(self, scope: Scope) -> bool:
        """Whether the address has the token."""
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get(TOKEN, "")
        return bool(given) and scope["method"] == "GET" and self._access.admits(given)

    def _known(self, headers: Mapping[str, str]) -> bool:
        pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
        return any(
            name == self._cookie and same(value, self._access.session) for name, _, value in pairs
        )

    async def _let_in(self, scope: Scope, send: Send) -> None:
        """Gives the cookie, and leads to the same address without the token. By a page of ours
        and not by a redirect: browsers leave a strict cookie out of one that begins elsewhere.
        """
        query = [
            pair for pair in parse_qsl(scope["query_string"].decode("latin-1")) if pair[0] != TOKEN
        ]
        # Without a second slash at its beginning, which would make it the address of a host.
        path = quote("/" + scope["path"].lstrip("/\\"))
        where = escape(f"{path}?{urlencode(query)}" if query else path)
        cookie = f"{self._cookie}={self._access.session}; Path=/; HttpOnly; SameSite=Strict"
        body = (
            f'<!doctype html><html lang="en"><title>reprobox</title>'
            f'<link rel="icon" href="data:,">'
            f'<meta http-equiv="refresh" content="0;url={where}">'
            f'<a href="{where}">Continue</a></html>'
        )
        more = [(b"set-cookie", cookie.encode("latin-1"))]
        await _answer(_with_headers(send), 200, body, more, kind=b"text/html; charset=utf-8")


def same(given: str, wanted: str) -> bool:
    """Whether two secrets are the same, in a time that reveals nothing."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _is_own(host: str) -> bool:
    name, _, port = host.partition(":")
    return name.lower() in HOSTS and (not port or port.isdigit())


def _is_same_site(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that the form was on our own page."""
    own = headers.get("origin") == f"http://{headers.get('host', '')}"
    return own and headers.get("sec-fetch-site", "same-origin") == "same-origin"


def _with_headers(send: Send) -> Send:
    """Adds our headers to an answer, which may have a policy of its own."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message.get("headers", ())}
            more = [
                (name.encode(), value.encode())
                for name, value in _HEADERS.items()
                if name.encode() not in given
            ]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return sending


async def _answer(
    send: Send,
    status: int,
    text: str,
    more: Sequence[tuple[bytes, bytes]] = (),
    kind: bytes = b"text/plain; charset=utf-8",
) -> None:
    headers = [(b"content-type", kind), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
