"""Names of secrets become names of files; a record from elsewhere may say anything there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from harness_runs import a_record, a_runspec, an_intent

from reprobox.cli.messages import Talk
from reprobox.commands.shared import run_secrets
from reprobox.context import Context
from reprobox.errors import ConfigError, StoreDamaged
from reprobox.executor import secrets

NAMES = ["/abs/file", "../above", "a/b", "", ".", "..", "a\0b", "-x", "x" * 65, "a\nb"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_written_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    aimed = name.replace("/abs", str(tmp_path))
    with pytest.raises(ConfigError, match="refused"):
        secrets.place(tmp_path / "runs" / "a", {aimed: b"value"})
    assert list(tmp_path.iterdir()) == []
    assert not secrets.folder(tmp_path / "runs" / "a").exists()


@pytest.mark.parametrize("name", NAMES)
def test_such_a_name_is_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="refused"):
        secrets.read({name: "file:/no/such"}, tmp_path)


@pytest.mark.parametrize("origin", ["/etc/passwd", "file:", "env:a b", "exec:ls", ""])
def test_a_place_that_no_config_has_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ConfigError, match="refused"):
        secrets.read({"A": origin}, tmp_path)


def test_what_config_allows_is_placed(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "a"
    try:
        secrets.place(path, {"deploy.key": b"value", "HF_TOKEN": b"other"})
        assert (secrets.folder(path) / "deploy.key").read_bytes() == b"value"
    finally:
        secrets.forget(path)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"reprobox": 5},
        {"reprobox": {"secrets": ["A"]}},
        {"reprobox": {"secrets": {"A": "env:A", "B": "file:x"}}},
    ],
)
def test_a_record_whose_config_asks_for_other_secrets_is_refused(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    context = Context(start=tmp_path, progress=Talk(quiet=True, color=False, debug=False))
    record = a_record(an_intent(runspec=a_runspec(secrets=("A",)), config=config))
    with pytest.raises(StoreDamaged, match="contradicts itself"):
        run_secrets.again(context, record.intent, trusted=True)
