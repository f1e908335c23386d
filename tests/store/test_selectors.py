"""Names by which a run is found."""

from __future__ import annotations

import pytest
from harness_runs import NOW, a_finished_run

from reprobox.errors import RunAmbiguous, RunNotFound
from reprobox.store.runs import Runs


def test_a_run_is_found_by_all_its_names(runs: Runs) -> None:
    first = a_finished_run(runs, now=NOW, name="baseline")
    second = a_finished_run(runs, now=NOW + 60, name="baseline", replay_of=first)
    third = a_finished_run(runs, now=NOW + 3600, name="wide")
    assert runs.find(first) == first
    assert runs.find("latest") == third
    assert (runs.find("latest~1"), runs.find("latest~2")) == (second, first)
    assert runs.find("baseline") == first
    assert runs.find("wide") == third
    assert runs.find(third[:15]) == third
    assert runs.find(third[16:]) == third
    with pytest.raises(RunAmbiguous) as caught:
        runs.find("20261120-15")
    assert first in caught.value.why
    assert caught.value.why.index(second) < caught.value.why.index(first)
    fourth = a_finished_run(runs, now=NOW + 7200, name="baseline")
    with pytest.raises(RunAmbiguous) as caught:
        runs.find("baseline")
    assert second not in caught.value.why
    assert runs.find("latest") == fourth


@pytest.mark.parametrize(
    "reference", ["", "latest~9", "nothing", "../../etc", "x' OR 1=1 --", "latest~", "\udcff"]
)
def test_what_means_nothing_is_not_found(runs: Runs, reference: str) -> None:
    a_finished_run(runs, now=NOW, name="baseline")
    a_finished_run(runs, now=NOW)
    with pytest.raises(RunNotFound):
        runs.find(reference)


def test_the_nearest_name_is_suggested(runs: Runs) -> None:
    run_id = a_finished_run(runs, name="baseline")
    with pytest.raises(RunNotFound, match="Did you mean baseline"):
        runs.find("basline")
    with pytest.raises(RunNotFound, match=run_id):
        runs.find(run_id[:-1] + ("0" if run_id[-1] != "0" else "1"))
