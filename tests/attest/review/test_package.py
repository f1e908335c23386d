"""The reviewers' documents, read by parsers and schemas of their formats."""

from __future__ import annotations

from review_world import ABOUT, some_facts

from reprobox.attest.review import package


def test_the_readme_says_what_the_checker_puts_in_when_it_is_published() -> None:
    said = "When the certificate is published, `report` becomes its DOI"
    assert said in package.files([some_facts()], ABOUT, smoke_steps=None)["README.md"]
    assert said not in package.files([some_facts(replays=())], ABOUT, smoke_steps=None)["README.md"]


def test_a_smoke_run_takes_the_shortest_run_and_few_steps_where_asked() -> None:
    short, long = some_facts(run="short", seconds=5.0), some_facts(run="long", seconds=50.0)
    made = package.files([long, short], ABOUT, smoke_steps=20)
    assert "reprobox replay short --budget-steps 20\n" in made["smoke.sh"]
    assert "for run in long short; do" in made["replay.sh"]
    assert "--budget-steps" not in package.files([short], ABOUT, smoke_steps=None)["smoke.sh"]
