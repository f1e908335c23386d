"""The resolver: uv, run as the program that its package brings, for the image's interpreter and
platform.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from uv import find_uv_bin

from reprobox.errors import ResolveError
from reprobox.kit import proc
from reprobox.kit.regex import regex
from reprobox.lock import uv_config
from reprobox.lock.asked import Asked
from reprobox.lock.formats import pylock
from reprobox.lock.formats.package import Package
from reprobox.lock.pip_settings import Settings
from reprobox.lock.target import Target
from reprobox.lock.uv_faults import explain, redact

_BUILDS = regex(r"Failed to build `([^`=@\s]+?)(?:==| @ )([^`]+)`")
_YANKED = regex(r"warning: `([^`]+)` is yanked ?(\([^\n]*\))?")
_REFUSED = "reprobox: no source is built here"
# uv asks for the interpreter's facts in isolated mode (-I), and runs the code of sources otherwise.
_GUARD = (
    f"import os, sys; sys.flags.isolated or (os.write(2, {_REFUSED.encode()!r}), os._exit(77))\n"
)
Builds = Callable[[str, str], tuple[str, Mapping[str, Any]]]
"""Name, and version or address, of a source to its version and metadata
(`sdist_file.wheel_metadata`).
"""


def compile_packages(
    inputs: Sequence[str],
    *,
    root: Path,
    target: Target,
    settings: Settings,
    build: Builds,
    pins: Mapping[str, str] | None = None,
    constraints: Mapping[str, str] | None = None,
    more: Sequence[str] = (),
    known: Mapping[tuple[str, str], Mapping[str, Any]] | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> list[Package]:
    """Resolves requirement files and inline requirements together, as the user's own uv does.

    uv reads the metadata of a source distribution where it is static (PEP 643); where it would have
    to run its code for that, `build` is asked, and uv resolves again with what it said.

    Args:
        inputs: names of files relative to root, and requirements.
        pins: versions to prefer, by normalised name.
        constraints: versions that are given, by normalised name.
        more: further arguments, such as extras and groups.
        known: metadata that is known already, by name and version.
        note: called with the versions that were yanked.

    Raises:
        ResolveError: nothing satisfies them.
        FetchError: an index could not be asked.
        BuildError: a source distribution must be built for its metadata, and is not.
    """
    facts = dict(known or {})
    with tempfile.TemporaryDirectory(prefix="reprobox-lock-") as scratch:
        output = Path(scratch) / "pylock.toml"
        arguments = [*_inputs(inputs, root, Path(scratch)), *more]
        arguments += ["--python-platform", target.uv_platform]
        if constraints:
            (Path(scratch) / "given.txt").write_text(_lines(constraints))
            arguments += ["--constraints", str(Path(scratch) / "given.txt")]
        while True:
            output.unlink(missing_ok=True)
            if pins:
                output.write_text(_as_pylock(pins))
            try:
                return _compile(
                    arguments,
                    output,
                    facts,
                    note,
                    root=root,
                    target=target,
                    env=settings.environment,
                )
            except _MustBuildError as wanted:
                name, place = wanted.pin
                version, metadata = build(name, place)
                if (name, version) in facts:
                    raise explain(wanted.said) from None
                facts[(name, version)] = metadata


def offers(
    pins: Mapping[str, str], *, root: Path, target: Target, env: Mapping[str, str]
) -> list[Package]:
    """Everything that the indexes have of exactly these versions, for any platform. Raises as
    `compile_packages`.
    """
    with tempfile.TemporaryDirectory(prefix="reprobox-lock-") as scratch:
        (Path(scratch) / "pins.txt").write_text(_lines(pins))
        arguments = [str(Path(scratch) / "pins.txt"), "--universal", "--no-deps"]
        nothing: dict[tuple[str, str], Mapping[str, Any]] = {
            pin: {"requires-dist": []} for pin in pins.items()
        }
        output = Path(scratch) / "pylock.toml"
        return _compile(arguments, output, nothing, None, root=root, target=target, env=env)


class _MustBuildError(Exception):
    """uv wants to run the code of a source distribution."""

    def __init__(self, name: str, version: str, said: str) -> None:
        super().__init__(f"{name} {version}")
        self.pin, self.said = (str(canonicalize_name(name)), version), said


def _compile(
    arguments: list[str],
    output: Path,
    known: Mapping[tuple[str, str], Mapping[str, Any]],
    note: Callable[[str], None] | None,
    *,
    root: Path,
    target: Target,
    env: Mapping[str, str],
) -> list[Package]:
    argv = [find_uv_bin(), "pip", "compile", *arguments, "--python-version", target.python]
    argv += ["--python", str(_guarded(output.parent)), "--no-build-isolation"]
    argv += ["--no-python-downloads", "--generate-hashes", "--no-header", "--no-progress"]
    if known:
        config = output.parent / "uv.toml"
        facts = [
            {"name": name, "version": version, **more} for (name, version), more in known.items()
        ]
        config.write_text(uv_config.with_metadata(uv_config.merged(root, env), facts), "utf-8")
        argv += ["--config-file", str(config)]
        env = uv_config.environment(env)
    argv += ["--quiet"] if note is None else []
    done = proc.run([*argv, "--format", "pylock.toml", "-o", output], cwd=root, env=env)
    if not done.ok:
        wanted = _BUILDS.search(done.error_text)
        if wanted and _REFUSED in done.error_text:
            raise _MustBuildError(wanted[1], wanted[2], done.error_text)
        raise explain(done.error_text)
    for found in _YANKED.finditer(redact(done.error_text)):
        if note is not None:
            note(f"{found[1]} is yanked: its publisher withdrew it {found[2]}".strip())
    return pylock.parse(
        output.read_text("utf-8"), where="uv's answer", directory=output.parent, target=target
    )


def _guarded(scratch: Path) -> Path:
    """An interpreter that answers uv's questions and runs no code of a source distribution: a
    virtual environment with a guard that every start but uv's own question executes.
    """
    python = scratch / "guard/bin/python"
    if not python.exists():
        real = Path(os.path.realpath(sys.executable))
        site = (
            scratch / f"guard/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
        )
        site.mkdir(parents=True)
        python.parent.mkdir()
        (scratch / "guard/pyvenv.cfg").write_text(
            f"home = {real.parent}\ninclude-system-site-packages = false\n"
        )
        (site / "guard.pth").write_text(_GUARD)
        python.symlink_to(real)
    return python


def export(lock: Path, *, target: Target, settings: Settings, asked: Asked) -> list[Package]:
    """A project's uv.lock as it is: its main dependencies, with the extras and groups asked for.

    Raises:
        ResolveError: uv does not accept it.
    """
    argv = [find_uv_bin(), "export", "--frozen", "--no-default-groups", "--no-header", "--quiet"]
    argv += [part for extra in asked.extras for part in ("--extra", extra)]
    argv += [part for group in asked.groups for part in ("--group", group)]
    argv += ["--format", "pylock.toml", "--project", str(lock.parent)]
    done = proc.run(argv, cwd=lock.parent, env=settings.environment)
    if not done.ok:
        raise ResolveError(
            f"uv could not read {lock.name}",
            why=redact(done.error_text),
            next_step="run `uv lock` in its project",
        )
    return pylock.parse(
        done.out.decode("utf-8"), where=lock.name, directory=lock.parent, target=target
    )


def _inputs(inputs: Iterable[str], root: Path, scratch: Path) -> list[str]:
    files = [entry for entry in inputs if (root / entry).is_file()]
    inline = [entry for entry in inputs if entry not in files]
    if inline:
        (scratch / "inline.txt").write_text("\n".join(inline) + "\n")
        files.append(str(scratch / "inline.txt"))
    return files


def _lines(pins: Mapping[str, str]) -> str:
    return "".join(f"{name}=={version}\n" for name, version in pins.items())


def _as_pylock(pins: Mapping[str, str]) -> str:
    """An existing output file is how `uv pip compile` learns what to prefer. A JSON string is a
    TOML string too.
    """
    entries = [
        f"[[packages]]\nname = {json.dumps(canonicalize_name(name))}\nversion = {json.dumps(v)}\n"
        for name, v in pins.items()
    ]
    return "\n".join(['lock-version = "1.0"\ncreated-by = "reprobox"\n', *entries])
