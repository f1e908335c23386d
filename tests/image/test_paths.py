"""What an image's config says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from attest_world import a_record

from reprobox.image import paths

LOCK = a_record().intent.lock
DIGEST = "sha256:" + "1" * 64


def settings(**config: object) -> dict[str, object]:
    return paths.settings_of(replace(LOCK, base=replace(LOCK.base, config=config)), DIGEST)


def test_the_base_s_own_is_below_ours_and_what_starts_by_itself_is_left_out() -> None:
    found = settings(
        Env=["PATH=/base", "A=b=c", "EMPTY"],
        Labels={"own": "1", paths.LABEL_LOCK: "lie"},
        User="65534",
        WorkingDir="/w",
        Entrypoint=["x"],
        Volumes={"/v": {}},
        Healthcheck={},
    )
    assert found == {
        "WorkingDir": "/w",
        "User": "65534",
        "Cmd": ["/opt/venv/bin/python"],
        "Env": ["A=b=c", "EMPTY=", "PATH=/opt/venv/bin:/base"],
        "Labels": {"own": "1", paths.LABEL_LOCK: DIGEST, paths.LABEL_FORMAT: str(paths.FORMAT)},
    }


def test_a_base_that_says_nothing_gets_the_usual_path() -> None:
    found = settings(Env=None, Labels=None, User="")
    assert found["Env"] == [f"PATH=/opt/venv/bin:{paths._PATH}"]
    assert (found["WorkingDir"], "User" in found) == ("/", False)


def test_variables_of_the_lock_win() -> None:
    lock = replace(
        LOCK, image_env={"A": "ours"}, base=replace(LOCK.base, config={"Env": ["A=theirs"]})
    )
    assert "A=ours" in paths.settings_of(lock, DIGEST)["Env"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "1970-01-01T00:00:00Z"), (1_700_000_000, "2023-11-14T22:13:20Z")]
)
def test_times_are_those_of_the_image_spec(seconds: int, text: str) -> None:
    assert paths.created_of(seconds) == text


def test_where_wheels_go() -> None:
    assert paths.site_packages("3.11") == "opt/venv/lib/python3.11/site-packages"
