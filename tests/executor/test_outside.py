"""What is asked of the shim about files outside of the work tree, and what is made of its answer."""

from __future__ import annotations

import json
from pathlib import Path

from image_world import Talk

from reprobox.executor import outside
from reprobox.model.spec import OutputRule


def test_patterns_that_begin_with_a_place_of_the_container_are_asked_for(tmp_path: Path) -> None:
    rules = [
        OutputRule(pattern="/tmp/out/", compare="content"),
        OutputRule(pattern="/var/cache/", compare="ignore"),
        OutputRule(pattern="model.pt"),
        OutputRule(pattern="/odd\nname"),
    ]
    outside.ask(tmp_path, rules)
    first, second, *rest = (tmp_path / outside.RULES).read_text().split("\n")
    assert (first, second) == ("+/tmp/out/", "-/var/cache/")
    assert len(rest) == 1
    assert rest[0].endswith("/.cache/")


def test_what_was_collected_becomes_part_of_the_work_tree_once(tmp_path: Path) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    (out / outside.FOLDER).mkdir(parents=True)
    work.mkdir()
    (out / outside.FOLDER / "x").write_text("x")
    outside.bring(out, work)
    assert (work / "@" / "x").read_text() == "x"
    outside.bring(out, work)
    assert not (out / outside.FOLDER).exists()


def test_what_is_lost_is_named_with_the_line_that_keeps_it(tmp_path: Path) -> None:
    found = {"files": 1, "size": 3, "named": [["/tmp/run/model.pt", 3]], "failed": ["/tmp/x: no"]}
    (tmp_path / outside.REPORT).write_text(json.dumps(found))
    talk = Talk()
    assert outside.left(tmp_path) == found
    outside.report(talk, found)
    said = "\n".join(talk.notes)
    assert 'outputs: {"/tmp/run/": bytes}' in said
    assert "could not be collected: /tmp/x: no" in said
    silent = Talk()
    outside.report(silent, None)
    assert silent.notes == []
