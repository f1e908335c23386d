"""The pages as a web application: routes, and what becomes of errors."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from reprobox.commands import note as note_command
from reprobox.commands import tag as tag_command
from reprobox.commands.shared.read_values import reader
from reprobox.context import Context
from reprobox.errors import ReproboxError, RunAmbiguous, RunNotFound, SweepNotFound, UsageError
from reprobox.executor import reconcile
from reprobox.version import __version__
from reprobox.web import (
    compare_page,
    divergence_page,
    guard,
    history_page,
    log_events,
    output_page,
    outputs,
    run_page,
    runs_page,
    sweep_page,
    templates,
    verdicts_page,
)
from reprobox.web.asked import Asked, Page, Silence
from reprobox.web.guard import Access
from reprobox.web.links import ServerLinks
from reprobox.web.log_text import STREAMS, Log

_STATUS: Mapping[type[ReproboxError], int] = {
    RunNotFound: 404,
    SweepNotFound: 404,
    RunAmbiguous: 404,
    UsageError: 400,
}
_FORM = 64 << 10
"""Bytes of a form."""
_CHUNK = 1 << 18
_SETTLED = 3.0
"""Seconds between two tries to complete a run that no process supervises."""
TABS = (
    ("runs", "Runs"),
    ("verdicts", "Verdicts"),
    ("sweeps", "Sweeps"),
    ("history", "History"),
)
PAGES: Mapping[str, Callable[[Asked], Page]] = {
    "/runs": runs_page.page,
    "/run/{run}": run_page.page,
    "/run/{run}/output/{digest}": output_page.page,
    "/verdicts": verdicts_page.page,
    "/divergence": divergence_page.page,
    "/compare": compare_page.page,
    "/sweeps": sweep_page.every,
    "/sweep/{sweep}": sweep_page.page,
    "/history": history_page.page,
}


@dataclass
class Site:
    """One store and who may look at it."""

    context: Context
    access: Access
    project: str
    values_read: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)

    def fresh(self) -> Context:
        """A context for one request: they come side by side, and a context is for one thread."""
        return Context(
            start=self.context.start,
            progress=Silence(),
            engine_url=self.context.engine_url,
            _top=self.context.top,
        )

    def read_values(self) -> None:
        """Reads the metrics of all runs into the index, as the first `ls --columns` does."""
        context = self.fresh()
        # The index takes an answer of None for none at all, and would read every run again.
        context.runs.index.ask_values(reader(context), lambda _: True)
        self.values_read.set()


def build(site: Site, port: int) -> guard.Guard:
    """The application behind its guard."""
    routes = [
        Route("/", lambda _: RedirectResponse("/runs", 303)),
        *(Route(path, _drawn(site, make), methods=["GET"]) for path, make in PAGES.items()),
        Route("/static/{name}", _static, methods=["GET"]),
        Route("/run/{run}/file/{digest}", _answered(site, _file), methods=["GET"]),
        Route("/run/{run}/image/{digest}", _answered(site, _image), methods=["GET"]),
        Route("/run/{run}/log/{stream}", _answered(site, _log), methods=["GET"]),
        Route("/run/{run}/events", _answered(site, _events), methods=["GET"]),
        Route("/run/{run}/{what}", _posted(site), methods=["POST"]),
    ]
    handlers = {HTTPException: _not_found(site), Exception: _bug(site)}
    app = Starlette(routes=routes, exception_handlers=handlers)
    return guard.Guard(app, site.access, port)


def _drawn(site: Site, make: Callable[[Asked], Page]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        begun = time.perf_counter()
        asked = Asked(
            context=site.fresh(),
            links=ServerLinks(),
            query={key: request.query_params.getlist(key) for key in request.query_params},
            path={key: str(value) for key, value in request.path_params.items()},
            values_read=site.values_read.is_set(),
        )
        made = make(asked)
        answered = _page(site, made)
        took = 1000 * (time.perf_counter() - begun)
        answered.headers["server-timing"] = f"page;dur={took:.1f}"
        return answered

    return _safe(site, answer)


def _safe(site: Site, answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Draws a failure of ours as a page."""

    def safe(request: Request) -> Response:
        try:
            return answer(request)
        except ReproboxError as fault:
            return _failure(site, fault)

    return safe


def _answered(
    site: Site, answer: Callable[[Site, Request], Response]
) -> Callable[[Request], Response]:
    return _safe(site, lambda request: answer(site, request))


def _page(site: Site, page: Page, status: int = 200) -> Response:
    text = templates.render(
        "base.html",
        title=page.title,
        template=page.template,
        tab=page.tab,
        tabs=TABS,
        project=site.project,
        links=ServerLinks(),
        prefix="",
        version=__version__,
        read_only=site.access.read_only,
        form_key="" if site.access.read_only else site.access.form,
        **page.facts,
    )
    return Response(text, status, media_type="text/html")


def _failure(site: Site, fault: ReproboxError) -> Response:
    facts = {"what": fault.what, "why": fault.why, "next_step": fault.next_step}
    status = next((code for kind, code in _STATUS.items() if isinstance(fault, kind)), 500)
    return _page(site, Page(title=fault.what, template="error.html", facts=facts), status)


