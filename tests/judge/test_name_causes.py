"""Names that each run draws anew, as causes that say how to settle them."""

from __future__ import annotations

import pytest

from reprobox.judge import name_causes
from reprobox.model.verdict import FileDetail, FileState, FileVerdict


def test_the_same_bytes_under_a_name_without_a_pattern_are_named() -> None:
    def one(path: str, state: FileState, digest: str, size: int = 9) -> FileVerdict:
        sides = {"ours": digest} if state is FileState.MISSING else {"theirs": digest}
        return FileVerdict(path=path, state=state, size=size, **sides)

    files = [
        one("cache_qx", FileState.MISSING, "sha256:aa"),
        one("cache_zy", FileState.EXTRA, "sha256:aa"),
        one("empty", FileState.MISSING, "sha256:ee", 0),
        one("void", FileState.EXTRA, "sha256:ee", 0),
        one("twice", FileState.MISSING, "sha256:bb"),
        *(one(path, FileState.EXTRA, "sha256:bb") for path in ("x", "y")),
    ]
    assert [(cause.ours, cause.theirs) for cause in name_causes.causes(files)] == [
        ("cache_qx", "cache_zy")
    ]


def renamed(path: str, other: str) -> FileVerdict:
    return FileVerdict(path=path, state=FileState.RENAMED, detail=FileDetail(other_name=other))


def test_the_files_of_one_directory_are_one_cause() -> None:
    one, other = "outputs/2026-11-28/04-20-21", "outputs/2026-11-29/05-10-00"
    files = [renamed(f"{one}/{name}", f"{other}/{name}") for name in ("a.csv", "log/b.csv")]
    [cause] = name_causes.causes(files)
    assert (cause.ours, cause.theirs) == (one, other)
    assert "hydra.run.dir=outputs" in cause.advice
    assert cause.what.endswith("in the name")


@pytest.mark.parametrize(
    ("path", "other", "advice"),
    [
        ("mlruns/0/ab12/metrics", "mlruns/0/cd34/metrics", "rules: [mlflow]"),
        ("wandb/run-1/x", "wandb/run-2/x", "rules: [wandb]"),
        (
            "logs/events.out.tfevents.17.h.1",
            "logs/events.out.tfevents.18.h.2",
            "rules: [tensorboard]",
        ),
        ("multirun/2026-11-28/x", "multirun/2026-11-29/x", "hydra.sweep.dir"),
        ("model_1795839621.pt", "model_1795839699.pt", "except-times"),
    ],
)
def test_the_tool_that_draws_a_name_decides_the_advice(path: str, other: str, advice: str) -> None:
    [cause] = name_causes.causes([renamed(path, other)])
    assert advice in cause.advice


def test_files_that_kept_their_names_are_no_cause_and_of_many_a_few_are_shown() -> None:
    kept = [FileVerdict(path="a", state=FileState.DIFFERENT)]
    assert list(name_causes.causes(kept)) == []
    many = [renamed(f"run_{n}_1795839621/x", f"run_{n}_1795839699/x") for n in range(9)]
    assert len(list(name_causes.causes(many))) == 4
