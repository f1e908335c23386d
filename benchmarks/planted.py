"""Differences planted one at a time, and what reprobox reports as the first divergence and as the
first cause.

    python benchmarks/planted.py [--json] [--write] [--only NAME ...]      needs a container engine;
    a few minutes

Everything goes through the command line, in a fresh repository with the programs of
benchmarks/planted. A plant that no record may show (one ulp, one byte) is switched on by a secret,
whose value is not recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[1]
WRITE = "reprobox.command=[python,write.py,config.yaml]"


@dataclass(frozen=True, kw_only=True)
class Reported:
    """What was planted, and what was said."""

    name: str
    planted: str
    by: str
    """The command that told."""
    result: str
    first: str
    cause: str
    operation: str = ""


class Project:
    """A repository with the programs, and the command line in it."""

    def __init__(self, top: Path) -> None:
        self.top = top
        shutil.copytree(TOP / "benchmarks" / "planted", top, dirs_exist_ok=True)
        shutil.copy(TOP / "examples" / "digits" / "requirements.txt", top)
        (top / ".gitignore").write_text("local/\n")
        self.table(1)
        for words in (
            ["init", "-q"],
            ["config", "user.email", "a@example.invalid"],
            ["config", "user.name", "A"],
        ):
            self._do("git", *words)
        for verb in ("lock", "build"):
            self.reprobox(verb)
        self._do("git", "add", "-A")
        self._do("git", "commit", "-q", "-m", "planted")

    def table(self, first: int) -> None:
        """The input: 96 rows of 256 numbers and a class."""
        (self.top / "local").mkdir(exist_ok=True)
        rows = [
            [((row * 257 + column) * 7919 % 255 - 127) / 64 for column in range(256)] + [row % 4]
            for row in range(96)
        ]
        rows[0][0] = first
        (self.top / "local" / "table.csv").write_text(
            "\n".join(",".join(map(str, row)) for row in rows) + "\n"
        )

    def _do(
        self, *argv: str, plant: str = "calm", codes: tuple[int, ...] = (0,)
    ) -> subprocess.CompletedProcess[str]:
        env = {
            "REPROBOX_HOME": str(TOP / ".tools" / "store"),
            **os.environ,
            "PYTHONPATH": str(TOP),
            "PLANT": plant,
        }
        done = subprocess.run(
            argv, cwd=self.top, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode not in codes:
            raise SystemExit(f"{' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def reprobox(
        self, *words: str, plant: str = "calm", codes: tuple[int, ...] = (0,)
    ) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        return self._do(sys.executable, "-m", "reprobox.cli.main", *words, plant=plant, codes=codes)

    def json(self, *words: str, plant: str = "calm", codes: tuple[int, ...] = (0, 1)) -> Any:
        """A command's answer."""
        return json.loads(self.reprobox(*words, "--json", plant=plant, codes=codes).stdout)

    def run(self, *overrides: str) -> str:
        """A run; its id."""
        return str(self.json("run", "config.yaml", *overrides)["id"])

    @cached_property
    def base(self) -> str:
        """A run without a plant, for those that are compared with another request."""
        return self.run()

    def replay(self, *overrides: str) -> tuple[str, dict[str, Any]]:
        """A run, replayed with the secret switched on: the original's id, and the verdict."""
        made = self.run(*overrides)
        return made, self.json("replay", made, plant="planted")


def reported(
    name: str,
    planted: str,
    by: str,
    verdict: dict[str, Any],
    explained: dict[str, Any] | None = None,
) -> Reported:
    """The first lines of a verdict, and of an explanation where one was asked for."""
    first, operation = (
        (explained or {}).get("first") or verdict["trail"] or {},
        (explained or {}).get("operation") or {},
    )
    return Reported(
        name=name,
        planted=planted,
        by=by,
        result=verdict["result"],
        first=_step(first) if first.get("state") == "different" else _file(verdict),
        cause=verdict["causes"][0]["what"] if verdict["causes"] else "",
        operation=f"{operation['name']} at {operation['at']}: {operation['cause']}"
        if operation
        else "",
    )


def _step(first: dict[str, Any]) -> str:
    names = first["tensors"]
    more = f" and {first['differ'] - 2} more" if first["differ"] > 2 else ""
    return f"step {first['step']}, {first['kind']} {', '.join(names[:2])}{more}".strip()