def _not_found(site: Site) -> Callable[[Request, Exception], Response]:
    def answer(_: Request, fault: Exception) -> Response:
        status = fault.status_code if isinstance(fault, HTTPException) else 500
        what = "there is no such page" if status == 404 else "the method is not allowed"
        facts = {"what": what, "why": "", "next_step": ""}
        return _page(site, Page(title=what, template="error.html", facts=facts), status)

    return answer


def _bug(site: Site) -> Callable[[Request, Exception], Response]:
    """Shows a bug of ours where the page is served and in the page, and continues."""

    def answer(_: Request, fault: Exception) -> Response:
        trace = "".join(traceback.format_exception(fault))
        for line in trace.splitlines():
            site.context.progress.note(line)
        what = f"a bug in reprobox {__version__}: {type(fault).__name__}"
        step = "report it with the lines that the terminal of `reprobox ui` shows"
        facts = {"what": what, "why": str(fault), "next_step": step}
        return _page(site, Page(title="A bug", template="error.html", facts=facts), 500)

    return answer


_STATIC = {"page.css": "text/css", "page.js": "text/javascript"}


def _static(request: Request) -> Response:
    name = str(request.path_params["name"])
    if name not in _STATIC:
        raise HTTPException(404)
    return Response(templates.static(name), media_type=_STATIC[name])


def _file(site: Site, request: Request) -> Response:
    """An output, to save under its name: no browser runs it."""
    context, run_id = site.fresh(), str(request.path_params["run"])
    file = outputs.find(context, run_id, str(request.path_params["digest"]))
    stack = ExitStack()
    data = stack.enter_context(outputs.opened(context, run_id, file))
    return _saved(_chunks(data, stack), file.path, file.size)


def _saved(chunks: Iterator[bytes], path: str, size: int | None = None) -> Response:
    headers = {
        "content-disposition": outputs.attachment(path),
        "content-security-policy": guard.FILE_POLICY,
        **({"content-length": str(size)} if size is not None else {}),
    }
    return StreamingResponse(chunks, headers=headers, media_type="application/octet-stream")


def _chunks(data: IO[bytes], stack: ExitStack) -> Iterator[bytes]:
    with stack:
        while chunk := data.read(_CHUNK):
            yield chunk


def _image(site: Site, request: Request) -> Response:
    """A picture, by what its bytes are and not by its name."""
    context, run_id = site.fresh(), str(request.path_params["run"])
    file = outputs.find(context, run_id, str(request.path_params["digest"]))
    if file.size > outputs.PICTURE:
        raise UsageError(f"{file.path} is too large to be shown")
    with outputs.opened(context, run_id, file) as data:
        content = data.read()
    kind = outputs.picture_type(content)
    if kind is None:
        raise UsageError(f"{file.path} is not a picture that is shown")
    return Response(
        content, media_type=kind, headers={"content-security-policy": guard.FILE_POLICY}
    )


def _log(site: Site, request: Request) -> Response:
    context, run_id = site.fresh(), str(request.path_params["run"])
    stream = str(request.path_params["stream"])
    if stream not in STREAMS:
        raise HTTPException(404)
    log = Log(context.runs.path(run_id), stream)
    return _saved(log.read(0), f"{run_id}.{stream}.txt")


def _events(site: Site, request: Request) -> Response:
    context, run_id = site.fresh(), str(request.path_params["run"])
    run = context.runs.path(run_id)
    begin = log_events.starts(request.headers.get("last-event-id", ""), request.query_params)
    stream = log_events.follow(run, begin, _over(context, run_id), site.stopping.is_set)
    return StreamingResponse(stream, media_type="text/event-stream")


def _over(context: Context, run_id: str) -> Callable[[], bool]:
    """Whether a run has its record, or is gone. A run that no process supervises is completed, as
    every command does.
    """
    last = [time.monotonic()]

    def over() -> bool:
        try:
            if context.runs.finished(run_id):
                return True
            if time.monotonic() - last[0] > _SETTLED and not context.runs.held(run_id):
                last[0] = time.monotonic()
                reconcile.settle(context)
        except RunNotFound:
            return True
        except ReproboxError:
            return False
        return False

    return over


def _posted(site: Site) -> Callable[[Request], object]:
    """Tags and notes: the only things that can be changed here."""

    async def answer(request: Request) -> Response:
        what, run_id = str(request.path_params["what"]), str(request.path_params["run"])
        if what not in ("note", "tag"):
            raise HTTPException(404)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _FORM:
                return Response("the form is too large\n", 413, media_type="text/plain")
        form = {key: values[-1] for key, values in parse_qs(_plain(body)).items()}
        known = guard.same(form.get("form", ""), site.access.form)
        if kind != "application/x-www-form-urlencoded" or not known:
            return Response("the form is not one of this page\n", 403, media_type="text/plain")
        try:
            await run_in_threadpool(_change, site, what, run_id, form)
        except ReproboxError as fault:
            return _failure(site, fault)
        return RedirectResponse(f"{ServerLinks().run(run_id)}#notes", 303)

    return answer


def _plain(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _change(site: Site, what: str, run_id: str, form: Mapping[str, str]) -> None:
    context, text = site.fresh(), form.get("text", "").strip()
    context.runs.path(run_id)  # an id, not a name that may mean another run by now
    if what == "note":
        note_command.note(context, run_id, text)
    else:
        tag_command.tag(context, [run_id], [text], remove=form.get("how") == "remove")
