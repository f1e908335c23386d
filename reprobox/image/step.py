"""Runs one step in a container of a temporary image. Nothing is mounted, so it works on any engine,
remote ones too.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator

from reprobox.errors import ImageError
from reprobox.image.layer import Layer
from reprobox.image.oci_documents import of_layers
from reprobox.image.paths import FORMAT, LABEL_FORMAT
from reprobox.image.send import send
from reprobox.model.image import FAMILY
from reprobox.model.outcome import Container
from reprobox.model.ports import ImageEngine, Objects, Progress, Step

LABEL_STEP = "dev.reprobox.step"
_LOG_TAIL = 2000
_ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C",
    "TZ": "UTC",
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
    "PERL_HASH_SEED": "0",
    "PYTHONHASHSEED": "0",
}


@contextlib.contextmanager
def run(
    name: str,
    layers: tuple[Layer, ...],
    script: str,
    *,
    epoch: int,
    platform: str,
    objects: Objects,
    engine: ImageEngine,
    progress: Progress,
    may_end: tuple[int, ...] = (),
) -> Iterator[Step]:
    """Runs a shell script on top of some layers, without network; image and container are removed
    afterwards.

    Args:
        epoch: SOURCE_DATE_EPOCH, seconds since 1970.
        may_end: exit codes besides 0 that are an answer.

    Raises:
        ImageError: the script failed, with the end of its log.
    """
    token = secrets.token_hex(6)
    settings = {
        "Cmd": ["/bin/sh"],
        "Env": [],
        "Labels": {LABEL_FORMAT: str(FORMAT)},
        "WorkingDir": "/",
    }
    composition = of_layers(
        layers, settings, timestamp=epoch, platform=platform, tag=f"{FAMILY}step:{token}"
    )
    container = Container(
        image=composition.image.tag,
        argv=("/bin/sh", "-euc", script),
        name=f"reprobox-step-{token}",
        labels={LABEL_STEP: name},
        env={**_ENV, "SOURCE_DATE_EPOCH": str(epoch)},
        user="0:0",
        read_only=False,
        capabilities=("all",),
    )
    try:
        send(composition, objects=objects, engine=engine, progress=progress)
        with engine.step(container) as step:
            if step.code not in (0, *may_end):
                raise ImageError(
                    f"the step '{name}' failed in the container with code {step.code}",
                    why=step.log[-_LOG_TAIL:].decode("utf-8", "replace").strip(),
                    next_step="the packages do not install together as they were locked; lock "
                    "again, or report this",
                )
            yield step
    finally:
        engine.remove_image(composition.image.tag)
