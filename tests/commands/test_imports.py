"""What the daily commands import, by name: each costs its share of processor time."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_project import Small

pytestmark = pytest.mark.engine
NEVER = {
    # other libraries
    *("docker", "requests", "urllib3", "git", "rich", "numpy", "zstandard", "boto3", "paramiko"),
    *("typer", "click"),
    # of Python: networks, archives, processes of other kinds
    *("ssl", "http.client", "urllib.request", "email", "zipfile", "csv", "asyncio", "logging"),
    *("multiprocessing", "concurrent.futures", "xml", "unittest", "pydoc"),
    *("difflib", "statistics", "fractions", "secrets", "hmac"),
    # rooms that a run does not enter
    *("reprobox.attest", "reprobox.trackers", "reprobox.image.layer", "reprobox.image.send"),
    *("reprobox.store.transfer", "reprobox.store.remotes", "reprobox.store.garbage"),
    *("reprobox.commands.attest", "reprobox.commands.replay", "reprobox.commands.show"),
    *("reprobox.engine.gpu.nvidia", "reprobox.lock.resolve", "reprobox.config.schema"),
}
"""Names of modules and packages; a name stands for what is below it, too."""
ALLOWED = {
    "run": set[str](),
    "replay": {"reprobox.commands.replay", "reprobox.store.transfer", "rich", "logging"},
    "ls": {"rich", "logging", "typer", "click"},
    "build": set(),
}
NOT_FOR_A_LIST = {"reprobox.executor.local", "reprobox.runtime.profiles", "reprobox.data", "socket"}
NOT_FOR_A_BUILD = {"reprobox.store.runs", "reprobox.model.record", "sqlite3", "getpass"}
"""Of a build that has nothing to do: it reads no run."""
FURTHER = {"ls": NOT_FOR_A_LIST, "build": NOT_FOR_A_BUILD}
_SAY = (
    "import atexit, sys\n"
    "atexit.register(lambda: sys.stderr.write('\\nIMPORTED ' + ' '.join(sys.modules)))\n"
)


@pytest.mark.parametrize("words", ["run config.yaml", "replay latest", "ls", "build"])
def test_a_command_imports_nothing_that_it_does_not_need(
    small_run: Small, tmp_path: Path, words: str
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(_SAY)
    path = f"{tmp_path}/site:{small_run.project.env['PYTHONPATH']}"
    said = small_run(*words.split(), PYTHONPATH=path)
    imported = said.err.rpartition("IMPORTED ")[2].split()
    assert "reprobox.store.project" in imported
    never = NEVER - ALLOWED[words.split()[0]] | FURTHER.get(words, set())
    found = {
        name for name in imported if any(name == one or name.startswith(f"{one}.") for one in never)
    }
    assert found == set()
