"""Repositories, configs and programs of somebody else: nothing of theirs runs on the host, nothing
of the host is handed over.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flow_project import Project

from reprobox.cli.messages import Talk
from reprobox.data import pins
from reprobox.errors import InputError
from reprobox.model.spec import InputIntent
from reprobox.store.objects import ObjectStore

pytestmark = pytest.mark.engine


def test_nothing_of_a_repository_runs_on_the_host(project: Project, tmp_path: Path) -> None:
    fired = tmp_path / "fired"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\necho \"$0 $@\" >> '{fired}'\ncat\n")
    trap.chmod(0o755)
    project.write(
        ".gitattributes", "*.txt filter=trap diff=trap merge=trap\n*.py ident export-subst\n"
    )
    project.commit("attributes")
    for key in (
        "filter.trap.clean",
        "filter.trap.smudge",
        "filter.trap.process",
        "diff.trap.command",
        "diff.trap.textconv",
    ):
        project.git("config", key, str(trap))
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "gpg.program",
        "tar.tar.command",
    ):
        project.git("config", key, str(trap))
    project.git("config", "core.hooksPath", str(tmp_path / "hooks"))
    (tmp_path / "hooks").mkdir()
    for hook in (
        "post-checkout",
        "pre-commit",
        "reference-transaction",
        "post-index-change",
        "fsmonitor-watchman",
    ):
        (tmp_path / "hooks" / hook).symlink_to(trap)
    fired.unlink(missing_ok=True)
    assert project("run", "config.yaml").code == 0
    assert project("replay").code == 0
    project.write("train.py", "print(1)\n")
    assert project("run", "config.yaml", "--snapshot").code == 0
    assert project("verify", "--deep").code == 0
    assert project("rm", "latest").code == 0
    assert not fired.exists(), fired.read_text()


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_git_is_not_believed_about_changes(project: Project, flag: str) -> None:
    project.git("update-index", flag, "train.py")
    project.write("train.py", "print('changed')\n")
    assert project.git("status", "--porcelain") == ""
    said = project("run", "config.yaml")
    assert said.code == 125
    assert "train.py" in said.err
    assert project.runs() == []


PINNED = {
    "file.txt": True,
    "folder": True,
    "with:colon": True,
    "with,comma": True,
    'with"quote': True,
    "with\nline": True,
}


@pytest.mark.parametrize(
    ("source", "target", "fine"),
    [
        *((name, "data/x", fine) for name, fine in PINNED.items()),
        ("file.txt", "/data/x", True),
        ("file.txt", "/usr/share/x", True),
        ("/", "/data", False),
        ("//", "/data", False),
        ("/./", "/data", False),
        ("~", "/data", False),
        ("~/..", "/data", False),
        ("~/inside", "/data", True),
        ("to-root", "/data", False),
        ("to-home", "/data", False),
        ("/proc", "/data", False),
        ("/proc/self/environ", "/data", False),
        ("/sys/kernel", "/data", False),
        ("/dev", "/data", False),
        ("/dev/null", "/data", False),
        ("socket", "/data", False),
        ("fifo", "/data", False),
        ("folder-with-socket", "/data", False),
        ("missing", "/data", False),
        ("file.txt", "/", False),
        ("file.txt", "/work", False),
        ("file.txt", ".", False),
        ("file.txt", "/.reprobox/shim.py", False),
        ("file.txt", "/.reprobox", False),
        ("file.txt", "/.reprobox-out/exit.json", False),
        ("file.txt", "/proc/1", False),
        ("file.txt", "/sys/x", False),
        ("file.txt", "/dev/nvidia0", False),
        ("file.txt", "/run/secrets/x", False),
        ("file.txt", "/run", False),
        ("file.txt", "/etc", False),
        ("file.txt", "/etc/passwd", False),
        ("file.txt", "/etc/../etc/group", False),
        ("file.txt", "/etc/my.conf", True),
        ("file.txt", "/run/data", True),
        ("file.txt", "/.reprobox-data", True),
    ],
)
def test_forty_mounts(
    tmp_path: Path, nobodys_home: Path, source: str, target: str, fine: bool
) -> None:
    for name in ("file.txt", "with:colon", "with,comma", 'with"quote', "with\nline"):
        (tmp_path / name).write_text(name)
    for name in ("folder", "folder-with-socket", str(nobodys_home / "inside")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "inner").write_text("x")
    (tmp_path / "to-root").symlink_to("/")
    (tmp_path / "to-home").symlink_to(nobodys_home)
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        here = os.getcwd()
        os.chdir(tmp_path)
        try:
            first.bind("socket")
            second.bind("folder-with-socket/docker.sock")
        finally:
            os.chdir(here)
        intent, objects = InputIntent(path=target, source=source), ObjectStore(tmp_path / "store")
        talk = Talk(quiet=True, color=False, debug=False)
        if fine:
            pinned = pins.pin(intent, top=tmp_path, workdir=".", objects=objects, progress=talk).pin
            assert pins.check(pinned, Path(pinned.source), objects, talk) is None
        else:
            with pytest.raises(InputError):
                pins.pin(intent, top=tmp_path, workdir=".", objects=objects, progress=talk)


def test_a_config_that_asks_for_the_machine_is_refused(
    project: Project, change: Callable[[str, str], str]
) -> None:
    text = (project.top / "config.yaml").read_text()
    for extra, says in (
        ("inputs: {/host: /}", "everything of yours"),
        ("inputs: {/sock: /var/run/docker.sock}", "neither a file nor a directory"),
        ("privileged: true", "privileged"),
        ("devices: [/dev/kvm]", "devices"),
        ("network: container:other", "network"),
    ):
        change("config.yaml", text.replace("inputs: [data/numbers.txt]", extra))
        said = project("run", "config.yaml")
        assert (said.code, says in said.err) == (125, True), (extra, said.code, said.err)
    assert project.runs() == []


FORGES = """
import json, os
out = "/.reprobox-out"
os.makedirs(out + "/markers", exist_ok=True)
os.symlink("/etc/shadow", out + "/markers/1.json")
os.mkfifo(out + "/markers/2.json")
open(out + "/markers/3.json", "w").write('{"entropy": [1, 2], "seeds": 7}')
open(out + "/markers/4.json", "w").write('{"a": ' + "[" * 5000 + "]" * 5000 + "}")
with open(out + "/markers/5.json", "wb") as file:
    file.truncate(1 << 33)
