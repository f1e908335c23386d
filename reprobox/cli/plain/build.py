"""`reprobox build`: its options to the command, and the image to the terminal."""

from __future__ import annotations

from pathlib import Path

from reprobox.cli.messages import Talk
from reprobox.cli.opening import open_context
from reprobox.commands import build as command
from reprobox.kit.units import counted


def build(
    talk: Talk,
    config: Path = Path("config.yaml"),
    *,
    check: bool = False,
    offline: bool = False,
    as_json: bool = False,
) -> int:
    """The exit code."""
    context = open_context(talk, config)
    if check:
        return _check(talk, config, as_json)
    built = command.build(context, config, offline=offline)
    image = built.image
    if as_json:
        talk.data(
            {
                "config": image.config,
                "manifest": image.manifest,
                "tag": image.tag,
                "lock": image.lock,
                "how": built.how,
            }
        )
        return 0
    talk.line(f"image     {image.config}")
    talk.line(f"manifest  {image.manifest}")
    talk.note(f"{built.how}: {image.tag}, {counted(len(image.diff_ids), 'layer')}")
    if built.lock_changed:
        talk.note("the lock now names this image; commit it: every later build anywhere must match")
    return 0


def _check(talk: Talk, config: Path, as_json: bool) -> int:
    differences = command.check(open_context(talk, config), config)
    if as_json:
        talk.data({"same": not differences, "differences": differences})
    for difference in differences if not as_json else ():
        talk.line(
            ": ".join(part for part in (difference.layer, difference.path, difference.what) if part)
        )
    if differences:
        return 1
    talk.note("composed twice under different conditions: every layer and the config are the same")
    return 0
