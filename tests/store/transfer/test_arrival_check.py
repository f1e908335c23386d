"""Records that were forged with care: whole, sealed and announced as they are. They are refused for
what they say.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from travelling import There, a_run, packed

from reprobox.errors import BundleRefused
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.lock import Expected
from reprobox.model.outcome import OutputFile
from reprobox.model.record import Intent
from reprobox.store import integrity
from reprobox.store.runs import Runs
from reprobox.store.transfer import arrival_check, link_check

OTHER = "sha256:" + "1" * 64


@pytest.fixture
def there(tmp_path: Path) -> There:
    return There(tmp_path / "there")


def forge(runs: Runs, run: str, change: Callable[[Intent], Intent]) -> str:
    """Writes a finished run's record and intent anew, with their seal."""
    record, _ = runs.record(run)
    forged = replace(record, intent=change(record.intent))
    for name, data in (
        ("record.json", codec.encode(forged)),
        ("intent.json", codec.encode(forged.intent)),
    ):
        (runs.path(run) / name).chmod(0o600)
        (runs.path(run) / name).write_bytes(data)
    (runs.path(run) / "record.sha256").write_text(
        canon.digest_file(runs.path(run) / "record.json") + "\n"
    )
    return run


def _image(**changes: str) -> Callable[[Intent], Intent]:
    return lambda intent: replace(intent, image=replace(intent.image, **changes))


def _expected(intent: Intent) -> Intent:
    made = Expected(config=OTHER, manifest=intent.image.manifest, diff_ids=intent.image.diff_ids)
    return replace(intent, lock=replace(intent.lock, image=made))


FORGED: dict[str, Callable[[Intent], Intent]] = {
    "tag of the image": _image(tag="python:3.11-slim"),
    "image": _image(config=OTHER),
    "lock of the image": _image(lock=OTHER),
    "lock": lambda intent: replace(intent, lock=replace(intent.lock, timestamp=2)),
    "image in the lock": _expected,
    "tree": lambda intent: replace(intent, source=replace(intent.source, tree="e" * 40)),
    "identity": lambda intent: replace(intent, identity=OTHER),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_record_that_contradicts_itself_is_refused(runs: Runs, there: There, what: str) -> None:
    run = forge(runs, a_run(runs), FORGED[what])
    with pytest.raises(BundleRefused, match="not as reprobox writes it") as caught:
        there.take(packed(runs, run))
    assert f"the {what} of run" in caught.value.why
    assert there.published() == []
    assert any(f"its {what} should be" in fault.why for fault in integrity.check(runs.root).faults)


def test_a_record_that_says_the_same_twice_comes_through(runs: Runs, there: There) -> None:
    def filled(intent: Intent) -> Intent:
        made = Expected(
            config=intent.image.config,
            manifest=intent.image.manifest,
            diff_ids=intent.image.diff_ids,
        )
        return replace(intent, lock=replace(intent.lock, image=made))

    run = forge(runs, a_run(runs), filled)
    there.take(packed(runs, run))
    assert there.published() == [run]


Tree = dict[str, bytes | tuple[str, bytes] | None]
OUT: list[Tree] = [
    {"p/q/f": b"", "p/q/d": ("link", b"../.."), "x": ("link", b"p/q/d/../../../etc")},
    {"a": ("link", b"/etc")},
    {"a": ("link", b"b/passwd"), "b": ("link", b"c"), "c": ("link", b"/etc")},
    {"a": ("link", b"..")},
    {"a/b": ("link", b"../a/./../..//x")},
    {"a": ("link", b"a")},
    {"top": ("link", b"."), "x": ("link", b"top/../y")},
]
IN: list[Tree] = [
    {"p/q/f": b"", "p/q/d": ("link", b"../.."), "x": ("link", b"p/q/d/p/q/../..")},
    {"a/b": ("link", b"../c"), "c/d": b"", "e": ("link", b"a/b/d")},
    {"later": ("link", b"is/not/there/../..")},
    {"a/b/c": ("link", b"../../a/b/..")},
]


@pytest.mark.parametrize("tree", OUT)
def test_links_that_lead_out_together_are_refused(runs: Runs, there: There, tree: Tree) -> None:
    with pytest.raises(BundleRefused, match="somewhere else"):
        there.take(packed(runs, a_run(runs, tree)))
    assert there.published() == []
    there.outside_links = True
    there.take(packed(runs, *runs.ids()))
    assert there.published() == runs.ids()


@pytest.mark.parametrize("tree", IN)
def test_links_that_stay_inside_come_through(runs: Runs, there: There, tree: Tree) -> None:
    there.take(packed(runs, a_run(runs, tree)))
    assert there.published() == runs.ids()


def test_links_are_walked_as_the_kernel_walks_them(tmp_path: Path) -> None:
    """Random trees of links: where the kernel gets somewhere outside, so do we, and the other way
    round.
    """
    draw, met = random.Random(11), {True: 0, False: 0}
    for number in range(300):
        top = tmp_path / str(number) / "outputs"
        (top / "a" / "b").mkdir(parents=True)
        (top / "c").mkdir()
        texts = {}
        for name in ("a/l", "a/b/m", "c/n", "o", "p"):
            parts = [
                draw.choice(("..", "..", "..", ".", "a", "b", "c", "l", "m", "n", "o", "p"))
                for _ in range(draw.randint(1, 5))
            ]
            texts[name] = "/".join(parts)
            (top / name).symlink_to(texts[name])
        for name in texts:
            try:
                found = (top / name).resolve(strict=True)
            except (OSError, RuntimeError):
                continue
            assert link_check.leads_out(name, texts) is not found.is_relative_to(top.resolve()), (
                texts
            )
            met[found.is_relative_to(top.resolve())] += 1
    assert min(met.values()) > 20


@pytest.mark.parametrize("text", [b"", b"a\0b", b"x" * 5000])
def test_a_text_that_no_link_has_is_refused(runs: Runs, there: There, text: bytes) -> None:
    run = a_run(runs, {"a": b"1"})
    link = OutputFile(
        path="l", kind="link", size=len(text), mode=0o777, sha256=canon.digest_bytes(text)
    )
    (tmp := there.top.parent / "text").write_bytes(text)
    with pytest.raises(BundleRefused, match="not as reprobox writes it"):
        arrival_check.check_links(
            packed(runs, run).cards()[0], (link,), lambda _: tmp, outside=True
        )