for number in range(6, 3000):
    open(out + f"/markers/{number}.json", "w").write("{}")
os.remove(out + "/met.json")
os.symlink("/etc/passwd", out + "/met.json")
open(out + "/exit.json", "w").write('{"format": "reprobox.exit/1", "code": "abc"}')
os.remove(out + "/stderr")
os.symlink("/etc/shadow", out + "/stderr")
os.symlink("/etc/shadow", out + "/trail-1.jsonl")
print("forged")
"""


def test_a_program_that_forges_what_the_shim_writes(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("train.py", FORGES + "raise SystemExit(9)\n")
    said = project("run", "config.yaml", "--json")
    assert said.code == 9, said.err
    assert "root:" not in said.err
    record = said.json["record"]
    path = Path(said.json["path"])
    assert (record["exit"]["code"], record["exit"]["reason"]) == (9, "exited")
    assert (path / "stdout").read_bytes() == b"forged\n"
    assert not (path / "stderr").exists()
    assert "met.json" in record["met"]["refused"]
    assert len(record["met"]["processes"]) <= 256
    assert "root:" not in json.dumps(record)
    assert sorted(file.name for file in path.iterdir() if file.is_symlink()) == []
    for verb in ("show", "logs", "ls", "verify", "fsck"):
        assert project(verb, *(["--project"] if verb == "fsck" else [])).code == 0, verb


def test_a_program_that_kills_its_shim_cannot_forge_its_end(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change("config.yaml", (project.top / "config.yaml").read_text() + "  memory: 128m\n")
    change(
        "train.py",
        "import json, os\n"
        "value = dict(format='reprobox.exit/1', code=0, reason='exited', started=1.0, "
        "finished=2.0, duration=1.0)\n"
        "open('/.reprobox-out/exit.json', 'w').write(json.dumps(value))\n"
        "os.kill(1, 9)\nos._exit(5)\n",
    )
    said = project("run", "config.yaml", "--json")
    # The kernel shields process 1 from its own name space, so the shim lives on and writes over the
    # forgery.
    assert said.json["record"]["exit"]["code"] == said.code == 5


def test_streams_are_kept_byte_for_byte(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change(
        "train.py",
        "import os, random\n"
        "draw = random.Random(5)\n"
        "for _ in range(400):\n"
        "    for stream in (1, 2):\n"
        "        os.write(stream, draw.randbytes(draw.choice((0, 1, 7, 4096, 65537))))\n"
        "os.write(1, bytes(256) + bytes(range(256)) + b'\\r\\n\\x1b[2J no newline at the end')\n",
    )
    process = subprocess.run(
        [sys.executable, "-m", "reprobox.cli.main", "run", "config.yaml", "-q"],
        cwd=project.top,
        env=project.env,
        capture_output=True,
        check=True,
    )
    (run,) = (project.top / ".reprobox/runs").iterdir()
    assert process.stdout == (run / "stdout").read_bytes()
    assert process.stdout.endswith(b"no newline at the end")
    assert process.stderr.startswith((run / "stderr").read_bytes())
    assert (run / "stdout").stat().st_size > 1 << 22
    said = project("replay", "--json")
    assert said.code == 0, said.err
    (run / "stdout").write_bytes(b"other")
    assert project("verify", run.name).code == 1


def test_a_stream_that_differs_is_told(project: Project, change: Callable[[str, str], str]) -> None:
    change("train.py", "import time\nopen('model', 'w').write('1')\nprint(time.time_ns())\n")
    assert project("run", "config.yaml").code == 0
    said = project("replay")
    assert said.code == 0, "streams are told, and where there are outputs only these count"
    assert "stdout differs" in said.out


FORGED_LINE = "identical: 9 of 9 outputs are bit-identical, stdout identical"
NAMES = [
    f"a\n{FORGED_LINE}".encode(),
    b"b\tb",
    b"c\x1b[2J\x1b[31mc",
    b"\xff\xfe",
    "d\u202ed".encode(),
]
SEEN = [rf"a\n{FORGED_LINE}", r"b\tb", r"c\x1b[2J\x1b[31mc", r"\xff\xfe", r"d\u202ed"]


def test_names_of_outputs_cannot_forge_lines(
    project: Project, change: Callable[[str, str], str]
) -> None:
    change(
        "train.py",
        f"import os, time\nfor name in {NAMES!r}:\n    open(name, 'w').write(str(time.time_ns()))\n"
        "os.mkfifo('f\\nnot collected: g')\n",
    )
    ran = project("run", "config.yaml")
    assert ran.code == 0, ran.err
    assert r"not collected: f\nnot collected: g: fifo" in ran.err.splitlines()
    said = project("replay")
    texts = {"replay": said.out, "show": project("show").out}
    (run, *_) = (project.top / ".reprobox/runs").iterdir()
    for name in NAMES:
        os.unlink(os.path.join(os.fsencode(run), b"outputs", name))
    texts["verify"] = project("verify", run.name).out
    texts["fsck"] = project("fsck", "--project").out
    for verb, text in texts.items():
        assert FORGED_LINE not in [line.strip() for line in text.splitlines()], verb
        assert not set("\t\x1b\u202e") & set(text), verb
        assert all(any(name in line for line in text.splitlines()) for name in SEEN), (verb, text)
    whole = {file["path"] for file in project("show", run.name, "--json").json["outputs"]}
    assert whole == {os.fsdecode(name) for name in NAMES}, "JSON has the names as they are"


def test_colours_are_ours_alone(project: Project, change: Callable[[str, str], str]) -> None:
    change(
        "train.py",
        "import time\nopen('\\x1b[32midentical\\x1b[0m', 'w').write(str(time.time_ns()))\n",
    )
    assert project("run", "config.yaml").code == 0
    assert project("run", "config.yaml").code == 0
    told = project.on_a_terminal("diff", "latest~1", "latest").out
    assert "\x1b[31mdifferent\x1b[0m" in told
    assert "\x1b[32midentical" not in told
    assert r"\x1b[32midentical\x1b[0m" in told
