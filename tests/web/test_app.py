"""The pages as an application: what is where, and what becomes of errors."""

from __future__ import annotations

import pytest
from web_world import Served, World

from reprobox.web import app


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in app.PAGES
        if "{" not in path and path != "/divergence" and path != "/compare"
    ],
)
def test_every_page_of_a_new_project_is_drawn(site: Served, path: str) -> None:
    status, headers, body = site.ask(path)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<title>" in body


def test_the_first_page_is_the_list_of_runs(site: Served) -> None:
    status, headers, _ = site.ask("/")
    assert (status, headers["location"]) == (303, "/runs")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/run/nothing", 404),
        ("/sweep/nothing", 404),
        ("/nothing", 404),
        ("/static/absent.css", 404),
        ("/runs?where=a+%3E", 400),
        ("/compare?run=x", 400),
    ],
)
def test_an_error_has_its_status_and_says_what_it_is(site: Served, path: str, status: int) -> None:
    found, _, body = site.ask(path)
    assert found == status
    assert body


def test_a_bug_of_a_page_is_an_answer_without_a_traceback(
    world: World, site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret of the code")

    monkeypatch.setattr(app.templates, "render", _once(broken, app.templates.render))
    status, _, body = site.ask("/runs")
    assert status == 500
    assert b"Traceback" not in body


def _once(first, then):  # type: ignore[no-untyped-def]
    """The first call goes to one function, all others to another."""
    calls = []

    def call(*given: object, **named: object) -> object:
        calls.append(1)
        return (first if len(calls) == 1 else then)(*given, **named)

    return call
