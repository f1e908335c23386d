"""The list of runs: its columns, order, groups and pages."""

from __future__ import annotations

from web_world import Served, World, named, text_of

from reprobox.web import runs_page
from reprobox.web.asked import Asked
from reprobox.web.links import ServerLinks


def asked(world: World, **query: list[str]) -> Asked:
    return Asked(context=world.context, links=ServerLinks(), query=query)


def test_the_metrics_that_runs_have_are_its_columns(demo: World) -> None:
    facts = runs_page.page(asked(demo)).facts
    assert facts["total"] == len(list(demo.runs.list()))
    assert facts["given"]["columns"]
    none = runs_page.page(asked(demo, columns=[""])).facts
    assert none["given"]["columns"] == ""
    assert [head.title for head in none["heads"]] == [
        "run",
        "state",
        "exit",
        "took",
        "commit",
        "replay of",
    ]


def test_a_head_sorts_and_sorts_the_other_way_round(demo: World) -> None:
    def head(sort: str) -> runs_page.Head:
        heads = runs_page.page(asked(demo, sort=[sort], columns=[""])).facts["heads"]
        return next(one for one in heads if one.title == "took")

    assert (head("-took").order, head("took").order, head("created").order) == (
        "descending",
        "ascending",
        "none",
    )
    assert head("-took").address == "/runs?sort=took"
    assert head("took").address == "/runs?sort=-took"


def test_pages_lead_to_each_other_and_nowhere_else(world: World) -> None:
    found = runs_page._pages(asked(world, name=["x"]), 2, runs_page.SIZE * 3 + 1)
    assert (found["number"], found["last"]) == (2, 4)
    assert dict(found["steps"]) == {
        "first": "/runs?name=x&page=1",
        "previous": "/runs?name=x&page=1",
        "next": "/runs?name=x&page=3",
        "last": "/runs?name=x&page=4",
    }
    only = runs_page._pages(asked(world), 1, 0)
    assert (only["last"], set(dict(only["steps"]).values())) == (1, {""})


def test_before_the_metrics_are_read_a_question_about_them_waits(world: World) -> None:
    waits = Asked(
        context=world.context, links=ServerLinks(), query={"where": ["a > 1"]}, values_read=False
    )
    assert runs_page.page(waits).facts["waiting"] is True


def test_runs_in_groups(demo: World, demo_site: Served) -> None:
    page = runs_page.page(asked(demo, group=["train.lr"]))
    assert page.title == "Runs in groups"
    assert page.facts["groups"] >= 2
    assert "baseline" in text_of(demo_site.text("/runs", name="baseline"))
    assert named(demo, "baseline") in demo_site.text("/runs", name="baseline")
