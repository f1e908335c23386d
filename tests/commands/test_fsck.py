"""fsck, gc and verify --deep: damage is found and named, what is needed stays."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_project import Project, Said
from second_engine import SecondEngine

from reprobox.store import run_documents

pytestmark = pytest.mark.engine


@pytest.fixture
def own_home(project: Project, tmp_path: Path) -> Project:
    """The project with a shared store of its own, a copy by hard links: what is damaged here is
    damaged nowhere else.
    """
    home = tmp_path / "shared"
    shutil.copytree(
        project.env["REPROBOX_HOME"],
        home,
        copy_function=os.link,
        ignore=shutil.ignore_patterns("roots", "tmp", "lock"),
    )
    for name in ("roots", "tmp"):
        (home / name).mkdir()
    return Project(project.top, {**project.env, "REPROBOX_HOME": str(home)})


def flip(path: Path, place: int = -1) -> None:
    """One bit, in a copy of the file, with its old times."""
    times = path.stat()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.unlink()
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def object_path(store: Path, digest: str) -> Path:
    return store / "objects/sha256" / digest[7:9] / digest[9:]


def damage(said: Said) -> str:
    assert said.code == 1, said.err
    return "\n".join(text for run in said.json for text in run["damage"])


def test_fsck_names_each_damage_and_changes_nothing(own_home: Project) -> None:
    run = own_home.run()
    said = own_home("fsck", "--project", "--json")
    assert (said.code, said.json[0]["runs"], said.json[0]["faults"]) == (0, 1, [])
    path = Path(run["path"])
    flip(path / "outputs/model.bin")
    flip(path / "stdout", 0)
    assert {
        fault["what"].split(", ")[1]
        for fault in own_home("fsck", "--project", "--json").json[0]["faults"]
    } == {
        "outputs/model.bin",
        "stdout",
    }
    (path.parent.parent / "heads.log").unlink()
    assert own_home("fsck", "--project").code == 3
    assert path.exists()


def test_gc_says_what_and_how_much_and_spares_what_is_needed(own_home: Project) -> None:
    run = own_home.run()
    home, old = Path(own_home.env["REPROBOX_HOME"]), time.time() - 40 * 86400
    data = secrets.token_bytes(5000)
    stray = object_path(home, "sha256:" + hashlib.sha256(data).hexdigest())
    stray.write_bytes(data)
    for folder, _, names in os.walk(home / "objects"):
        for name in names:
            os.utime(os.path.join(folder, name), (old, old))
    (Path(run["path"]) / "work").mkdir()
    dry = own_home("gc", "--json").json
    assert {item["digest"] for item in dry[1]["objects"]} >= {
        f"sha256:{hashlib.sha256(data).hexdigest()}"
    }
    assert any(item["path"].endswith("/work") for item in dry[0]["leftovers"])
    assert stray.exists()
    assert (Path(run["path"]) / "work").exists()
    done = own_home("gc", "--yes", "--json").json
    assert done[1]["freed"] >= 5000
    assert not stray.exists()
    assert not (Path(run["path"]) / "work").exists()
    assert own_home("verify", "--deep").code == 0
    assert own_home("replay").code == 0
    assert own_home("build", "--offline").code == 0


def test_gc_beside_a_running_run(own_home: Project) -> None:
    own_home.write(
        "train.py",
        "import os, time\nprint('on', flush=True)\nwhile not os.path.exists('go'): "
        "time.sleep(0.02)\n",
    )
    own_home.commit()
    process = subprocess.Popen(
        [sys.executable, "-m", "reprobox.cli.main", "run", "config.yaml"],
        cwd=own_home.top,
        env=own_home.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"on\n"
    said = own_home("gc", "--yes", "--json")
    assert said.code == 0, said.err
    assert not any("/runs/" in item["path"] for store in said.json for item in store["leftovers"])
    (run,) = (own_home.top / ".reprobox/runs").iterdir()
    (run / "work" / "go").touch()
    assert process.wait(60) == 0
    process.stdout.close()
    assert own_home("verify").code == 0


def test_verify_deep_finds_changed_objects_inputs_and_records(
    own_home: Project, tmp_path: Path
) -> None:
    data = tmp_path / "big input"
    data.write_bytes(secrets.token_bytes(17 << 20))
    os.utime(data, (time.time() - 3600, time.time() - 3600))
    text = (own_home.top / "config.yaml").read_text()
    own_home.write(
        "config.yaml",
        text.replace(
            "[data/numbers.txt]", f"{{data/numbers.txt: data/numbers.txt, /big: '{data}'}}"
        ),
    )
    own_home.commit()
    run = own_home.run()
    asked = run["record"]["intent"]["runspec"]
    said = own_home("verify", "--deep", "--json")
    assert said.code == 0, said.out
    flip(data)
    assert "input /big" in damage(own_home("verify", "--deep", "--json"))
    flip(data)
    home, store = Path(own_home.env["REPROBOX_HOME"]), own_home.top / ".reprobox"
    shown = {"lock": asked["lock"], "config": asked["config_digest"], "runtime": asked["runtime"]}
    for name, digest in shown.items():
        place = next(
            path
            for path in (object_path(store, digest), object_path(home, digest))
            if path.exists()
        )
        flip(place, 5)
        assert f"object {name}:" in damage(own_home("verify", "--deep", "--json"))
        flip(place, 5)
    deb = run["record"]["intent"]["lock"]["base"]["packages"][0]
    flip(object_path(home, "sha256:" + deb["sha256"].removeprefix("sha256:")))
    assert f"object {deb['filename'].rpartition('/')[2]}:" in damage(
        own_home("verify", "--deep", "--json")
    )
    object_path(home, "sha256:" + deb["sha256"].removeprefix("sha256:")).unlink()
    said = own_home("verify", "--deep", "--json")
    assert (said.code, said.json[0]["damage"]) == (4, [])
    assert "not in the store" in said.json[0]["unchecked"][0]
    (store / "heads.log").write_text("")
    assert "record log" in damage(own_home("verify", "--deep", "--json"))


def test_verify_calls_damaged_only_what_is(own_home: Project) -> None:
    """A run that goes on has nothing that could be damaged; a newer version's record cannot be
    told; a changed one is damaged.
    """
    path = Path(own_home.run()["path"])
    own_home.write("train.py", "import time\ntime.sleep(600)\n")
    own_home.commit()
    going = own_home("run", "-d").out.strip()
    try:
        said = own_home("verify", going, "--json")
        assert said.code == 54
        assert "has no record yet" in said.err
        assert own_home("verify", "--all").code == 0
    finally:
        own_home("stop", "--kill", going)
    whole = run_documents.read(path, "record.json")
    record = whole.replace(b"reprobox.record/1", b"reprobox.record/9")
    (path / "record.json").write_bytes(record)
    (path / "record.sha256").write_text(f"sha256:{hashlib.sha256(record).hexdigest()}\n")
    said = own_home("verify", path.name, "--json")
    assert (said.code, said.json[0]["damage"]) == (4, [])
    assert "newer reprobox" in said.json[0]["unchecked"][0]
    (path / "record.json").write_bytes(record[:-5])
    assert "is damaged" in damage(own_home("verify", path.name, "--json"))
    assert f"fetch it after `reprobox rm {path.name}`" in own_home("show", path.name).err
    (path / "record.json").unlink()
    assert "was announced and is not there" in damage(own_home("verify", path.name, "--json"))


def test_verify_deep_reads_the_commit_again(own_home: Project) -> None:
    own_home.run()
    assert "files of the commit" in own_home("verify", "--deep").out
    oid = own_home.git("rev-parse", "HEAD:train.py").strip()
    place = own_home.top / ".git/objects" / oid[:2] / oid[2:]
    place.chmod(0o644)
    place.write_bytes(zlib.compress(b"blob 5\0pass\n"))
    assert f"train.py: the git object {oid} is damaged" in damage(
        own_home("verify", "--deep", "--json")
    )


def test_several_runs_are_told_before_any_is_removed(project: Project) -> None:
    ids = [project.run()["id"] for _ in range(4)]
    refused = project("rm", "latest", "no-such-run")
    assert (refused.code, sorted(project.runs())) == (50, sorted(ids))
    said = project("rm", "latest", "latest~1", ids[3])
    gone = [f"removed {one}; undo: reprobox rm --undo {one}" for one in (ids[3], ids[2])]
    assert (said.code, said.err.splitlines()) == (0, gone)
    assert sorted(project.runs()) == sorted(ids[:2])


@pytest.mark.slow
def test_verify_deep_finds_a_layer_edited_beneath_the_engine(
    project: Project, second_engine: Callable[..., SecondEngine]
) -> None:
    own = second_engine()
    there = Project(project.top, {**project.env, "DOCKER_HOST": own.url})
    assert there("build").code == 0
    there.write("train.py", "print(open('/etc/debian_version').read())\n")
    there.commit()
    first = there("run", "config.yaml")
    assert first.code == 0, first.err
    assert there("verify", "--deep").code == 0
    (victim,) = (own.top / "data/overlay2").glob("*/diff/etc/debian_version")
    text = victim.read_bytes()
    victim.write_bytes(b"66" + text[2:])
    os.utime(victim, (315532800, 315532800))
    changed = there("run", "config.yaml")
    assert changed.out.startswith("66"), "the engine runs what was edited, under the same image ID"
    assert there("verify").code == 0
    found = damage(there("verify", "--deep", "--json"))
    assert "image reprobox/lock:" in found
    victim.write_bytes(text)
    os.utime(victim, (315532800, 315532800))
    assert there("verify", "--deep").code == 0
