"""uv's configuration as the user has it, with the metadata of packages added that uv cannot read
itself.

uv takes one file with `--config-file`, and then none of those that it would find. So those are read
here, and merged as uv merges them: the project's above the user's above the system's.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


def merged(root: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """The options that hold in a directory.

    Args:
        root: where uv is started.
    """
    found: dict[str, Any] = {}
    for options in _files(root, env):
        found = _below(found, options)
    return found


def _files(root: Path, env: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """From the strongest to the weakest."""
    if env.get("UV_CONFIG_FILE"):
        yield _read(Path(env["UV_CONFIG_FILE"]))
        return
    if env.get("UV_NO_CONFIG"):
        return
    yield from _project(root)
    home = env.get("XDG_CONFIG_HOME") or f"{env.get('HOME', '~')}/.config"
    yield _read(Path(home).expanduser() / "uv/uv.toml")
    places = [*env.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":"), "/etc"]
    system = (Path(place) / "uv/uv.toml" for place in places)
    yield next((_read(path) for path in system if path.is_file()), {})


def _project(root: Path) -> Iterator[dict[str, Any]]:
    for folder in (root.resolve(), *root.resolve().parents):
        if (folder / "uv.toml").is_file():
            yield _read(folder / "uv.toml")
            return
        options = _read(folder / "pyproject.toml").get("tool", {}).get("uv")
        if isinstance(options, dict):
            yield options
            return


def _read(path: Path) -> dict[str, Any]:
    """A file that cannot be read is uv's to complain of, where it reads it itself."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _below(strong: Mapping[str, Any], weak: Mapping[str, Any]) -> dict[str, Any]:
    both = {**weak, **strong}
    for key in strong.keys() & weak.keys():
        if isinstance(strong[key], list) and isinstance(weak[key], list):
            both[key] = [*strong[key], *weak[key]]
        elif isinstance(strong[key], dict) and isinstance(weak[key], dict):
            both[key] = _below(strong[key], weak[key])
    return both


# Of `[tool.uv]`, what a uv.toml must not have.
_PROJECT_ONLY = frozenset(
    {"sources", "workspace", "dev-dependencies", "default-groups", "managed", "package"}
    | {"dependency-groups", "build-backend", "conflicts"}
)


def with_metadata(options: Mapping[str, Any], known: Iterable[Mapping[str, Any]]) -> str:
    """A uv.toml of these options and of the metadata of packages."""
    kept = {key: value for key, value in options.items() if key not in _PROJECT_ONLY}
    mine = list(known)
    names = {(one["name"], one.get("version")) for one in mine}
    theirs = [
        one
        for one in kept.pop("dependency-metadata", [])
        if (one.get("name"), one.get("version")) not in names
    ]
    kept["dependency-metadata"] = [*theirs, *mine]
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in kept.items())


def _key(text: str) -> str:
    """A JSON text is a TOML text, but for pairs of surrogates and DEL (TOML, "String")."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    """TOML, all in line. JSON's numbers and truth values are TOML's too."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return _key(value)
    if isinstance(value, (bool, int)):
        return json.dumps(value)
    return str(value)


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would name another configuration."""
    return {
        key: value for key, value in env.items() if key not in ("UV_CONFIG_FILE", "UV_NO_CONFIG")
    }
