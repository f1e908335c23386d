"""Where the code of a project is."""

from __future__ import annotations

from pathlib import Path

import pytest
from own_projects import project

from reprobox.lock import own_code
from reprobox.lock.formats import pyproject


@pytest.mark.parametrize(
    ("text", "config", "expected"),
    [
        ("", "", "src"),
        ('[tool.setuptools.packages.find]\nwhere = ["lib"]\n', "", "lib"),
        ('[tool.setuptools.package-dir]\n"" = "lib"\n', "", "lib"),
        ('[[tool.poetry.packages]]\ninclude = "x"\nfrom = "lib"\n', "", "lib"),
        ('[tool.hatch.build.targets.wheel]\npackages = ["lib/x"]\n', "", "lib"),
        ("", "[options]\npackage_dir =\n    = lib\n", "lib"),
        ("", "[options.packages.find]\nwhere = lib\n", "lib"),
    ],
)
def test_the_directory_that_an_editable_install_has(
    text: str, config: str, expected: str, tmp_path: Path
) -> None:
    project(tmp_path, ".", text)
    (tmp_path / "lib/x").mkdir(parents=True)
    (tmp_path / "setup.cfg").write_text(config)
    document = pyproject.read(tmp_path / "pyproject.toml")
    assert own_code.source_of(tmp_path, document) == expected
