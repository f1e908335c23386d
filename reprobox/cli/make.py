"""init, lock, build: from a config to an image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reprobox.cli.common import CONFIG, JSON, open_box, talk_of
from reprobox.errors import UsageError
from reprobox.kit.units import counted


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(init)
    app.command()(lock)
    app.command()(build)


def init(context: typer.Context, config: Annotated[Path, typer.Argument(help="The file to write.")] = Path("config.yaml")) -> None:
    """Write a commented config to start from.

    Example:  reprobox init config.yaml
    """
    from reprobox.config.load import template

    try:
        with config.open("x") as file:
            file.write(template())
    except FileExistsError as error:
        raise UsageError(f"{config} exists and was left alone", next_step="name another file") from error
    except OSError as error:
        raise UsageError(
            f"{config} cannot be written", why=error.strerror or "", next_step="name a file in a directory that is there"
        ) from error
    talk_of(context).note(f"wrote {config}; next: reprobox lock {config}")


def lock(
    context: typer.Context,
    config: CONFIG = Path("config.yaml"),
    upgrade: Annotated[bool, typer.Option("--upgrade", "-U", help="Take the newest of everything.")] = False,
    upgrade_package: Annotated[
        list[str] | None, typer.Option("--upgrade-package", "-P", help="Take the newest of this package.")
    ] = None,
    locked: Annotated[bool, typer.Option("--locked", help="Change nothing; fail if the lock is stale.")] = False,
    vendor: Annotated[
        bool, typer.Option("--vendor", help="Make sure that every byte of the lock is in the store, each re-hashed.")
    ] = False,
    as_json: JSON = False,
) -> None:
    """Pin the environment, every package by sha256.

    Base, Debian packages and wheels are resolved and fetched on this host, with your own pip, uv and apt settings.

    Example:  reprobox lock config.yaml --upgrade-package numpy
    """
    from reprobox.flow import environment

    talk = talk_of(context)
    box = open_box(context, config)
    made = environment.lock(box, config, upgrade=upgrade, upgrade_packages=upgrade_package or (), locked=locked)
    if vendor:
        environment.vendor(box, made.lock)
    found = made.lock
    if as_json:
        talk.data(
            {
                "lock": str(made.path),
                "digest": made.digest,
                "changed": made.changed,
                "base": found.base.reference,
                "debs": len(found.base.packages) + len(found.debs),
                "wheels": len(found.wheels),
            }
        )
        return
    state = "wrote" if made.changed else "is fresh:"
    counts = f"{counted(len(found.base.packages) + len(found.debs), 'deb')}, {counted(len(found.wheels), 'wheel')}"
    talk.note(f"{state} {made.path.name} ({found.base.kind} {found.base.reference}, {counts})  {made.digest}")


def build(
    context: typer.Context,
    config: CONFIG = Path("config.yaml"),
    check: Annotated[bool, typer.Option("--check", help="Compose twice under different conditions and compare.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Fetch nothing: every byte must be in the store.")] = False,
    as_json: JSON = False,
) -> None:
    """Make the image from the lock.

    It is composed without a network; the same lock gives the same digest on every engine. The first build writes that digest into
    the lock, so commit the lock after it.

    Example:  reprobox build config.yaml --check
    """
    from reprobox.flow import environment

    talk = talk_of(context)
    box = open_box(context, config)
    if check:
        _check(context, config, as_json)
        return
    built = environment.build(box, config, offline=offline)
    image = built.image
    if as_json:
        talk.data({"config": image.config, "manifest": image.manifest, "tag": image.tag, "lock": image.lock, "how": built.how})
        return
    talk.line(f"image     {image.config}")
    talk.line(f"manifest  {image.manifest}")
    talk.note(f"{built.how}: {image.tag}, {counted(len(image.diff_ids), 'layer')}")
    if built.lock_changed:
        talk.note("the lock now names this image; commit it: every later build anywhere must match")


def _check(context: typer.Context, config: Path, as_json: bool) -> None:
    from reprobox.flow import environment

    talk = talk_of(context)
    differences = environment.check(open_box(context, config), config)
    if as_json:
        talk.data({"same": not differences, "differences": differences})
    for difference in differences if not as_json else ():
        talk.line(": ".join(part for part in (difference.layer, difference.path, difference.what) if part))
    if differences:
        raise typer.Exit(1)
    talk.note("composed twice under different conditions: every layer and the config are the same")
