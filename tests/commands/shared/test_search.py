"""Where the trials of a sweep come from, also after a supervisor has died."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprobox.commands.shared import search as searches
from reprobox.config.sweep_grammar import parse
from reprobox.errors import UsageError
from reprobox.model.sweep import Search, Sweep, Trial


def a_sweep(search: Search | None = None) -> Sweep:
    return Sweep(id="s", commit="c", config_path="config.yaml", overrides=(), search=search)


def test_a_grid_goes_on_where_it_was() -> None:
    plan = parse(["a=1,2", "b=x,y"])
    first = searches.Grid(plan)
    assert first.next() == (0, ("a=1", "b=x"))
    again = searches.Grid(plan)
    again.begun(Trial(number=0, run="r", overrides=()))
    again.ended(Trial(number=2, run="q", overrides=()), {}, failed=False)
    assert [again.next(), again.next()] == [(1, ("a=1", "b=y")), (3, ("a=2", "b=y"))]
    assert again.next() is None
    assert not again.more()


def test_a_search_goes_on_where_it_was(tmp_path: Path) -> None:
    """Optuna's own storage; a trial that was asked for and never claimed is asked for anew."""
    wanted = Search(sampler="tpe", trials=12, metric="m", goal="maximize", seed=1)
    plan = parse(["x=interval(0.0,1)", "n=interval(1,8)", "kind=choice(a,b)", "fixed=3"])
    claims: list[Trial] = []
    for supervisor in range(3):
        source = searches.Study(a_sweep(wanted), wanted, plan, tmp_path / "search.db")
        for claim in claims:
            source.ended(claim, {"m": float(claim.overrides[1].split("=")[1])}, failed=False)
        source.next() if supervisor < 2 else None  # dies before it claims
        while source.more() and len(claims) < 4 * (supervisor + 1):
            point = source.next()
            assert point is not None
            claims.append(Trial(number=point[0], run="r", overrides=point[1]))
            value = float(point[1][1].split("=")[1])
            source.ended(claims[-1], {"m": value}, failed=False)
        source.close()
        assert not [fd for fd in Path("/proc/self/fd").iterdir() if _leads_to(fd, "search.db")]
    assert len(claims) == len({claim.number for claim in claims}) == 12
    assert all(claim.overrides[0] == "fixed=3" for claim in claims)
    assert all(claim.overrides[2].split("=")[1].isdigit() for claim in claims)
    later = [float(claim.overrides[1].split("=")[1]) for claim in claims[-4:]]
    assert max(later) > 0.7


def _leads_to(fd: Path, name: str) -> bool:
    try:
        return fd.readlink().name == name
    except FileNotFoundError:  # the one by which the directory was read
        return False


def test_a_search_without_a_metric_or_sampler() -> None:
    plan = parse(["x=interval(0,1)"])
    with pytest.raises(UsageError, match="unknown search 'magic'"):
        searches.check(Search(sampler="magic", trials=1, metric="m", goal="minimize"), plan)
