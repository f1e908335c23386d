"""One process serves a store, and others get its address."""

from __future__ import annotations

from pathlib import Path

import pytest
from web_world import World

from reprobox.errors import RunBusy
from reprobox.store import layout
from reprobox.web import announced


def test_a_second_one_is_told_where_the_first_is(world: World) -> None:
    root = world.runs.root
    layout.ensure(root)
    with announced.alone(root):
        announced.announce(root, "http://127.0.0.1:1/?token=t")
        assert (root / "ui.json").stat().st_mode & 0o777 == 0o600
        with pytest.raises(RunBusy) as told, announced.alone(root):
            pass
        assert "http://127.0.0.1:1/?token=t" in told.value.why
    assert not (root / "ui.json").exists()
    with announced.alone(root):
        pass


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"address": null'])
def test_an_address_that_cannot_be_read_is_on_its_terminal(
    tmp_path: Path, text: str | None
) -> None:
    with announced.alone(tmp_path):
        if text is not None:
            (tmp_path / "ui.json").write_text(text)
        with pytest.raises(RunBusy) as told, announced.alone(tmp_path):
            pass
    assert "an address that its terminal shows" in told.value.why


def test_a_store_that_is_not_there_or_cannot_be_written_may_have_several(tmp_path: Path) -> None:
    with announced.alone(tmp_path / "none"), announced.alone(tmp_path / "none"):
        announced.announce(tmp_path / "none", "http://127.0.0.1:1/")
    assert not (tmp_path / "none").exists()
