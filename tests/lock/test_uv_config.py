"""uv's configuration, written again with the metadata of packages."""

from __future__ import annotations

import tomllib
from pathlib import Path

from reprobox.lock import uv_config


def test_what_is_written_is_read_by_toml() -> None:
    options = {
        "index": [{"name": "\U0001f600 \x7f \u00e9", "url": "https://host.invalid/"}],
        "offline": True,
        "sources": {"a": "not for uv.toml"},
        "dependency-metadata": [{"name": "a", "version": "1"}, {"name": "b", "version": "1"}],
    }
    found = tomllib.loads(uv_config.with_metadata(options, [{"name": "a", "version": "1", "x": 1}]))
    assert found == {
        "index": options["index"],
        "offline": True,
        "dependency-metadata": [
            {"name": "b", "version": "1"},
            {"name": "a", "version": "1", "x": 1},
        ],
    }


def test_the_project_comes_before_the_user_and_lists_are_joined(tmp_path: Path) -> None:
    (tmp_path / "config/uv").mkdir(parents=True)
    (tmp_path / "config/uv/uv.toml").write_text("offline = true\nno-build-package = ['u']\n")
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text("[tool.uv]\noffline=false\nno-build-package=['p']\n")
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CONFIG_DIRS": str(tmp_path)}
    found = uv_config.merged(project, env)
    assert (found["offline"], found["no-build-package"]) == (False, ["p", "u"])
    assert uv_config.merged(project, {**env, "UV_NO_CONFIG": "1"}) == {}
