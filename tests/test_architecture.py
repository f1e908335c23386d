"""The import law and the house rules of reprobox/ARCHITECTURE.md, read from the source itself."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reprobox import errors

PACKAGE = Path(errors.__file__).parent
ROOMS = frozenset(
    {
        "config",
        "source",
        "data",
        "lock",
        "image",
        "engine",
        "runtime",
        "store",
        "trackers",
        "judge",
        "attest",
    }
)
LEVELS = {
    "version": 0,
    "errors": 0,
    "torch": 0,
    "kit": 1,
    "model": 2,
    **dict.fromkeys(ROOMS, 3),
    "context": 4,
    "executor": 5,
    "commands": 6,
    "views": 7,
    "web": 8,
    **dict.fromkeys(("cli", "api"), 9),
}
DOORS = {
    "docker": "engine",
    "git": "source",
    "gitdb": "source",
    "yaml": "config kit judge",
    "sqlite3": "store",
    "requests": "lock trackers",
    "urllib3": "engine",
    "uv": "lock",
    "rattler": "lock",
    "packaging": "lock",
    "installer": "image",
    "numpy": "judge",
    "msgspec": "model",
    "zstandard": "kit",
    "boto3": "store",
    "botocore": "store",
    "paramiko": "store",
    "fsspec": "store",
    "rocrate": "attest",
    "cyclonedx": "attest",
    "packageurl": "attest",
    "optuna": "commands",
    "pandas": "api",
    "typer": "cli",
    "click": "cli",
    "starlette": "web",
    "uvicorn": "web",
    "jinja2": "web",
    "markupsafe": "web",
    "rich": "cli",
}
FILE_DOORS = {
    "docker": {"engine/docker_py.py"},
    "subprocess": {"kit/proc.py"},
    "sqlite3": {
        "store/index.py",
        "store/names_seen.py",
        "store/run_values.py",
        "store/run_table.py",
        "kit/read_only_sqlite.py",
    },
    "msgspec": {"model/codec.py"},
}
"""Libraries that only some files may import; the first is where one looks for it."""
BANNED_IMPORTS = frozenset(
    {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "torch", "pty"}
)
BANNED_CALLS = frozenset(
    {"os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec"}
)
SPEAKING = frozenset({"cli"})
FORKS = {
    "judge/reader_child.py": "os._exit",
    "engine/apptainer/keeper.py": "os._exit",
}
"""A process that was forked ends without the clean-up of the one that it was forked from."""
SPOKEN_CALLS = frozenset({"print", "sys.exit", "exit", "quit", "os._exit", "input"})


@dataclass(frozen=True)
class Module:
    """A source file: its path below the package, and its tree."""

    path: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.path.split("/")[0].removesuffix(".py")

    @property
    def payload(self) -> bool:
        """Whether it runs in the container and not in reprobox."""
        return self.path.startswith("runtime/payload/")


def modules() -> list[Module]:
    found = sorted(PACKAGE.rglob("*.py"))
    return [
        Module(path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_bytes(), str(path)))
        for path in found
    ]


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """Every import, wherever it stands: line and dotted name; `from a import b` counts as `a.b`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            yield node, ast.unparse(node.func)


