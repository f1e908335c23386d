"""A source distribution into a wheel: in the lock's own base image, without network, twice.

The build backend runs in a container (PEP 517), in an environment of pinned wheels. The second
build is by another process with another hash seed, from the source unpacked again.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from reprobox.errors import BuildError, ImageError
from reprobox.image import layer_plan, step
from reprobox.image.layer import Layer, Sink, check_objects, spooled
from reprobox.image.paths import PYTHON
from reprobox.kit.pieces import Pieces
from reprobox.kit.tar import TarStream, entry
from reprobox.model.lock import BuildSystem, Lock, Made, Sdist
from reprobox.model.ports import ImageEngine, Objects, Progress

_ROOM = ".reprobox-build"
_NEEDS = 3
"""Exit code of the program where the backend asks for more requirements."""
_LOG_TAIL = 3000
_PROGRAM = """\
import importlib, json, os, shutil, sys, tarfile, zipfile
room, source, out = "/ROOM", "/tmp/source", "/ROOM/out/" + sys.argv[1]
plan = json.load(open(room + "/plan.json"))
shutil.rmtree(source, ignore_errors=True)
os.makedirs(source), os.makedirs(out, exist_ok=True)
name = room + "/" + plan["file"]
if name.endswith(".zip"):
    zipfile.ZipFile(name).extractall(source)
elif hasattr(tarfile, "data_filter"):
    tarfile.open(name).extractall(source, filter="data")
else:
    tarfile.open(name).extractall(source)
os.chdir(os.path.join(source, plan["directory"]))
sys.path[:0] = [os.path.abspath(path) for path in plan["backend_path"]]
sys.argv[1:] = []
module, _, names = plan["backend"].partition(":")
backend = importlib.import_module(module)
for one in filter(None, names.split(".")):
    backend = getattr(backend, one)
asked = getattr(backend, "get_requires_for_build_wheel", lambda settings: [])(None)
missing = [one for one in asked if one not in plan["given"]]
if missing:
    json.dump(missing, open(room + "/out/needs.json", "w"))
    sys.exit(NEEDS)
