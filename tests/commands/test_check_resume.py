"""Restarts by the real command line: a program in plain Python that writes its steps by hand."""

from __future__ import annotations

from collections.abc import Callable

from flow_project import Project

Change = Callable[[str, str], str]

STEPS = """\
import array, os, pickle, random, signal, sys
import reprobox_trail
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
weight, done = 0.0, 0
if "--resume" in sys.argv and os.path.exists("last.pickle"):
    weight, done, state = pickle.load(open("last.pickle", "rb"))
    if "forgetful" not in sys.argv:
        random.setstate(state)
if "broken" in sys.argv and "--resume" in sys.argv:
    sys.exit("no such option: --resume")
for step in range(done + 1, 9):
    weight += random.random()
    reprobox_trail.log(step, {"weight": array.array("d", [weight])})
    if stop and "stubborn" not in sys.argv:
        pickle.dump((weight, step, random.getstate()), open("last.pickle", "wb"))
        sys.exit(0)
open("final.txt", "w").write(repr(weight))
"""
CONFIG = """\
reprobox:
  command: [python3, train.py{words}]
  resume: {{arguments: [--resume]}}
  environment:
    base: debian:bookworm
    python: "3.11"
"""


def check(project: Project, change: Change, *words: str, step: int = 5) -> tuple[int, dict]:
    change("train.py", STEPS)
    text = "".join(f", {word}" for word in words)
    change("config.yaml", CONFIG.format(words=text))
    said = project("check", "config.yaml", "--resume", str(step), "--json")
    assert said.out, said.err
    assert project.runs() == []
    return said.code, said.json


def test_a_right_restart_is_the_same_and_leaves_nothing(project: Project, change: Change) -> None:
    code, found = check(project, change)
    assert (code, found["result"], found["same"]) == (0, "identical", True), found
    assert (found["step"], found["total"], found["after"], found["compared"]) == (5, 8, 5, 3)
    assert (found["unrestored"], found["leftovers"]) == ([], ["last.pickle"])
    assert [file["path"] for file in found["files"]] == ["final.txt"]


def test_a_generator_that_was_not_restored_shows_at_the_first_step(
    project: Project, change: Change
) -> None:
    code, found = check(project, change, "forgetful")
    assert (code, found["result"], found["after"], found["compared"]) == (1, "different", 5, 0)
    [one] = found["unrestored"]
    assert (one["step"], one["names"]) == (6, ["weight"])
    assert {file["path"]: file["state"] for file in found["files"]} == {"final.txt": "different"}


def test_what_cannot_be_compared_is_not_called_the_same(project: Project, change: Change) -> None:
    code, found = check(project, change, "stubborn")
    assert (code, found["why"]) == (60, "the program continued to its end after TERM")
    code, found = check(project, change, step=8)
    assert code == 60
    assert found["why"] == "the program takes 8 steps, so it cannot be stopped after 8"


def test_a_resumed_run_that_fails_is_said_with_its_last_words(
    project: Project, change: Change
) -> None:
    code, found = check(project, change, "broken")
    assert code == 1
    assert found["why"] == ("the resumed run failed: exit 1 (exited): no such option: --resume")
