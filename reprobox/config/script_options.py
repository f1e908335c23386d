"""What a script's source says of its command line, for the config that `init` writes.

Options with a plain default become config values, and the command passes them on:
`add_argument("--lr", default=0.1)` (argparse) and `@click.option("--lr", default=0.1)`.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Collection, Iterator

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

_DECLARE = ("add_argument", "option")
_CONFIG_READERS = frozenset({"yaml", "hydra", "omegaconf", "ruamel", "pydantic_settings"})
_COMMAND_LINES = frozenset({"argparse", "click", "typer", "fire"})
_FLAG = regex(r"--[A-Za-z][A-Za-z0-9_-]*$")


@dataclass(frozen=True, kw_only=True)
class Script:
    """What was found in a script."""

    options: tuple[tuple[str, str, str], ...] = ()
    """(flag, config key, default as YAML), in the order of the source."""
    imports: frozenset[str] = frozenset()
    """Top-level modules that it imports, without the standard library."""
    reads_config: bool = True
    """Whether the config's path may be its argument: unknown, unless it has options of its own."""


def look(source: bytes) -> Script:
    """Reads a script's source; one that Python cannot parse says nothing."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Script()
    modules = {name.partition(".")[0] for name in _imported(tree)}
    reads_config = bool(modules & _CONFIG_READERS) or not modules & _COMMAND_LINES
    by_key = {} if reads_config else {option[1]: option for option in _options(tree)}
    by_key.pop("reprobox", None)  # the key of the section itself
    imports = frozenset(modules - sys.stdlib_module_names)
    return Script(options=tuple(by_key.values()), imports=imports, reads_config=reads_config)


def packages(script: Script, here: Collection[str]) -> list[str]:
    """Imports that must come from packages: no module of the script's own directory has the name.

    Args:
        here: names of files and directories next to the script.
    """
    own = {name.removesuffix(".py") for name in here}
    return sorted(script.imports - own)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _options(tree: ast.AST) -> Iterator[tuple[str, str, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        flags = [
            argument.value
            for argument in node.args
            if isinstance(argument, ast.Constant)
            and isinstance(argument.value, str)
            and _FLAG.match(argument.value)
        ]
        words = {word.arg: word.value for word in node.keywords}
        if node.func.attr not in _DECLARE or not flags or "default" not in words:
            continue
        default = _plain(words["default"])
        if default is not None and "nargs" not in words and "action" not in words:
            yield flags[0], flags[0].lstrip("-").replace("-", "_"), default


def _plain(node: ast.expr) -> str | None:
    """A number or text as YAML; None for any other default."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str):
        return json.dumps(value)
    return _number(value)


def _number(value: float) -> str | None:
    """YAML reads `1e-05` as text and `1.0e-05` as a number."""
    text = repr(value)
    if isinstance(value, float) and "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    return None if text.lstrip("-") in ("inf", "nan") else text