def _file(verdict: dict[str, Any]) -> str:
    for file in verdict["files"]:
        if file["state"] not in ("identical", "ignored", "equal-under-rule"):
            place = (file["detail"].get("first") or {}).get("name")
            return f"{file['path']}: {place or 'byte ' + str(file['detail'].get('first_byte'))}"
    return "nothing"


def _ulp(project: Project) -> Reported:
    return reported("ulp", "one ulp in 3.weight, step 6", "replay", project.replay("plant=ulp")[1])


def _window(project: Project) -> Reported:
    """With a trail of every fourth step. The plant is in the config here, because both are run
    again to find the step.
    """
    one, two = (
        project.run("plant=ulp", "reprobox.trail.every=4", f"planted={word}")
        for word in ("false", "true")
    )
    explained = project.json("explain", one, two, "--operations")
    assert explained["verdict"]["trail"]["window"] == [4, 8], explained["verdict"]["trail"]
    return reported(
        "window",
        "the same, a trail of every 4th step",
        "explain --operations",
        explained["verdict"],
        explained,
    )


def _entropy(project: Project) -> Reported:
    return reported(
        "entropy", "torch.manual_seed(os.urandom)", "replay", project.replay("plant=entropy")[1]
    )


def _clock(project: Project) -> Reported:
    return reported(
        "clock",
        "batches by a generator seeded from the clock",
        "replay",
        project.replay("plant=clock")[1],
    )


def _write(name: str, planted: str, *overrides: str) -> Callable[[Project], Reported]:
    def plant(project: Project) -> Reported:
        return reported(
            name, planted, "replay", project.replay(WRITE, f"plant={name}", *overrides)[1]
        )

    return plant


def _threads(project: Project) -> Reported:
    one, two = project.base, project.run("reprobox.threads=2")
    explained = project.json("explain", one, two, "--operations")
    return reported(
        "threads", "threads 1 and 2", "explain --operations", explained["verdict"], explained
    )


def _seed(project: Project) -> Reported:
    one, two = project.base, project.run("reprobox.seed=8")
    return reported("seed", "seed 7 and 8", "diff", project.json("diff", one, two))


def _input(project: Project) -> Reported:
    one = project.base
    project.table(2)
    try:
        two = project.run()
        refused = project.reprobox("replay", one, codes=(13,)).stderr
        assert "/work/data/table.csv" in refused, refused
        return reported(
            "input", "one number of data/table.csv", "diff", project.json("diff", one, two)
        )
    finally:
        project.table(1)


PLANTS: dict[str, Callable[[Project], Reported]] = {
    "ulp": _ulp,
    "window": _window,
    "entropy": _entropy,
    "clock": _clock,
    "order": _write(
        "order",
        "a set of words is listed, PYTHONHASHSEED=random",
        "reprobox.env.PYTHONHASHSEED=random",
    ),
    "time": _write("time", "the time in report.json"),
    "temporary": _write("temporary", "a temporary path in report.json"),
    "escaped": _write("escaped", "python -I draws a number"),
    "byte": _write("byte", "one bit of byte 1234 of blob.bin"),
    "threads": _threads,
    "seed": _seed,
    "input": _input,
}


def table(rows: list[Reported]) -> Iterator[str]:
    """The table of docs/determinism.md."""
    yield "| planted | told by | first divergence | first cause |"
    yield "|---|---|---|---|"
    for row in rows:
        first = row.first + (f"; {row.operation}" if row.operation else "")
        yield f"| {row.planted} | `{row.by}` | {first} | {row.cause} |"


def write(rows: list[Reported]) -> None:
    """Puts the table between its marks."""
    page = TOP / "docs" / "determinism.md"
    before, _, rest = page.read_text().partition("<!-- planted -->\n")
    page.write_text(
        "\n".join([f"{before}<!-- planted -->", *table(rows), "<!-- end -->"])
        + rest.partition("<!-- end -->")[2]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--write", action="store_true", help="put the table into docs/determinism.md"
    )
    parser.add_argument("--only", nargs="+", choices=sorted(PLANTS), default=list(PLANTS))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="planted-") as scratch:
        project = Project(Path(scratch))
        rows = []
        for name in asked.only:
            rows.append(PLANTS[name](project))
            sys.stderr.write(f"{name}: {rows[-1].cause}\n")
    if asked.write:
        write(rows)
    print(
        json.dumps([asdict(row) for row in rows], indent=1)
        if asked.json
        else "\n".join(table(rows))
    )


if __name__ == "__main__":
    main()