backend.build_wheel(out)
"""
_SCRIPT = f"""\
umask 022
export HOME=/tmp/home PYTHONDONTWRITEBYTECODE=1 PIP_NO_INDEX=1 PATH=/opt/venv/bin:$PATH
mkdir -p /tmp/home
PYTHONHASHSEED=0 {PYTHON} /{_ROOM}/program.py first
sleep 2
PYTHONHASHSEED=4242 {PYTHON} /{_ROOM}/program.py second
"""
_APT = "write `apt: [{}]` in the config's environment, then lock again"
_HINTS = {
    "Python.h": "it needs Python's headers: " + _APT.format("gcc, libc6-dev, python3-dev"),
    ".h: No such file": "it needs the headers of a C library: name its `-dev` package under `apt`",
    "'gcc'": "it needs a compiler: " + _APT.format("gcc, libc6-dev, python3-dev"),
    "linux-gnu-gcc": "it needs a compiler: " + _APT.format("gcc, libc6-dev, python3-dev"),
    "gcc: not found": "it needs a compiler: " + _APT.format("gcc, libc6-dev, python3-dev"),
    "compiler": "it needs a compiler: " + _APT.format("gcc, g++, libc6-dev, python3-dev"),
    "g++": "it needs a compiler: " + _APT.format("g++, libc6-dev, python3-dev"),
    "cargo": "it needs Rust: " + _APT.format("cargo"),
    "rustc": "it needs Rust: " + _APT.format("cargo"),
    "name resolution": "it fetches something while it is built, which no hash pins: ask for a "
    "version that has a wheel",
}
"""What in the log of a failed build means which advice; the first one holds."""
_NO_HINT = "ask for a version that has a wheel, or name what the build needs under `apt`"


def make(
    sdist: Sdist,
    build: BuildSystem,
    system: Lock,
    given: tuple[str, ...],
    *,
    objects: Objects,
    engine: ImageEngine,
    progress: Progress,
) -> Made:
    """Builds the wheel and stores it; see `model.ports.WheelMaker`.

    Raises:
        BuildError: the backend failed, gave no wheel, or the source cannot be read.
        ImageError, FetchError, HashMismatch: the environment cannot be composed.
    """
    check_objects(sdist.filename, (sdist.sha256,), objects)
    plan = {
        "file": "source.zip" if sdist.filename.endswith(".zip") else "source.tar",
        "directory": build.directory,
        "backend": build.backend,
        "backend_path": list(build.backend_path),
        "given": list(given),
    }
    layers = layer_plan.layers(system, objects=objects, engine=engine, progress=progress)
    ports = {"objects": objects, "engine": engine, "progress": progress}
    with (
        progress.task(f"build {sdist.filename}"),
        tempfile.TemporaryDirectory(prefix="reprobox-wheel-") as folder,
        _built(sdist, plan, layers, (build.epoch, system.platform), Path(folder), ports) as out,
    ):
        return _made(sdist, out, objects)


@contextmanager
def _built(
    sdist: Sdist,
    plan: dict[str, Any],
    below: tuple[Layer, ...],
    when_where: tuple[int, str],
    folder: Path,
    ports: dict[str, Any],
) -> Iterator[dict[str, bytes]]:
    """The files that the program left."""
    source = ports["objects"].path(sdist.sha256)
    carried = spooled("source", lambda sink: _carry(plan, source, sink), folder)
    try:
        with step.run(
            "wheel",
            (*below, carried),
            _SCRIPT,
            epoch=when_where[0],
            platform=when_where[1],
            may_end=(_NEEDS,),
            **ports,
        ) as done:
            yield _files(done.archive(f"/{_ROOM}/out"))
    except ImageError as error:
        raise BuildError(
            f"{sdist.filename} could not be built into a wheel",
            why=error.why[-_LOG_TAIL:],
            next_step=_advice(error.why),
        ) from error


def _files(chunks: Iterator[bytes]) -> dict[str, bytes]:
    with tarfile.open(fileobj=cast("IO[bytes]", Pieces(chunks)), mode="r|") as archive:
        found = {}
        for member in archive:
            if member.isreg() and (source := archive.extractfile(member)) is not None:
                found[member.name.removeprefix("out/")] = source.read()
    return found


def _advice(log: str) -> str:
    return next((hint for word, hint in _HINTS.items() if word in log), _NO_HINT)


def _made(sdist: Sdist, out: dict[str, bytes], objects: Objects) -> Made:
    if "needs.json" in out:
        return Made(needs=tuple(json.loads(out["needs.json"])))
    first, second = (
        {name.partition("/")[2]: data for name, data in out.items() if name.startswith(f"{turn}/")}
        for turn in ("first", "second")
    )
    names = [name for name in first if name.endswith(".whl")]
    if len(names) != 1:
        raise BuildError(
            f"the build of {sdist.filename} gave {len(names)} wheels",
            next_step=_NO_HINT,
        )
    (name,) = names
    return Made(
        filename=name,
        sha256=objects.put_bytes(first[name]),
        size=len(first[name]),
        repeats=second.get(name) == first[name],
    )


def _carry(plan: dict[str, Any], source: Path, target: Sink) -> None:
    stream = TarStream(cast("IO[bytes]", target))
    for folder in (_ROOM, f"{_ROOM}/out"):
        stream.directory(folder)
    program = _PROGRAM.replace("ROOM", _ROOM).replace("NEEDS", str(_NEEDS))
    stream.file(f"{_ROOM}/program.py", program.encode())
    stream.file(f"{_ROOM}/plan.json", json.dumps(plan).encode())
    with source.open("rb") as file:
        stream.stream(entry(f"{_ROOM}/{plan['file']}", size=source.stat().st_size), file)
    stream.close()
