from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reprobox.errors import ConfigError
from reprobox.lock import intent
from reprobox.model.spec import BaseIntent, Environment

ENV = Environment(
    base=BaseIntent(kind="debian", reference="bookworm"),
    requirements=("requirements.txt", "numpy>=2"),
)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "requirements.txt").write_text(
        "-r sub/more.txt\ntorch  # why\n--constraint=limits.txt\n"
    )
    (tmp_path / "sub" / "more.txt").write_text("-c deep.txt\nidna\n")
    (tmp_path / "sub" / "deep.txt").write_text("idna<4\n")
    (tmp_path / "limits.txt").write_text("torch<3\n")
    return tmp_path


def test_includes_are_followed_relative_to_the_file_that_names_them(here: Path) -> None:
    assert sorted(intent.requirement_files(ENV, here)) == [
        "limits.txt",
        "requirements.txt",
        "sub/deep.txt",
        "sub/more.txt",
    ]


@pytest.mark.parametrize("name", ["requirements.txt", "limits.txt", "sub/more.txt", "sub/deep.txt"])
def test_a_byte_of_any_file_makes_the_lock_stale(here: Path, name: str) -> None:
    before = intent.digest(ENV, here)
    assert intent.digest(ENV, here) == before
    (here / name).write_text((here / name).read_text() + "\n")
    assert intent.digest(ENV, here) != before


def test_the_environment_and_the_dockerfile_are_part_of_it(here: Path) -> None:
    (here / "Dockerfile").write_text("FROM scratch\n")
    env = replace(ENV, base=BaseIntent(kind="dockerfile", reference="Dockerfile"))
    digests = {
        intent.digest(ENV, here),
        intent.digest(replace(ENV, apt=("git",)), here),
        intent.digest(env, here),
    }
    (here / "Dockerfile").write_text("FROM scratch \n")
    assert len(digests | {intent.digest(env, here)}) == 4


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (replace(ENV, requirements=("missing.txt",)), "missing.txt does not exist"),
        (replace(ENV, requirements=("not a requirement",)), "neither a file nor a requirement"),
        (
            replace(ENV, base=BaseIntent(kind="dockerfile", reference="Dockerfile")),
            "the dockerfile of the base",
        ),
        (
            replace(ENV, base=BaseIntent(kind="archive", reference="base.tar")),
            "the archive of the base",
        ),
    ],
)
def test_what_is_missing_is_named(here: Path, env: Environment, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        intent.digest(env, here)
    assert caught.value.next_step


def test_a_missing_include_names_who_includes_it(here: Path) -> None:
    (here / "sub" / "deep.txt").unlink()
    with pytest.raises(ConfigError) as caught:
        intent.digest(ENV, here)
    assert (caught.value.what, caught.value.why) == (
        "sub/deep.txt does not exist",
        "It is named by sub/more.txt.",
    )