def at_import(node: ast.AST) -> Iterator[ast.Call]:
    """Every call that is made while a module is imported."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return
    if isinstance(node, ast.Call):
        yield node
    for inner in ast.iter_child_nodes(node):
        yield from at_import(inner)


def breaches(module: Module) -> list[str]:
    """Every breach of the law in one file, as `path:line: what`."""
    found: list[tuple[int, str]] = []
    for line, name in imports(module):
        found += [(line, what) for what in _import_breaches(module, name)]
    for node, name in calls(module):
        found += [(node.lineno, what) for what in _call_breaches(module, node, name)]
    if not module.payload and module.path != "torch.py":
        found += [
            (node.lineno, "compiles an expression at import; kit/regex.py does at its first use")
            for node in at_import(module.tree)
            if ast.unparse(node.func) == "re.compile"
        ]
    if module.path.endswith("__init__.py") and not module.payload and module.path != "__init__.py":
        body = module.tree.body
        if len(body) != 1 or ast.get_docstring(module.tree) is None:
            found.append((1, "a room's __init__ holds a docstring and nothing else"))
    return [f"{module.path}:{line}: {what}" for line, what in found]


def _import_breaches(module: Module, name: str) -> Iterator[str]:
    top = name.split(".")[0]
    if name.startswith("."):
        yield f"relative import {name}"
    elif top == "torch" and module.path == "torch.py":
        return  # `reprobox.torch`, which runs in the user's program and never in reprobox
    elif top in BANNED_IMPORTS and not module.payload:
        yield f"imports {top}, which runs or trusts what it reads"
    elif top == "reprobox":
        yield from _inner_breaches(module, name)
    elif module.payload:
        beside = (PACKAGE / "runtime" / "payload" / f"{top}.py").is_file()
        if top not in sys.stdlib_module_names and top not in ("torch", "numpy") and not beside:
            yield f"the payload imports {top}; it may use the standard library only"
    elif top in FILE_DOORS and module.path not in FILE_DOORS[top]:
        yield f"imports {top}, whose door is {min(FILE_DOORS[top])}"
    elif top in DOORS and top not in FILE_DOORS and module.room not in DOORS[top].split():
        yield f"imports {top}, whose door is {DOORS[top]}"
    elif top not in DOORS and top not in sys.stdlib_module_names:
        yield f"imports {top}, which has no door"


def _inner_breaches(module: Module, name: str) -> Iterator[str]:
    target = [*name.split("."), ""][1]
    if module.payload:
        yield "the payload imports reprobox"
    elif module.path == "__init__.py":
        if target not in ("version", "api"):
            yield f"the package's own __init__ imports {target}"
    elif target not in LEVELS and target not in ("", "__version__"):
        yield f"imports {name}, which is in no room of the map"
    elif (
        target != module.room
        and LEVELS.get(target, 0) >= LEVELS[module.room]
        and target != "version"
    ):
        yield f"{module.room} imports {target}: imports point to the left only, and siblings are strangers"


def _call_breaches(module: Module, node: ast.Call, name: str) -> Iterator[str]:
    if module.payload:
        return
    if name in BANNED_CALLS:
        yield f"calls {name}"
    forked = FORKS.get(module.path) == name
    if name in SPOKEN_CALLS and module.room not in SPEAKING and not forked:
        yield f"calls {name}; only the command line speaks and exits"
    if any(
        word.arg == "shell" and not (isinstance(word.value, ast.Constant) and not word.value.value)
        for word in node.keywords
    ):
        yield "starts a shell"


def test_the_house_holds_its_law() -> None:
    found = [breach for module in modules() for breach in breaches(module)]
    assert not found, "\n" + "\n".join(found)


def test_every_room_is_on_the_map() -> None:
    paths = (path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    rooms = {Module(path, ast.Module()).room for path in paths} - {"__init__"}
    assert rooms <= LEVELS.keys()


def test_exit_codes_are_unique() -> None:
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.ReproboxError)
    ]
    codes = [cls.code for cls in classes]
    assert len(codes) > 25
    assert len(set(codes)) == len(codes)
    assert not set(codes) & {0, 1, 124, 125, 126, 127, 130, 141, 143}


def test_the_table_of_exit_codes_is_the_classes() -> None:
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.ReproboxError)
    ]
    expected = {
        f"| {cls.code} | {(cls.__doc__ or '').splitlines()[0]} |"
        for cls in classes
        if cls is not errors.ReproboxError
    }
    page = (PACKAGE.parent / "docs/commands.md").read_text().splitlines()
    rows = {line for line in page if line[2:4].isdigit() or line.startswith("| 2 |")}
    assert {
        row for row in rows if not row.startswith(("| 70 |", "| 130 |", "| 141 |", "| 143 |"))
    } == expected


PLANTED = [
    ("store/planted.py", "from reprobox.judge import files", "siblings are strangers"),
    ("kit/planted.py", "import reprobox.model.codec", "to the left only"),
    ("model/planted.py", "def f():\n    from reprobox.store import runs", "to the left only"),
    ("commands/planted.py", "from reprobox.cli import main", "to the left only"),
    ("cli/planted.py", "from reprobox import api", "to the left only"),
    ("web/planted.py", "from reprobox.cli import tables", "to the left only"),
    ("views/planted.py", "from reprobox.web import app", "to the left only"),
    ("commands/planted.py", "import starlette", "whose door is web"),
    ("errors.py", "from reprobox.kit import canon", "to the left only"),
    ("store/planted.py", "from reprobox import attic", "in no room"),
    ("store/planted.py", "from . import runs", "relative import"),
    ("commands/planted.py", "import docker", "whose door is engine"),
    ("store/runs.py", "import sqlite3", "whose door is kit/read_only_sqlite.py"),
    ("engine/planted.py", "from subprocess import run", "whose door is kit/proc.py"),
    ("lock/planted.py", "import polars", "no door"),
    ("judge/planted.py", "import pickle", "trusts what it reads"),
    ("judge/planted.py", "def f():\n    import torch.nn", "trusts what it reads"),
    ("runtime/payload/planted.py", "import reprobox.errors", "the payload imports reprobox"),
    ("runtime/payload/planted.py", "import requests", "standard library only"),
    ("store/planted.py", "print('x')", "only the command line speaks"),
    ("engine/planted.py", "import sys\nsys.exit(1)", "only the command line speaks"),
    ("kit/proc.py", "import subprocess\nsubprocess.run('ls', shell=True)", "starts a shell"),
    ("kit/planted.py", "import os\nos.system('ls')", "calls os.system"),
    ("store/planted.py", "import re\n_ID = re.compile('a')", "compiles an expression at import"),
    (
        "judge/planted.py",
        "import re\n_ALL = tuple((re.compile(one), 1) for one in 'ab')",
        "compiles an expression at import",
    ),
    ("config.py", "import yaml\nyaml.load('a: 1')", "calls yaml.load"),
    (
        "store/__init__.py",
        '"""Doc."""\nfrom reprobox.store.runs import Runs',
        "a docstring and nothing else",
    ),
    ("store/__init__.py", "", "a docstring and nothing else"),
]


@pytest.mark.parametrize(("path", "source", "expected"), PLANTED)
def test_a_planted_breach_is_found(path: str, source: str, expected: str) -> None:
    found = breaches(Module(path, ast.parse(source)))
    assert len(found) == 1
    assert expected in found[0]


ALLOWED = [
    (
        "store/planted.py",
        "from reprobox.model.record import Record\nfrom reprobox.kit import canon\nimport os",
    ),
    (
        "commands/planted.py",
        "from reprobox.store.runs import Runs\nfrom reprobox.judge import verdict",
    ),
    ("cli/planted.py", "import typer\nprint('x')"),
    ("kit/proc.py", "import subprocess\nsubprocess.run(['ls'], shell=False)"),
    ("runtime/payload/planted.py", "import subprocess, sys\nprint('x')\nsys.exit(3)"),
    ("store/index.py", "import sqlite3"),
    ("store/planted.py", "import re\ndef of(word):\n    return re.compile(word)"),
    ("runtime/payload/planted.py", "import re\n_ID = re.compile('a')"),
    ("store/__init__.py", '"""Doc."""'),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_what_is_allowed_is_allowed(path: str, source: str) -> None:
    assert breaches(Module(path, ast.parse(source))) == []
