"""Builds source distributions with the context's engine, which is asked for only then."""

from __future__ import annotations

from reprobox.context import Context
from reprobox.model.lock import BuildSystem, Lock, Made, Sdist
from reprobox.model.ports import Objects, WheelMaker


def wheel_maker(context: Context, objects: Objects | None = None) -> WheelMaker:
    """What `lock` needs to build a wheel.

    Args:
        objects: where its bytes are; the shared store by default.
    """

    def make(sdist: Sdist, build: BuildSystem, system: Lock, given: tuple[str, ...]) -> Made:
        from reprobox.image import wheel_build

        return wheel_build.make(
            sdist,
            build,
            system,
            given,
            objects=objects or context.objects,
            engine=context.engine,
            progress=context.progress,
        )

    return make
