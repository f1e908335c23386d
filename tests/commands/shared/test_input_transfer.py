"""Input trees that came with a run, laid out to be mounted: whole under their name, and never
pulled away from somebody.
"""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flow_project import Project
from harness_runs import a_finished_run, a_runspec

from reprobox.cli.messages import Talk
from reprobox.commands import fsck
from reprobox.commands.shared import input_transfer
from reprobox.context import Context
from reprobox.data import pins
from reprobox.kit import canon
from reprobox.model.runspec import InputPin
from reprobox.model.spec import InputIntent
from reprobox.store import garbage

TALK = Talk(quiet=True, color=False, debug=False)


def a_box(top: Path) -> Context:
    return Context(start=top, progress=TALK, _top=top)


@pytest.fixture
def pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InputPin:
    """A tree whose manifest and files are objects here, and which is nowhere else any more."""
    monkeypatch.setenv("REPROBOX_HOME", str(tmp_path / "home"))
    source, context = tmp_path / "data", a_box(tmp_path)
    for number in range(40):
        (source / f"d{number % 7}").mkdir(parents=True, exist_ok=True)
        (source / f"d{number % 7}" / str(number)).write_bytes(os.urandom(3000))
    (source / "link").symlink_to("d1/1")
    (source / "empty" / "directory").mkdir(parents=True)
    found = pins.pin(
        InputIntent(path="data", source=str(source)),
        top=tmp_path,
        workdir=".",
        objects=context.objects,
        progress=TALK,
    )
    for item in found.seen:
        place = Path(item.where)
        if item.kind != "dir":
            data = os.fsencode(place.readlink()) if item.kind == "link" else place.read_bytes()
            assert context.objects.put_bytes(data) == item.digest
    lines = b"".join(item.line for item in found.seen)
    assert context.objects.put_bytes(lines) == found.pin.digest
    shutil.rmtree(source)
    return found.pin


def tree_of(context: Context, pin: InputPin) -> Path:
    return context.runs.root / "inputs" / canon.hex_of(pin.digest)


def test_many_replays_at_once_all_find_it_whole(tmp_path: Path, pin: InputPin) -> None:
    def replay(_: int) -> str | None:
        context = a_box(tmp_path)
        place = input_transfer.find(context, pin)
        assert place is not None
        return pins.check(pin, place, context.objects, TALK)

    assert a_box(tmp_path).runs.ids() == []
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(replay, range(8))) == [None] * 8
    assert os.listdir(tmp_path / ".reprobox" / "tmp") == []


def test_a_damaged_tree_is_replaced_and_stays_with_whoever_has_it_mounted(
    tmp_path: Path, pin: InputPin
) -> None:
    context = a_box(tmp_path)
    place = input_transfer.find(context, pin)
    assert place == tree_of(context, pin)
    (place / "d1" / "1").chmod(0o600)
    (place / "d1" / "1").write_bytes(b"damaged")
    mounted = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        before = sorted(os.listdir(mounted))
        assert input_transfer.find(context, pin) == place
        assert pins.check(pin, place, context.objects, TALK) is None
        assert sorted(os.listdir(mounted)) == before != []
    finally:
        os.close(mounted)


def test_gc_takes_the_trees_that_no_run_names(tmp_path: Path, pin: InputPin) -> None:
    context = a_box(tmp_path)
    run = a_finished_run(context.runs, runspec=a_runspec(inputs=(pin,)))
    place = input_transfer.find(context, pin)
    assert place is not None

    def leftovers() -> list[Path]:
        return [path for path, _ in garbage.plan(context.runs.root).leftovers]

    os.utime(place, (1, 1))
    assert leftovers() == []
    context.runs.remove(run)
    found = garbage.plan(context.runs.root)
    assert [path for path, _ in found.leftovers] == [place]
    assert found.size > 40 * 3000
    # Somebody asks for it between the plan and its end.
    assert input_transfer.find(context, pin) == place
    assert garbage.carry_out(context.runs.root, found) == 0
    assert leftovers() == []
    os.utime(place, (1, 1))
    assert garbage.carry_out(context.runs.root, found) == found.size
    assert not place.exists()


