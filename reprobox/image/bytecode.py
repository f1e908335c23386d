"""The optional layer of compiled Python: made by the image's own interpreter, because bytecode
belongs to its patch release.

The files are `unchecked-hash` ones (PEP 552): they hold no time, and the interpreter does not look
at the sources again. Measured: `import torch` takes about half the CPU time with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reprobox.image import normalise, step
from reprobox.image.layer import Layer, memo_key, stored
from reprobox.image.paths import PYTHON, site_packages
from reprobox.kit.tar import EPOCH_1980
from reprobox.model.lock import STANDALONE, Lock, Python
from reprobox.model.ports import ImageEngine, Objects, Progress

_COMPILE = (
    "import compileall, py_compile, sys; "
    "[compileall.compile_dir(folder, quiet=2, force=True, workers=1, "
    "invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH) "
    "for folder in sys.argv[1:]]"
)

NAME = "bytecode"
"""The layer's name in the image's history."""


def layer(
    lock: Lock,
    below: tuple[Layer, ...],
    *,
    objects: Objects,
    engine: ImageEngine,
    progress: Progress,
    again: bool = False,
) -> Layer:
    """The bytecode layer on top of everything. A source that does not compile (a template, a Python
    2 file) has none.

    Args:
        again: make it also where it is in the store (for `build --check`); nothing is remembered
            then.

    Raises:
        ImageError: the image's interpreter does not run.
    """
    key = key_of([one.diff_id for one in below])
    known = objects.memo(key)
    if isinstance(known, str) and objects.has(known) and not again:
        return stored(NAME, known, objects)
    folders = [f"/{folder}" for folder in _folders(lock.python)]
    script = f"umask 022\n{PYTHON} -B -c '{_COMPILE}' {' '.join(folders)}"
    inside = tuple(f"{folder}/" for folder in folders)
    with (
        progress.task("compile bytecode"),
        step.run(
            "bytecode",
            below,
            script,
            epoch=lock.timestamp,
            platform=lock.platform,
            objects=objects,
            engine=engine,
            progress=progress,
        ) as done,
    ):
        changes = [change for change in done.changes() if change[1].startswith(inside)]
        diff_id, _ = normalise.keep(
            done.export(),
            lambda files: normalise.layer_names(files, changes),
            clamp=EPOCH_1980,
            objects=objects,
        )
    if not again:
        objects.remember(key, diff_id)
    return stored(NAME, diff_id, objects)


def _folders(python: Python) -> Iterator[str]:
    """Whose sources are compiled. Debian's interpreter has its own bytecode, a standalone one
    not.
    """
    yield site_packages(python.version)
    if python.standalone is not None:
        yield f"{STANDALONE}/lib/python{python.version}"


def key_of(below: Sequence[str]) -> str:
    """The memo that holds the bytecode layer's digest: the layers below decide it."""
    return memo_key("bytecode", list(below))
