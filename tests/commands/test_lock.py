"""`reprobox lock` by the real command line: source distributions, built in a real container."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conda_channel import extension, hello, interpreter, serving
from flow_project import make_project
from images_of_our_own import PythonImage
from small_project import Small, wheel_bytes

from reprobox.engine.docker import DockerEngine
from reprobox.lock import lock_file
from reprobox.model.image import tag_of

pytestmark = pytest.mark.engine
TRAIN = "import gamma\nprint(gamma.VERSION, gamma.MADE_OF)\n"

BACKEND = """\
import base64, hashlib, os, pathlib, sys, zipfile
pathlib.Path("{marker}").write_text("code of the source ran here")

def get_requires_for_build_wheel(settings):
    return {asked!r}

def build_wheel(directory, settings=None, metadata=None):
    {body}
    made_of = "{made_of}"
    info = "gamma-1.0.dist-info"
    files = {{
        "gamma.py": f"VERSION = '1.0'\\nMADE_OF = {{made_of!r}}\\n" + {extra},
        info + "/METADATA": "Metadata-Version: 2.1\\nName: gamma\\nVersion: 1.0\\nRequires-Dist: alpha\\n",
        info + "/WHEEL": "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        info + "/RECORD": "",
    }}
    name = "gamma-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return name
"""


@pytest.fixture
def small(
    tmp_path: Path, base_env: dict[str, str], engine: DockerEngine, python_image: PythonImage
) -> Iterator[Small]:
    """A project on an archive, with a store of its own and a directory as its only index."""
    top = tmp_path / "small project"
    top.mkdir()
    env = {key: value for key, value in base_env.items() if not key.startswith(("PIP_", "UV_"))}
    (tmp_path / "wheels").mkdir()
    local = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "PIP_CONFIG_FILE": "/dev/null",
    }
    project = make_project(top, {**env, **local, "REPROBOX_HOME": str(tmp_path / "store")})
    with (top / "base.tar").open("wb") as file:
        file.writelines(engine.save(python_image.tag))
    project.write(".gitignore", "base.tar\n")
    project.write("train.py", TRAIN)
    made = Small(project, engine)
    made.write_config("{archive: base.tar}", requirements="[gamma]")
    for version in ("0.8", "0.9"):
        offer(made, "gamma", version)
    offer(made, "alpha", "1.0")
    project.commit("small")
    yield made
    for path in top.glob("*.lock"):
        engine.remove_image(tag_of(lock_file.digest(lock_file.read(path))))


def links(small: Small) -> Path:
    return Path(small.project.env["PIP_FIND_LINKS"])


def offer(small: Small, name: str, version: str) -> None:
    data = wheel_bytes(name, version, {f"{name}.py": f"VERSION = '{version}'\n".encode()})
    (links(small) / f"{name}-{version}-py3-none-any.whl").write_bytes(data)


def offer_source(
    small: Small,
    *,
    asked: tuple[str, ...] = (),
    body: str = "pass",
    made_of: str = "nothing",
    extra: str = "''",
) -> Path:
    """gamma 1.0 as source only, with a build backend of its own; its code leaves a mark."""
    marker = small.project.top.parent / "marker"
    backend = BACKEND.format(
        marker=marker, asked=list(asked), body=body, made_of=made_of, extra=extra
    )
    project = (
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "gamma"\ndynamic = ["version", "dependencies"]\n'
    )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in (
            ("pyproject.toml", project),
            ("backend.py", backend.replace(str(marker.parent), "/tmp")),
            ("PKG-INFO", "Metadata-Version: 2.1\nName: gamma\nVersion: 1.0\n"),
        ):
            member = tarfile.TarInfo(f"gamma-1.0/{name}")
            member.size, member.mtime = len(text), 1_700_000_000
            archive.addfile(member, io.BytesIO(text.encode()))
    path = links(small) / "gamma-1.0.tar.gz"
    path.write_bytes(buffer.getvalue())
    return path


def locked_wheels(small: Small) -> dict[str, Any]:
    lock = json.loads((small.project.top / "reprobox.lock").read_text())
    return {wheel["name"]: wheel for wheel in lock["wheels"]}


def test_a_source_is_built_once_and_runs(small: Small) -> None:
    source = offer_source(small)
    small("lock")
    gamma = locked_wheels(small)["gamma"]
    assert (gamma["version"], gamma["filename"]) == ("1.0", "gamma-1.0-py3-none-any.whl")
    assert gamma["built"]["sdist"]["filename"] == source.name
    assert gamma["built"]["repeats"] is True
    assert gamma["built"]["requires"] == []
    assert "alpha" in locked_wheels(small), "its dependencies are those of the built wheel"
    assert "built" not in locked_wheels(small)["alpha"]
    assert not Path("/tmp/marker").exists(), "the code of the source ran on this host"
    small("build")
    small.project.commit("lock")
    assert small("run", "config.yaml").out == "1.0 nothing\n"
    # The wheel left the store: it is built again, with the same bytes.
    stored = small.objects() / "sha256" / gamma["sha256"][7:9] / gamma["sha256"][9:]
    stored.unlink()
    small("lock")
    assert stored.exists()
    assert locked_wheels(small)["gamma"] == gamma


def test_what_the_backend_asks_for_is_locked_too(small: Small) -> None:
    offer(small, "helper", "3.0")
    offer_source(small, asked=("helper>=2",), body="import helper", made_of="helper")
    small("lock")
    assert [
        (one["name"], one["version"]) for one in locked_wheels(small)["gamma"]["built"]["requires"]
    ] == [("helper", "3.0")]
    assert "helper" not in locked_wheels(small), "it is of the build, not of the run"
    first = (small.project.top / "reprobox.lock").read_bytes()
    offer(small, "helper", "4.0")
    small.project.write(
        "config.yaml",
        (small.project.top / "config.yaml").read_text().replace("[gamma]", "[gamma, alpha]"),
    )
    small("lock")
    again = locked_wheels(small)["gamma"]
    assert again == {one["name"]: one for one in json.loads(first)["wheels"]}["gamma"]


def test_a_build_that_does_not_repeat_is_shown_and_kept(small: Small) -> None:
    offer_source(small, extra="f'SEED = {os.urandom(8)!r}'")
    path = links(small) / "gamma-1.0.tar.gz"
    assert path.exists()
    said = small("lock")
    assert "gave different bytes when it was built twice" in said.err
    assert locked_wheels(small)["gamma"]["built"]["repeats"] is False


def test_build_no_refuses_by_name_and_version(small: Small) -> None:
    offer_source(small)
    text = (
        (small.project.top / "config.yaml")
        .read_text()
        .replace("requirements:", "build: no\n    requirements:")
    )
    small.project.write("config.yaml", text)
    said = small("lock", code=23)
    assert "gamma 1.0 comes as source only" in said.err
    assert "'gamma==1.0'" in said.err
    assert not (small.project.top / "reprobox.lock").exists()


def test_a_build_that_fails_says_what_is_missing(small: Small) -> None:
    offer_source(small, body="raise OSError('command \\'gcc\\' failed')")
    said = small("lock", code=27)
    assert "gamma-1.0.tar.gz could not be built into a wheel" in said.err
    assert "apt: [gcc, libc6-dev, python3-dev]" in said.err


def test_the_repository_s_own_code_is_that_of_each_commit(small: Small) -> None:
    project = small.project
    project.write(
        "pyproject.toml",
        '[project]\nname = "mine"\nversion = "1"\n[project.scripts]\n'
        'say = "mine:main"\n[build-system]\nrequires = []\nbuild-backend = "x"\n',
    )
    code = "import importlib.metadata\ndef main():\n    print('{}', importlib.metadata.version('mine'))\n"
    project.write("src/mine/__init__.py", code.format("one"))
    project.write(
        "train.py", "import mine, subprocess\nmine.main()\nsubprocess.run(['say'], check=True)\n"
    )
    small.write_config("{archive: base.tar}", requirements='["-e ."]')
    small.locked()
    assert small("run", "config.yaml", "--name", "first").out == "one 1\none 1\n"
    project.write("src/mine/__init__.py", code.format("two"))
    project.commit("two")
    assert small("run", "config.yaml").out == "two 1\ntwo 1\n"
    assert small("replay", "first", "--json").json["result"] == "identical"


def test_a_commit_of_another_repository_is_built_from_its_kept_bytes(
    small: Small, tmp_path: Path
) -> None:
    source = offer_source(small)
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path / "there", filter="data")
    source.unlink()
    there = tmp_path / "there/gamma-1.0"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], cwd=there, check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], cwd=there, check=True, capture_output=True, text=True
    ).stdout.strip()
    small.write_config("{archive: base.tar}", requirements=f'["git+{there.as_uri()}"]')
    small("lock")
    gamma = locked_wheels(small)["gamma"]
    assert gamma["built"]["sdist"]["commit"] == head
    assert "alpha" in locked_wheels(small)
    there.rename(there.with_name("gone"))
    stored = small.objects() / "sha256" / gamma["sha256"][7:9] / gamma["sha256"][9:]
    stored.unlink()
    small("lock")
    assert stored.exists(), "built again from the tree that the store keeps"


CONDA_TRAIN = """\
import subprocess, sys
import cext, hello
import alpha
hello.main()
print(cext.where(), alpha.VERSION, sys.base_prefix)
subprocess.run(["say-hello"], check=True)
"""


def test_conda_packages_are_linked_and_run(small: Small, tmp_path: Path) -> None:
    small.project.write("train.py", CONDA_TRAIN)
    small.write_config("{archive: base.tar}", requirements="[conda.txt, alpha]")
    with serving() as channel:
        for package in (interpreter(), extension(tmp_path), hello()):
            channel.add(package)
        text = "\n".join(f"{channel.url}/{place}" for place in channel.packages)
        small.project.write("conda.txt", f"@EXPLICIT\n{text}\n")
        small("lock")
    small("build")
    small.project.commit("lock")
    place = "/opt/conda/lib/python3.11/site-packages/hello.py"
    assert small("run", "config.yaml", "--name", "first").out.splitlines() == [
        *(f"hello from True {place}", "/opt/conda/share 1.0 /opt/conda", f"hello from True {place}")
    ]
    assert small("replay", "first", "--json").json["result"] == "identical"
    assert small("build", "--check", "--json").json["same"] is True
