"""`import reprobox`: best run, its files, a run, a replay and a sweep, from Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flow_project import TOP, Project

EXECUTE = """\
import sys
import nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(notebook, timeout=300).execute()
"""
"""Executes a notebook in a kernel of its own, as Jupyter does."""
ROTTEN = """\
import reprobox
(best,) = reprobox.runs(limit=1)
best.outputs["metrics.json"].path.chmod(0o600)
best.outputs["metrics.json"].path.write_bytes(b"rotten")
try:
    best.outputs["metrics.json"].read_bytes()
except Exception as fault:
    assert "digest mismatch" in str(fault), fault
else:
    raise SystemExit("damaged bytes were returned")
"""


def test_the_example_notebook(tmp_path: Path, base_env: dict[str, str], locked_text: str) -> None:
    """A run, a sweep, the best one, its outputs, a table and a replay, by Jupyter's own client."""
    example = TOP / "examples/notebook"
    top = tmp_path / "experiment"
    top.mkdir()
    project = Project(top, base_env)
    project.git("init", "-q")
    for name in ("config.yaml", "train.py"):
        project.write(name, (example / name).read_text())
    project.write("reprobox.lock", locked_text)
    project.commit("the example, locked")
    env = {**base_env, "EXPERIMENT": str(top), "IPYTHONDIR": str(tmp_path / "ipython")}
    execute = [sys.executable, "-c", EXECUTE, str(example / "best_of_six.ipynb")]
    for words in (execute, [sys.executable, "-c", ROTTEN]):
        done = subprocess.run(words, cwd=top, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_package_starts_without_the_api() -> None:
    program = (
        "import sys, reprobox; assert 'reprobox.api' not in sys.modules; "
        "assert 'runs' in dir(reprobox); reprobox.runs; assert 'reprobox.api' in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(TOP)}
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    import reprobox

    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = reprobox.absent
