"""The resolver: uv, run as the program that its package brings, for the image's interpreter and
platform.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name
from uv import find_uv_bin

from reprobox.errors import FetchError, ReproboxError, ResolveError
from reprobox.kit import proc
from reprobox.lock.formats import pylock
from reprobox.lock.formats.pylock import Package
from reprobox.lock.pip_settings import Settings
from reprobox.lock.target import Target

_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
_NO_WHEEL = re.compile(
    r"Wheels are required for `([^`]+)`|Because (?:all versions of )?(\S+?)(?:[=<>!~]\S+)? has no (?:usable )?wheels"
)
_NETWORK = re.compile(
    r"Failed to (?:fetch|download|connect)|error sending request|dns error|timed out|Unauthorized|Forbidden",
    re.IGNORECASE,
)


def compile_packages(
    inputs: Sequence[str],
    *,
    root: Path,
    target: Target,
    settings: Settings,
    pins: Mapping[str, str] | None = None,
    constraints: Mapping[str, str] | None = None,
) -> list[Package]:
    """Resolves requirement files and inline requirements together.

    Args:
        inputs: names of files relative to root, and requirements.
        pins: versions to prefer, by normalised name.
        constraints: versions that are given, by normalised name.

    Raises:
        ResolveError: nothing satisfies them, or something has no wheel.
        FetchError: an index could not be asked.
    """
    with tempfile.TemporaryDirectory(prefix="reprobox-lock-") as scratch:
        output = Path(scratch) / "pylock.toml"
        if pins:
            output.write_text(_as_pylock(pins))
        arguments = [*_inputs(inputs, root, Path(scratch)), "--python-platform", target.uv_platform]
        if constraints:
            (Path(scratch) / "given.txt").write_text(_lines(constraints))
            arguments += ["--constraints", str(Path(scratch) / "given.txt")]
        return _compile(arguments, output, root=root, target=target, env=settings.environment)


def offers(
    pins: Mapping[str, str], *, root: Path, target: Target, env: Mapping[str, str]
) -> list[Package]:
    """Every wheel that the indexes have of exactly these versions, for any platform. Raises as
    `compile_packages`.
    """
    with tempfile.TemporaryDirectory(prefix="reprobox-lock-") as scratch:
        (Path(scratch) / "pins.txt").write_text(_lines(pins))
        arguments = [str(Path(scratch) / "pins.txt"), "--universal", "--no-deps"]
        return _compile(arguments, Path(scratch) / "pylock.toml", root=root, target=target, env=env)


def _compile(
    arguments: list[str], output: Path, *, root: Path, target: Target, env: Mapping[str, str]
) -> list[Package]:
    argv = [
        find_uv_bin(),
        "pip",
        "compile",
        *arguments,
        "--python-version",
        target.python,
        "--python",
        sys.executable,
    ]
    argv += [
        "--no-python-downloads",
        "--only-binary",
        ":all:",
        "--generate-hashes",
        "--no-header",
        "--no-progress",
        "--quiet",
    ]
    done = proc.run([*argv, "--format", "pylock.toml", "-o", output], cwd=root, env=dict(env))
    if not done.ok:
        raise explain(done.error_text)
    return pylock.parse(
        output.read_text("utf-8"), where="uv's answer", directory=output.parent, target=target
    )


def export(lock: Path, *, target: Target, settings: Settings) -> list[Package]:
    """A project's uv.lock as it is, without the project itself and its development groups.

    Raises:
        ResolveError: uv does not accept it.
    """
    argv = [
        find_uv_bin(),
        "export",
        "--frozen",
        "--no-dev",
        "--no-emit-workspace",
        "--format",
        "pylock.toml",
        "--no-header",
        "--quiet",
    ]
    done = proc.run([*argv, "--project", lock.parent], cwd=lock.parent, env=settings.environment)
    if not done.ok:
        raise ResolveError(
            f"uv could not read {lock.name}",
            why=redact(done.error_text),
            next_step="run `uv lock` in its project",
        )
    return pylock.parse(
        done.out.decode("utf-8"), where=lock.name, directory=lock.parent, target=target
    )


def redact(text: str) -> str:
    """Without the user names and passwords of URLs."""
    return _PASSWORD.sub("", text)


def explain(said: str) -> ReproboxError:
    """uv's words as an error with a next step."""
    why = redact(said)
    if found := _NO_WHEEL.search(why):
        name = found[1] or found[2]
        what = f"{name} has no wheel for this interpreter and platform, and source is not built while locking"
        return ResolveError(
            what, why=why, next_step=pylock.BUILD_ONCE.replace("NAME==VERSION", f"'{name}'")
        )
    if _NETWORK.search(why):
        return FetchError(
            "a package index could not be asked",
            why=why,
            next_step="check the network, and the index URLs in `pip config list`",
        )
    return ResolveError(
        "no set of packages satisfies the requirements",
        why=why,
        next_step="change the requirements and lock again",
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
    """An existing output file is how `uv pip compile` is told what to prefer. A JSON string is a
    TOML string too.
    """
    entries = [
        f"[[packages]]\nname = {json.dumps(canonicalize_name(name))}\nversion = {json.dumps(v)}\n"
        for name, v in pins.items()
    ]
    return "\n".join(['lock-version = "1.0"\ncreated-by = "reprobox"\n', *entries])
