"""What uv prints when it fails, as errors. The texts in files/uv_printed.txt are uv 0.13.9's own."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest
from lock_world import Index, Locker, sdist_bytes

from reprobox.errors import BuildError, FetchError, HashMismatch, ReproboxError, ResolveError
from reprobox.lock.uv_faults import explain

PRINTED = re.split(
    r"^===== (.*)\n",
    (Path(__file__).parent / "files/uv_printed.txt").read_text(),
    flags=re.MULTILINE,
)[1:]
TEXTS = dict(zip(PRINTED[::2], PRINTED[1::2], strict=True))
INDEX = "http://127.0.0.1:8080"
WHEEL = f"{INDEX}/f/alpha-1.0-py3-none-any.whl"
NO_SOURCE = "{} 1.0 has no wheel that fits, and its source cannot be built"
NO_CREDENTIALS = f"the package index {INDEX}/simple refused the credentials"
NO_SOLUTION = "no set of packages satisfies the requirements"
NO_ANSWER = "a package index did not answer as it should"
NOT_ASKED = "a package index could not be asked"
GONE = "a file is not at its address any more"
KINDS: dict[str, tuple[type[ReproboxError], str]] = {
    "not a project": (ResolveError, NO_SOURCE.format("nothing")),
    "two tops": (ResolveError, NO_SOURCE.format("twotops")),
    "nested: dep sdist not project": (ResolveError, NO_SOURCE.format("nothing")),
    "bad pyproject": (ResolveError, NO_SOLUTION),
    "wheel without METADATA": (ResolveError, NO_SOLUTION),
    "no version": (ResolveError, NO_SOLUTION),
    "conflict": (ResolveError, NO_SOLUTION),
    "requires python": (ResolveError, NO_SOLUTION),
    "win only": (ResolveError, NO_SOLUTION),
    "syntax": (ResolveError, "a requirement cannot be read"),
    "bad config": (ResolveError, "uv does not accept your package settings"),
    "garbage": (BuildError, "the source distribution of garbage 1.0 cannot be read"),
    "truncated": (BuildError, "the source distribution of trunc 1.0 cannot be read"),
    "wheel no zip": (BuildError, "the wheel of badwheel 1.0 cannot be read"),
    "index hash mismatch sdist": (
        HashMismatch,
        "the index serves other bytes of nothing 1.0 than its page names",
    ),
    "index 401": (FetchError, NO_CREDENTIALS),
    "401 with password": (FetchError, NO_CREDENTIALS),
    "index 403": (FetchError, NO_CREDENTIALS),
    "index 407": (
        FetchError,
        "a package index refused the credentials (407 Proxy Authentication Required)",
    ),
    "file 401": (FetchError, "a package index refused the credentials (401 Unauthorized)"),
    "file 403": (FetchError, "a package index refused the credentials (403 Forbidden)"),
    "file 404": (FetchError, f"{GONE}: {WHEEL} (404 Not Found)"),
    "sdist file 404": (FetchError, f"{GONE}: {INDEX}/f/nothing-1.0.tar.gz (404 Not Found)"),
    "url 404": (FetchError, f"{GONE}: {INDEX}/alpha-1.0-py3-none-any.whl (404 Not Found)"),
    "index 429": (FetchError, f"{NO_ANSWER} (429 Too Many Requests)"),
    "index 500": (FetchError, f"{NO_ANSWER} (500 Internal Server Error)"),
    "file 500": (FetchError, f"{NO_ANSWER} (500 Internal Server Error)"),
    "index bad html": (FetchError, f"{INDEX}/simple/alpha/ did not answer as a package index"),
    "index bad json": (FetchError, f"{INDEX}/simple/alpha/ did not answer as a package index"),
    "refused": (FetchError, NOT_ASKED),
    "dns": (FetchError, NOT_ASKED),
    "timeout": (FetchError, NOT_ASKED),
    "tls": (FetchError, "no secure connection to a package index could be made"),
    "offline": (
        FetchError,
        "uv was set to work without the network, and its cache lacks a package",
    ),
    "no find-links dir": (FetchError, "the find-links place /nowhere/at/all cannot be read"),
    "url not there": (
        FetchError,
        "there is no file at file:///place/links/alpha-7.0-py3-none-any.whl",
    ),
    "git": (FetchError, "a repository could not be fetched"),
    "cache not writable": (FetchError, "uv cannot write to its cache /proc/x"),
    "disk full": (FetchError, "the disk is full"),
}


@pytest.mark.parametrize("title", TEXTS)
def test_each_kind(title: str) -> None:
    error = explain(TEXTS[title])
    assert (type(error), error.what) == KINDS[title]
    assert error.why
    assert error.next_step


@pytest.mark.parametrize("title", KINDS)
def test_a_line_that_uv_breaks_is_read_whole(title: str) -> None:
    """uv breaks long lines at spaces, so the length of a temporary path moves the breaks."""
    lines = TEXTS[title].split("\n")
    broken = [re.sub(r"(?<=\S{12}) (?=\S)", "\n         ", line) if "cause:" in line else line
              for line in lines]  # fmt: skip
    error = explain("\n".join(broken))
    assert (type(error), error.what) == KINDS[title]


def test_names_do_not_decide_and_unknown_words_are_passed_on() -> None:
    error = explain(
        "error: No solution found when resolving dependencies\n  cause: Because only "
        "certificate==1.0 is available and timed-out depends on certificate>=2 (Forbidden)"
    )
    assert (type(error), error.what) == (ResolveError, NO_SOLUTION)
    error = explain("error: something new of http://me:secret@host/simple")
    assert (type(error), error.what) == (ResolveError, "uv could not resolve the requirements")
    assert error.why == "error: something new of http://host/simple"


def test_uv_prints_these_words_today(
    lock: Locker, index: Index, own_settings: pytest.MonkeyPatch
) -> None:
    own_settings.setenv("UV_HTTP_RETRIES", "0")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("nothing-1.0/PKG-INFO"))
    index.files["nothing-1.0.tar.gz"] = buffer.getvalue()
    index.files["beta-1.0.tar.gz"] = sdist_bytes("beta", "1.0")
    index.claimed["beta-1.0.tar.gz"] = "sha256:" + "0" * 64
    index.files["gamma-1.0.tar.gz"] = sdist_bytes("gamma", "1.0")[:60]
    expected = {
        "nothing": (ResolveError, NO_SOURCE.format("nothing")),
        "beta": (HashMismatch, "the index serves other bytes of beta 1.0 than its page names"),
        "gamma": (BuildError, "the source distribution of gamma 1.0 cannot be read"),
    }
    for name, known in expected.items():
        with pytest.raises(ReproboxError) as caught:
            lock(name)
        assert (type(caught.value), caught.value.what) == known, caught.value.why
    index.status = 500
    with pytest.raises(FetchError, match="500 Internal Server Error"):
        lock("alpha")
