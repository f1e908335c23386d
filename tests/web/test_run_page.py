"""The page of one run."""

from __future__ import annotations

import pytest
from web_world import Served, World, named, text_of

from reprobox.errors import RunNotFound
from reprobox.web import run_page
from reprobox.web.links import ServerLinks
from reprobox.web.run_page import Detail


def test_all_of_a_run_is_gathered(demo: World) -> None:
    run = named(demo, "baseline")
    made = run_page.gather(demo.context, run, ServerLinks())
    assert made.found.id == run
    assert made.events == ""
    assert ("train.lr", "0.01") in made.config
    assert made.of_kind("metric")
    assert len(made.logs) == 2
    assert made.pictures


def test_a_report_of_many_runs_shows_less_of_each(demo: World) -> None:
    small = Detail(outputs=1, curves=0, pictures=0, config=1)
    made = run_page.gather(demo.context, named(demo, "baseline"), ServerLinks(), small)
    assert (len(made.curves), len(made.pictures), len(made.config)) == (0, 0, 1)


def test_a_run_that_is_running_has_no_values_yet_and_a_place_for_more(world: World) -> None:
    live = world.intent(1)
    world.begin(live)
    made = run_page.gather(world.context, live.id, ServerLinks())
    assert made.found.record is None
    assert live.id in made.events
    assert made.of_kind("metric") == []


def test_packages_are_named_by_kind(world: World) -> None:
    found = list(run_page.packages(world.intent()))
    assert {kind for kind, _, _ in found} <= {"Python", "Conda", "Debian"}
    assert all(name and version for _, name, version in found)
    assert found


def test_a_run_that_is_not_there(world: World, site: Served) -> None:
    with pytest.raises(RunNotFound):
        run_page.gather(world.context, "20260101-000000-no-run-0000", ServerLinks())
    assert site.ask("/run/20260101-000000-no-run-0000")[0] == 404


def test_the_page_shows_the_command_and_its_end(demo: World, demo_site: Served) -> None:
    shown = text_of(demo_site.text(f"/run/{named(demo, 'baseline')}"))
    assert "train.py" in shown
