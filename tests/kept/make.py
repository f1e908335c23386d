"""Makes a file of a run as this version writes it, for later versions to read and replay
(tests/kept/test_kept.py).

    python tests/kept/make.py tests/kept/reprobox-VERSION.rbx

At each release that changes a format: make one, commit it, and never change it again. It needs an
engine and `scripts/setup --tests`; the image of the run (busybox and Debian's Python) stays
behind: nobody else's programs are committed here, so a later version reads, checks and explains the
    run, and cannot replay it.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).parents[2]
sys.path[:0] = [str(TOP), str(TOP / "tests/support")]

import images_of_our_own  # noqa: E402
from flow_project import Project, make_project  # noqa: E402

from reprobox.kit.tar import TarStream  # noqa: E402

TAG = "reprobox-tests/kept:1"
PACKAGES = (
    "libc6",
    "zlib1g",
    "libexpat1",
    "libffi8",
    "libssl3",
    "python3.11-minimal",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
)
KEPT = re.compile(
    r"/(python3\.11(/|$)|ld-linux-x86-64|lib(c|m|dl|pthread|util|rt)\.so|lib(c|m)-2|lib(z|expat|ffi|crypto)\.so)"
)
UNUSED = re.compile(
    r"/(share|doc|asyncio|unittest|pydoc_data|distutils|xml|xmlrpc|wsgiref|dbm|curses|tomllib|sqlite3|lib2to3|email|http|urllib"
    r"|multiprocessing|concurrent|logging|mailcap|turtle|_codecs_\w+|_ssl|_sqlite3|_curses|_test|engines-3|ossl-modules|etc)\b"
)
CONFIG = """\
learning_rate: 1e-3  # YAML 1.1 reads a string here, and 1.2 a number
model: {depth: 2, width: [4, 8]}
reprobox:
  command: [python, train.py, config.yaml]
  environment:
    base: {archive: base.tar}
    python: "3.11"
  inputs: [data/numbers.csv]
  outputs: {"*.log": ignore}
"""
TRAIN = """\
import json, os, random, sys
text = open(sys.argv[1]).read()
depth = int("".join(char for char in text.split("depth:")[1].strip()[:2] if char.isdigit()))
numbers = [float(line) for line in open("data/numbers.csv")]
weights = [random.gauss(0, 1) for _ in range(64 * depth)]
for step in range(50):
    weights = [weight - 0.01 * (weight - number) for weight, number in zip(weights, numbers * 64)]
    print("step", step, "loss", sum(weight * weight for weight in weights))
os.makedirs("out/with space", exist_ok=True)
json.dump({"depth": depth, "mean": sum(weights) / len(weights)}, open("out/metrics.json", "w"))
open("out/with space/model.bin", "wb").write(bytes(int(abs(weight) * 100) % 256 for weight in weights))
open(b"out/caf\\xe9\\n.txt", "w").write("a name that is not UTF-8, with a newline\\n")
open("out/time.log", "w").write(str(os.times()))
os.symlink("metrics.json", "out/link")
"""


def base(place: Path) -> bytes:
    """A docker-archive: busybox and Debian's interpreter with what little of its library the run
    asks for.
    """
    for command in (
        ["apt-get", "download", "-qq", *PACKAGES],
        *(["dpkg-deb", "-x", f"./{name}*.deb", "root"] for name in PACKAGES),
    ):
        subprocess.run(" ".join(command), shell=True, cwd=place, check=True)
    root, out = place / "root", io.BytesIO()
    tar = TarStream(out)
    images_of_our_own._base(tar)
    made = {"bin", "usr", "usr/bin"}
    for path in sorted(
        path for path in root.rglob("*") if KEPT.search(str(path)) and not UNUSED.search(str(path))
    ):
        name = str(path.relative_to(root))
        for parent in [
            str(one) for one in reversed(Path(name).parents) if str(one) not in made | {"."}
        ]:
            made.add(parent)
            tar.directory(parent)
        if path.is_symlink():
            tar.symlink(name, os.readlink(path))
        elif path.is_file():
            tar.file(name, path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644)
    for name in ("python", "python3"):
        tar.symlink(f"usr/bin/{name}", "python3.11")
    tar.close()
    return images_of_our_own.archive(out.getvalue(), TAG)


def experiment(home: Path) -> Project:
    """The project, locked, built and committed."""
    (home / ".gitconfig").write_text(
        "[user]\n\tname = A Researcher\n\temail = a@example.invalid\n[init]\n\tdefaultBranch = "
        "main\n"
    )
    env = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "REPROBOX_HOME": str(home / "store"),
        "PYTHONPATH": str(TOP),
    }
    (home / "project").mkdir()
    project = make_project(home / "project", {**env, "PIP_NO_INDEX": "1", "UV_OFFLINE": "1"})
    (home / "base").mkdir()
    (project.top / "base.tar").write_bytes(base(home / "base"))
    project.write(".gitignore", "base.tar\n")
    project.write("config.yaml", CONFIG)
    project.write("train.py", TRAIN)
    project.write("data/numbers.csv", "0.5\n-1.25\n3\n")
    for verb in ("lock", "build"):
        said = project(verb)
        assert said.code == 0, said.err
    project.commit("the experiment")
    return project


def main() -> None:
    """The command line."""
    target = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as place:
        project = experiment(Path(place))
        first = project.run("model.depth=3", "--name", "kept", "--tag", "golden")["id"]
        assert project("replay", first).code == 0
        said = project(
            "export", *project.runs(), "--with", "code,inputs,outputs", "-o", str(target)
        )
        assert said.code == 0, said.err
    sys.stdout.write(f"{target.name}: run {first}, {target.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
