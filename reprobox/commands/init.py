"""init: a config to start from, or the `reprobox:` section in the script's own config."""

from __future__ import annotations

from pathlib import Path

from reprobox.commands.shared import editor_schema
from reprobox.config.extend import extended
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


def init(context: Context, config: Path, *, gitignore: bool = False) -> Initialised:
    """Writes a config, or adds the section to one.

    Raises:
        UsageError: the file has a section already, or cannot be written.
        ConfigError: the file is there and is not a config.
    """
    given = _given(config)
    try:
        text = files.read_bounded(config, 16 << 20) if config.exists() else None
        schema = editor_schema.reference(context, config)
        if text is None:
            made = template(schema, given=given).encode()
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
    return Initialised(config=config, added=text is not None, ignored=lines)


def _mode(config: Path) -> int:
    return config.stat().st_mode & 0o777 if config.exists() else 0o644


def _given(config: Path) -> dict[str, str]:
    """What the directory says of script and requirements; the template's examples where it says
    nothing.
    """
    directory = config.absolute().parent
    found: dict[str, str] = {}
    scripts = [name for name in _SCRIPTS if (directory / name).is_file()]
    every = sorted(path.name for path in directory.glob("*.py"))
    if scripts or len(every) == 1:
        found["command"] = f"[python, {(scripts or every)[0]}, {config.name}]"
    elif config.name != "config.yaml":
        found["command"] = f"[python, train.py, {config.name}]"
    requirements = [name for name in _REQUIREMENTS if (directory / name).is_file()]
    if requirements:
        found["requirements"] = requirements[0]
    return found


def _missing(gitignore: Path) -> tuple[str, ...]:
    lines = gitignore.read_text(errors="replace").splitlines() if gitignore.is_file() else []
    return tuple(line for line in IGNORED if line not in lines)


def _append(gitignore: Path, lines: tuple[str, ...]) -> None:
    before = gitignore.read_bytes() if gitignore.is_file() else b""
    gap = b"\n" if before and not before.endswith(b"\n") else b""
    if lines:
        files.replace(gitignore, before + gap + "".join(f"{line}\n" for line in lines).encode())
