"""init: a config to start from, or the `reprobox:` section in the script's own config."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from reprobox.commands.shared import editor_schema
from reprobox.config import script_options
from reprobox.config.extend import extended
from reprobox.config.script_options import Script
from reprobox.config.template import template
from reprobox.context import Context
from reprobox.errors import UsageError
from reprobox.kit import files
from reprobox.kit.lazy_dataclass import dataclass

_SCRIPTS = ("train.py", "main.py", "run.py")
_REQUIREMENTS = (
    "uv.lock",
    "pylock.toml",
    "poetry.lock",
    "requirements.txt",
    "pyproject.toml",
)
IGNORED = ("*.rbx", "__pycache__/")
"""Files that work with reprobox leaves in a work tree; a run needs a clean one. Runs themselves are
in `.reprobox`, which ignores itself.
"""


@dataclass(frozen=True, kw_only=True)
class Initialised:
    config: Path
    added: bool
    """The file was there, and got its section."""
    ignored: tuple[str, ...]
    """Lines that .gitignore lacks, or got."""
    options: tuple[str, ...] = ()
    """Options of the script that became config values."""
    packages: tuple[str, ...] = ()
    """Packages that the script imports, where no file names any."""


def init(context: Context, config: Path, *, gitignore: bool = False) -> Initialised:
    """Writes a config, or adds the section to one.

    Raises:
        UsageError: the file has a section already, or cannot be written.
        ConfigError: the file is there and is not a config.
    """
    directory = config.absolute().parent
    script = _script(directory)
    looked = script_options.look(_source(script)) if script else Script()
    given = _given(config, script)
    needed: tuple[str, ...] = ()
    if script and given["requirements"] is None:
        needed = tuple(script_options.packages(looked, os.listdir(directory)))
    if needed:
        del given["requirements"]  # the example names the file that is to be written
    options = {key: value for _, key, value in looked.options}
    try:
        text = files.read_bounded(config, 16 << 20) if config.exists() else None
        schema = editor_schema.reference(context, config)
        if text is None:
            own = _command(script, looked)
            made = template(schema, given={**given, **own}, options=options).encode()
        else:
            made = extended(text, where=str(config), given=given, schema=schema)
        files.replace(config, made, _mode(config))
    except OSError as error:
        raise UsageError(
            f"{config} cannot be written",
            why=error.strerror or "",
            next_step="name a file in a directory that exists",
        ) from error
    editor_schema.write(context, config)
    lines = _missing(config.absolute().parent / ".gitignore")
    if gitignore:
        _append(config.absolute().parent / ".gitignore", lines)
    return Initialised(
        config=config,
        added=text is not None,
        ignored=lines,
        options=tuple(options) if text is None else (),
        packages=needed,
    )


def _mode(config: Path) -> int:
    return config.stat().st_mode & 0o777 if config.exists() else 0o644


def _script(directory: Path) -> Path | None:
    """The file that the directory most likely trains with."""
    every = sorted(directory.glob("*.py"))
    named = [directory / name for name in _SCRIPTS if (directory / name).is_file()]
    return named[0] if named else every[0] if len(every) == 1 else None


def _source(script: Path) -> bytes:
    try:
        return files.read_bounded(script, 1 << 20)
    except OSError:
        return b""


def _given(config: Path, script: Path | None) -> dict[str, str | None]:
    """What the directory says of script and requirements; the template's examples where it says
    nothing.
    """
    found: dict[str, str | None] = {}
    name = script.name if script else "train.py"
    if script or config.name != "config.yaml":
        found["command"] = f"[python, {name}, {config.name}]"
    there = [name for name in _REQUIREMENTS if (config.absolute().parent / name).is_file()]
    found["requirements"] = there[0] if there else None
    return found


def _command(script: Path | None, looked: Script) -> dict[str, str]:
    """The command of a script that has options instead of reading a config."""
    if script is None or looked.reads_config:
        return {}
    words = [f"{flag} ${{{key}}}" for flag, key, _ in looked.options]
    return {"command": " ".join(["python", shlex.quote(script.name), *words])}


def _missing(gitignore: Path) -> tuple[str, ...]:
    lines = gitignore.read_text(errors="replace").splitlines() if gitignore.is_file() else []
    return tuple(line for line in IGNORED if line not in lines)


def _append(gitignore: Path, lines: tuple[str, ...]) -> None:
    before = gitignore.read_bytes() if gitignore.is_file() else b""
    gap = b"\n" if before and not before.endswith(b"\n") else b""
    if lines:
        files.replace(gitignore, before + gap + "".join(f"{line}\n" for line in lines).encode())