def test_fsck_names_a_damaged_tree(tmp_path: Path, pin: InputPin) -> None:
    context = a_box(tmp_path)
    place = input_transfer.find(context, pin)
    assert place is not None
    assert [health.report.faults for health in fsck.fsck(context)] == [(), ()]
    (place / "d1" / "1").chmod(0o600)
    (place / "d1" / "1").write_bytes(b"damaged")
    (place.parent / "stranger").mkdir()
    own, _ = fsck.fsck(context)
    assert [(fault.what, fault.kind) for fault in own.report.faults] == [
        (f"inputs/{place.name}", "corrupted"),
        ("inputs/stranger", "untrusted"),
    ]


def test_a_replay_names_the_files_of_a_tree_that_are_others(
    project: Project, tmp_path: Path
) -> None:
    data = tmp_path / "data set"
    (data / "sub").mkdir(parents=True)
    for number in range(9):
        (data / "sub" / str(number)).write_text(str(number))
    config = (
        (project.top / "config.yaml")
        .read_text()
        .replace("[data/numbers.txt]", f"{{data: {json.dumps(str(data))}}}")
    )
    project.write("config.yaml", config)
    project.write("train.py", "import os\nprint(sorted(os.listdir('data/sub')))\n")
    project.commit()
    run_id = project.run()["id"]
    assert project("replay").code == 0
    assert (
        project("export", run_id, "-o", str(tmp_path / "a.rbx")).code == 0
    )  # the files go along, though only their list is kept

    for number in range(7):
        (data / "sub" / str(number)).write_text("x")
    (data / "sub" / "8").unlink()
    (data / "new\nname").touch()
    said = project("replay", run_id)
    assert said.code == 13
    assert (
        "7 changed (sub/0, sub/1, sub/2, sub/3, sub/4 and 2 more); 1 missing (sub/8); 1 new "
        "(new\\nname)" in said.err
    )
    assert "7 changed" in project("export", run_id, "-o", str(tmp_path / "b.rbx")).err


def test_a_damaged_list_of_a_tree_costs_its_names_only(project: Project, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a").write_text("1")
    project.write(
        "config.yaml",
        (project.top / "config.yaml")
        .read_text()
        .replace("[data/numbers.txt]", f"{{data: {data}}}"),
    )
    project.write("train.py", "print(open('data/a').read())\n")
    project.commit()
    run = project.run()
    digest = canon.hex_of(run["record"]["intent"]["runspec"]["inputs"][0]["digest"])
    listed = project.top / ".reprobox" / "objects" / "sha256" / digest[:2] / digest[2:]
    listed.chmod(0o644)
    listed.write_bytes(b"[")
    assert project("replay").code == 0
    assert project("export", run["id"], "-o", str(tmp_path / "a.rbx")).code == 0
    (data / "a").write_text("2")
    said = project("replay", run["id"])
    assert said.code in (13, 53), said.err


def test_a_tree_whose_list_is_too_long_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, source = a_box(tmp_path), tmp_path / "data"
    monkeypatch.setenv("REPROBOX_HOME", str(tmp_path / "home"))
    source.mkdir()
    for name in "abc":
        (source / name).write_text(name)

    def pinned() -> InputPin:
        intent = InputIntent(path="data", source=str(source))
        return pins.pin(
            intent,
            top=tmp_path,
            workdir=".",
            objects=context.objects,
            progress=TALK,
            keep=context.all_objects,
        ).pin

    monkeypatch.setattr(pins, "_LISTED", 150)
    assert not context.all_objects.has(pinned().digest)
    (source / "d").touch()
    monkeypatch.setattr(pins, "_LISTED", 1 << 20)
    pin = pinned()
    assert context.all_objects.has(pin.digest)
    (source / "c").unlink()
    why = pins.check(pin, source, context.objects, TALK, kept=context.all_objects)
    assert str(why).endswith("has changed: 1 missing (c)")
