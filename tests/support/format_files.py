"""How tests/lock/formats/files was written: by the real tools, on an index on loopback.

    python tests/support/format_files.py TOOLS

TOOLS holds a virtual environment for each tool, by name: poetry1, poetry2, pdm, pipenv, piptools,
pip. Files of a tool that is not there stay as they are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WINDOWS = "cp311-cp311-win_amd64"
FILES = Path(__file__).parents[1] / "lock/formats/files"
PACKAGES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("alpha", ("beta", 'gamma ; sys_platform == "win32"'), "py3-none-any"),
    ("beta", (), "py3-none-any"),
    ("gamma", (), WINDOWS),
    ("colour", (), WINDOWS),
    ("devtool", ("iota",), "py3-none-any"),
    ("iota", (), "py3-none-any"),
    ("trainer", ("beta",), "py3-none-any"),
    ("viewer", (), "py3-none-any"),
)
"""Name, requirements and tag; version 1.0 of each."""

OLD_POETRY = """\
[tool.poetry]
name = "mine"
version = "0.1.0"
description = ""
authors = ["A <a@example.invalid>"]

[tool.poetry.dependencies]
python = "^3.11"
alpha = "^1.0"
colour = { version = "^1.0", markers = "sys_platform == 'win32'" }
trainer = { version = "*", optional = true }

[tool.poetry.extras]
train = ["trainer"]

[tool.poetry.group.dev.dependencies]
devtool = "*"

[tool.poetry.group.viz]
optional = true

[tool.poetry.group.viz.dependencies]
viewer = "*"

[[tool.poetry.source]]
name = "local"
url = "URL"
priority = "primary"
"""
PEP_621 = """\
[project]
name = "mine"
version = "0.1.0"
requires-python = ">=3.11,<4.0"
dependencies = ["alpha>=1.0", "colour>=1.0; sys_platform == 'win32'"]

[project.optional-dependencies]
train = ["trainer"]

[dependency-groups]
dev = ["devtool"]
viz = ["viewer"]
"""
NEW_POETRY = (
    PEP_621 + '\n[[tool.poetry.source]]\nname = "local"\nurl = "URL"\npriority = "primary"\n'
)
PDM = PEP_621 + '\n[[tool.pdm.source]]\nname = "pypi"\nurl = "URL"\nverify_ssl = false\n'
PIPFILE = """\
[[source]]
url = "URL"
verify_ssl = false
name = "local"

[packages]
alpha = "==1.0"
colour = { version = "*", markers = "sys_platform == 'win32'" }

[dev-packages]
devtool = "*"

[requires]
python_version = "3.11"
"""
REQUIREMENTS = "alpha>=1.0\ncolour>=1.0; sys_platform == 'win32'\n"
TOOLS: dict[str, tuple[str, str, str, list[str]]] = {
    "poetry1": ("pyproject.toml", OLD_POETRY, "poetry.lock", ["poetry", "lock", "--no-update"]),
    "poetry2": ("pyproject.toml", NEW_POETRY, "poetry.lock", ["poetry", "lock"]),
    "pipenv": ("Pipfile", PIPFILE, "Pipfile.lock", ["pipenv", "lock"]),
    "pdm": ("pyproject.toml", PDM, "pdm.lock", ["pdm", "lock", "-G", ":all"]),
    "piptools": (
        *("requirements.in", REQUIREMENTS, "requirements.txt"),
        ["pip-compile", "--generate-hashes", "--quiet", "--index-url", "URL", "requirements.in"],
    ),
    "pip": (
        *("requirements.in", REQUIREMENTS, "pylock.toml"),
        ["pip", "lock", "--quiet", "--index-url", "URL", "-r", "requirements.in"],
    ),
}
"""Its manifest, the lock that it writes, and its command."""


def main(tools: Path) -> None:
    from lock_world import Index, served

    with served(Index()) as index, tempfile.TemporaryDirectory() as scratch:
        for name, requires, tag in PACKAGES:
            index.add(name, "1.0", requires, tag)
        there = {tool: row for tool, row in TOOLS.items() if (tools / tool).is_dir()}
        for tool, (manifest, text, lock, argv) in there.items():
            folder = Path(scratch) / tool
            folder.mkdir()
            (folder / manifest).write_text(text.replace("URL", index.url))
            own = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
            env = {**own, "PYTHONPATH": "", "HOME": scratch, "PIP_CONFIG_FILE": os.devnull}
            env["PIPENV_PYTHON"] = sys.executable
            words = [word.replace("URL", index.url) for word in argv[1:]]
            program = str(tools / tool / "bin" / argv[0])
            subprocess.run([program, *words], cwd=folder, env=env, check=True)
            (FILES / tool).mkdir(parents=True, exist_ok=True)
            for name in (manifest, lock):
                shutil.copy(folder / name, FILES / tool / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
