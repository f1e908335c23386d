"""A tag that is moved to another image while a run is prepared."""

from __future__ import annotations

import pytest
from small_project import Small

from reprobox.cli.messages import Talk
from reprobox.commands.shared import intents
from reprobox.commands.shared.code_choice import WORK_TREE
from reprobox.context import Context
from reprobox.data import pins
from reprobox.model.runspec import InputPin

pytestmark = pytest.mark.engine


def prepared(small: Small, monkeypatch: pytest.MonkeyPatch, meanwhile: object) -> str:
    """The image reference of a run, when something happens while its input is hashed."""
    (small.project.top / "numbers").write_text("1 2 3")
    config = (small.project.top / "config.yaml").read_text()
    small.project.write("config.yaml", config + "  inputs: [numbers]\n")
    small.project.write(".gitignore", "base.tar\nnumbers\n")
    small.project.commit()
    real = pins.pin

    def hashing(*words: object, **more: object) -> InputPin:
        meanwhile()
        return real(*words, **more)

    for name, value in small.project.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(pins, "pin", hashing)
    talk = Talk(quiet=False, color=False, debug=False)
    context = Context(start=small.project.top, progress=talk)
    _, job = intents.resolve(
        context,
        small.project.top / "config.yaml",
        (),
        gpus=None,
        name=None,
        tags=(),
        choice=WORK_TREE,
    )
    return job.image


def test_the_image_that_was_checked_is_started_by_its_id(
    small_run: Small,
    tiny_image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = small_run.image()
    small_run.engine.tag(image["config"], "reprobox-tests/kept:1")  # or it would be removed
    started = prepared(
        small_run, monkeypatch, lambda: small_run.engine.tag(tiny_image, image["tag"])
    )
    assert started == image["config"]
    small_run.engine.tag(image["config"], image["tag"])
    small_run.engine.remove_image("reprobox-tests/kept:1")
