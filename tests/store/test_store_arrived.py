"""Records that were forged with care: whole, sealed and announced as they are. They are refused for what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from travelling import There, a_run, packed

from reprobox.errors import BundleRefused
from reprobox.kit import canon
from reprobox.model import codec
from reprobox.model.lock import Expected
from reprobox.model.record import Intent
from reprobox.store import fsck
from reprobox.store.runs import Runs

OTHER = "sha256:" + "1" * 64


@pytest.fixture
def there(tmp_path: Path) -> There:
    return There(tmp_path / "there")


def forge(runs: Runs, run: str, change: Callable[[Intent], Intent]) -> str:
    """Writes a finished run's record and intent anew, with their seal."""
    record, _ = runs.record(run)
    forged = replace(record, intent=change(record.intent))
    for name, data in (("record.json", codec.encode(forged)), ("intent.json", codec.encode(forged.intent))):
        (runs.path(run) / name).chmod(0o600)
        (runs.path(run) / name).write_bytes(data)
    (runs.path(run) / "record.sha256").write_text(canon.digest_file(runs.path(run) / "record.json") + "\n")
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
    assert any(f"its {what} is said" in fault.why for fault in fsck.check(runs.root).faults)


def test_a_record_that_says_the_same_twice_comes_through(runs: Runs, there: There) -> None:
    def filled(intent: Intent) -> Intent:
        made = Expected(config=intent.image.config, manifest=intent.image.manifest, diff_ids=intent.image.diff_ids)
        return replace(intent, lock=replace(intent.lock, image=made))

    run = forge(runs, a_run(runs), filled)
    there.take(packed(runs, run))
    assert there.published() == [run]
