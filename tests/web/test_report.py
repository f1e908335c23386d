"""`reprobox report`: one file, which needs no server and no network."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from web_demo import SWEEP, laboratory, large_sweep, outputs
from web_world import HOSTILE, World, png

from reprobox.errors import RunNotFound, UsageError
from reprobox.kit import files
from reprobox.web import report

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def unsynced() -> Iterator[None]:
    """Runs that are made here need not survive a power cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda fd: None)
        patch.setattr(files, "sync_filesystem", lambda path: None)
        yield


@pytest.fixture(scope="module")
def world(unsynced: None, tmp_path_factory: pytest.TempPathFactory) -> World:
    return laboratory(tmp_path_factory.mktemp("laboratory") / "digits")


def first(world: World, name: str) -> str:
    return next(row.id for row in world.runs.list(name=name) if row.replay_of is None)


def opened(browser: Browser, path: Path) -> Page:
    """The file in a browser that is offline; whatever it asks for fails the test."""
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 800})
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: asked.append(said.text))
    asked: list[str] = []
    page.goto(path.as_uri())
    assert [one for one in asked if not one.startswith(("data:", path.as_uri()))] == []
    return page


def test_a_pair_in_one_file(world: World, browser: Browser, tmp_path: Path) -> None:
    pair = [first(world, "baseline"), first(world, "candidate")]
    target = tmp_path / "page.html"
    assert report.write(world.context, ["baseline", "candidate"], target) == tuple(pair)
    text = target.read_text()
    assert "<script" not in text
    assert re.findall(r'(?:src|href)="(?!#|data:)([^"]*)"', text) == []
    assert str(tmp_path) not in text
    assert str(world.context.top) not in text
    page = opened(browser, target)
    expect(page.get_by_role("heading", level=1, name="Runs")).to_be_visible()
    expect(page.get_by_role("heading", level=1, name="Verdicts")).not_to_be_visible()
    page.get_by_role("link", name="Divergence").click()
    expect(page.locator(".part:visible strong").first).to_contain_text("step 9")
    expect(page.get_by_role("heading", level=1, name="Runs", exact=True)).not_to_be_visible()
    page.get_by_role("link", name="Runs").click()
    page.get_by_role("link", name=pair[0]).click()
    expect(page.locator(".part:visible h1")).to_contain_text(pair[0])
    page.wait_for_function("[...document.images].every((one) => one.naturalWidth === 220)")
    assert page.evaluate("document.images.length") == 4
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    style = page.evaluate("getComputedStyle(document.querySelector('.top')).display")
    assert style == "flex"  # the policy lets the style through
    for name in ("Verdicts", "History", "Compare", "Runs"):
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    page.context.close()


def test_a_sweep_of_200_runs_is_under_5_mb(
    unsynced: None, browser: Browser, tmp_path: Path
) -> None:
    world = World.at(tmp_path / "digits")
    target = tmp_path / "page.html"
    assert len(report.write(world.context, [large_sweep(world, 200)], target)) == 200
    assert target.stat().st_size < 5_000_000
    page = opened(browser, target)
    page.get_by_role("link", name=re.compile("^Sweep")).click()
    expect(page.locator(".part:visible polyline.row")).to_have_count(200)
    assert page.locator(".part").count() == 200 + 4
    page.context.close()


def test_what_is_too_much_is_left_out_and_said(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "MOST", 30_000)
    target = tmp_path / "page.html"
    runs = report.write(world.context, [SWEEP], target)
    text = target.read_text()
    parts = set(re.findall(r'class="part" id="run-([^"]*)"', text))
    assert 0 < len(parts) < len(runs)
    assert f"{len(runs) - len(parts)} runs of them have no part of their own" in text
    assert set(re.findall(r'href="#run-([^"]*)"', text)) <= parts


def test_hostile_names_stay_texts(browser: Browser, tmp_path: Path) -> None:
    world = World.at(tmp_path / "p")
    hostile = "</style></section><script>document.title='owned'</script>"
    run = world.run(
        0,
        {HOSTILE: png(5, 5, 1), "fake.png": b"<script>"},
        name=hostile,
        tags=(hostile,),
        config={hostile: hostile},
        stdout=hostile.encode() + b"\n\xff\x1b[31m",
    )
    target = tmp_path / "page.html"
    report.write(world.context, [run], target)
    page = opened(browser, target)
    assert page.title() == "p · reprobox"
    assert page.locator("script").count() == 0
    assert page.locator(".part").count() == 4
    page.context.close()


def test_a_run_without_a_record_and_one_that_is_not_there(tmp_path: Path) -> None:
    world = World.at(tmp_path / "p")
    with pytest.raises(UsageError, match="no runs to report"):
        report.write(world.context, [], tmp_path / "a.html")
    intent = world.intent(0)
    run = world.begin(intent)
    other = world.run(1)
    assert set(report.write(world.context, [], tmp_path / "a.html")) == {intent.id, other}
    assert "has no record yet" in (tmp_path / "a.html").read_text()
    run.release()
    with pytest.raises(RunNotFound):
        report.write(world.context, ["nothing"], tmp_path / "b.html")
    with pytest.raises(UsageError, match="cannot be written"):
        report.write(world.context, [other], tmp_path / "none" / "b.html")


def test_the_command_says_what_it_wrote(world: World) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reprobox.cli.main", "report", SWEEP, "--json"],
        cwd=world.context.top,
        env={**os.environ, "PYTHONPATH": str(TOP)},
        capture_output=True,
        text=True,
    )
    said = json.loads(done.stdout)
    assert (said["path"], len(said["runs"]), done.stderr) == ("report.html", 15, "")
    assert (world.context.top / "report.html").stat().st_size == said["size"]
    assert len(outputs(0.01, 0, 60)["results/curve.png"]) < said["size"]
