"""A run that `sudo` made, or another user, in a project of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flow_project import Project, Said

pytestmark = pytest.mark.engine


def unprivileged(project: Project, *words: str) -> Said:
    """A command that may not pass over file permissions, though the tests run as root."""
    capabilities = "-dac_override,-dac_read_search,-fowner"
    done = subprocess.run(
        [
            "setpriv",
            f"--bounding-set={capabilities}",
            f"--inh-caps={capabilities}",
            sys.executable,
            "-m",
            "reprobox.cli.main",
            *words,
        ],
        cwd=project.top,
        env=project.env,
        capture_output=True,
        text=True,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes files of another user")
def test_a_run_of_another_user_is_listed_and_hides_no_other(project: Project) -> None:
    ours, theirs = project.run()["id"], project.run()["id"]
    path = project.top / ".reprobox/runs" / theirs
    for place in (path, *path.rglob("*")):
        os.chown(place, 4321, 4321)
    rows = json.loads(unprivileged(project, "ls", "--json").out)
    assert {row["id"]: row["state"] for row in rows} == {ours: "finished", theirs: "unreadable"}
    for words in (("show", ours), ("logs", ours), ("verify", ours), ("run", "config.yaml", "-q")):
        said = unprivileged(project, *words)
        assert said.code == 0, (words, said.err)
    said = unprivileged(project, "show", theirs)
    assert (said.code, f"next: sudo chown -R 0:0 {path}" in said.err) == (52, False), said.err
    assert f"next: sudo chown -R 0:0 '{path}'" in said.err
    assert unprivileged(project, "gc", "--yes").code == 52  # what that run needs is not known
    said = unprivileged(project, "fsck")
    assert (said.code, "Traceback" in said.err) == (4, False), said.err
    assert f"run {theirs}" in said.out + said.err
    assert unprivileged(project, "verify", "--all").code in (2, 4, 52)


def test_the_lock_of_a_shared_directory_is_open_to_who_may_write_there(tmp_path: Path) -> None:
    from reprobox.kit import files

    for mode, expected in ((0o700, 0o600), (0o2770, 0o660), (0o777, 0o666), (0o755, 0o600)):
        folder = tmp_path / f"{mode:o}"
        folder.mkdir()
        folder.chmod(mode)
        with files.locked(folder / "lock"):
            assert (folder / "lock").stat().st_mode & 0o777 == expected
