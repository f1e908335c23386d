"""settings.yaml of the user, and who wins over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.engine import engines, user_settings
from reprobox.errors import EngineUnavailable


@pytest.fixture
def here(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "apptainer").touch(0o755)
    (tmp_path / "reprobox").mkdir()
    return {
        "PATH": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "DOCKER_CONFIG": str(tmp_path),
        "HOME": str(tmp_path),
        "NODE": "/scratch",
    }


def write(here: dict[str, str], text: str) -> None:
    user_settings.place(here).write_text(text)


def test_the_file_chooses_and_variables_win(
    here: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE", "/scratch")
    assert user_settings.read(here) == {}
    write(here, "engine: apptainer\napptainer: $NODE/boxes\n")
    assert engines.find(here).address == "apptainer:///scratch/boxes"
    assert engines.find({**here, "REPROBOX_APPTAINER": "/x"}).address == "apptainer:///x"
    assert engines.find({**here, "DOCKER_HOST": "unix:///d"}).address == "unix:///d"
    assert engines.find({**here, "REPROBOX_ENGINE": "docker"}).address.endswith("docker.sock")
    write(here, "")
    assert user_settings.read(here) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("engine: charliecloud\n", "names the engine 'charliecloud'"),
        ("engine: [docker]\n", "`engine` is not a text"),
        ("motor: docker\n", "it has the key 'motor'"),
        ("- engine\n", "not a mapping"),
        ("engine: {\n", "cannot be used"),
        ("engine: podman\n", "settings.yaml names podman, and it is not here"),
    ],
)
def test_what_it_must_not_say(
    here: dict[str, str], text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines.os, "access", lambda *_: False)
    write(here, text)
    with pytest.raises(EngineUnavailable) as refused:
        engines.find(here)
    assert words in f"{refused.value.what} {refused.value.why}"
    assert refused.value.next_step
