"""Names that a clock, a host, a process or a generator gave, and their counterparts."""

from __future__ import annotations

import pytest

from reprobox.judge import renames
from reprobox.kit import canon
from reprobox.model.outcome import OutputFile


def tree(files: dict[str, bytes]) -> dict[str, OutputFile]:
    return {
        path: OutputFile(
            path=path,
            kind="file",
            size=len(data),
            mode=0o644,
            sha256=canon.digest_bytes(data),
        )
        for path, data in files.items()
    }


def paired(ours: dict[str, bytes], theirs: dict[str, bytes]) -> dict[str, str]:
    return renames.partners(tree(ours), tree(theirs))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            "runs/Nov27_17-56-39_box/events.out.tfevents.1795269130.box.6.0",
            "runs/Nov27_17-59-01_box/events.out.tfevents.1795269555.box.17.0",
        ),
        (
            "logs/events.out.tfevents.1795269130.a.box.org.6.0.v2",
            "logs/events.out.tfevents.1795269131.b.17.0.v2",
        ),
        ("outputs/2026-11-27/23-59-59/.hydra/hydra.yaml", "outputs/2026-11-28/00-00-01/.hydra/hydra.yaml"),
        ("multirun/2026-11-27/18-00-00/0/m.pt", "multirun/2026-11-27/18-00-09/0/m.pt"),
        (
            f"mlruns/123456789012345678/{'0a' * 16}/metrics/loss",
            f"mlruns/223456789012345678/{'0b' * 16}/metrics/loss",
        ),
        (f"mlruns/0/models/m-{'0a' * 16}/MLmodel", f"mlruns/0/models/m-{'0c' * 16}/MLmodel"),
        (
            "wandb/offline-run-20261127_180640-ab12cd34/run-ab12cd34.wandb",
            "wandb/offline-run-20261127_180659-zz12cd34/run-zz12cd34.wandb",
        ),
        ("wandb/run-20261127_180640-abcdefgh/x", "wandb/run-20261127_180641-12345678/x"),
        ("a-6f9619ff-8b86-d011-b42d-00cf4fc964ff", "a-7f9619ff-8b86-d011-b42d-00cf4fc964fe"),
        ("tmpx8_a2k2q/a", "tmpq8_a2k2q/a"),
        ("tmp.Xy12AbCd90", "tmp.Ab12AbCd91"),
        ("a.1795269130123.json", "a.1795269139999.json"),
        ("flow/1795269130123456/step", "flow/1795269130999999/step"),
        ("log_20261121-130001.csv", "log_20261121-130102.csv"),
        ("model 2026-11-27 18:06:40.123456.pt", "model 2026-11-27 18:06:41.654321.pt"),
        ("2026-11-27T18:06:40Z.json", "2026-11-27T18:07:40Z.json"),
        ("run.pid4711.log", "run.pid12.log"),
        (
            "t_abc12_00000_0_lr=0.1_2026-11-27_18-06-40/r.json",
            "t_0bc12_00000_0_lr=0.1_2026-11-27_18-06-41/r.json",
        ),
    ],
)  # fmt: skip
def test_one_file_of_each_run_is_paired(ours: str, theirs: str) -> None:
    assert paired({ours: b"x", "same": b""}, {theirs: b"y", "same": b""}) == {ours: theirs}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("epoch3.pt", "epoch4.pt"),
        ("checkpoint-500/model", "checkpoint-600/model"),
        ("step_00001000.pt", "step_00002000.pt"),
        ("resnet50.pt", "resnet18.pt"),
        ("a/x_1795269130.csv", "b/x_1795269131.csv"),
        ("fold-1/2026-11-27.csv", "fold-2/2026-11-28.csv"),
        ("template.txt", "tempfile.txt"),
        ("lr=0.1234567890", "lr=0.2234567890"),
        ("x_1795269130", "x_1795269131/y"),
    ],
)
def test_a_number_with_a_meaning_is_not_paired(ours: str, theirs: str) -> None:
    assert paired({ours: b"x"}, {theirs: b"x"}) == {}


def test_a_directory_has_one_counterpart() -> None:
    """Both runs made two; what is in them says which is which."""
    ours = {
        "outputs/2026-11-27/18-00-01/a": b"first", "outputs/2026-11-27/18-00-01/b": b"same",
        "outputs/2026-11-27/18-00-02/a": b"second", "outputs/2026-11-27/18-00-02/b": b"same",
    }  # fmt: skip
    theirs = {path.replace("18-00-0", "18-00-1"): data for path, data in ours.items()}
    assert paired(ours, theirs) == {path: path.replace("18-00-0", "18-00-1") for path in ours}
    shifted = {path.replace("18-00-02", "18-00-03").replace("18-00-01", "18-00-02"): data
               for path, data in ours.items()}  # fmt: skip
    assert paired(ours, shifted) == {
        path: path.replace("18-00-02", "18-00-03").replace("18-00-01", "18-00-02") for path in ours
    }


def test_what_is_ambiguous_is_not_paired() -> None:
    one, two, three = ("0a" * 16, "0b" * 16, "0c" * 16)
    assert paired({one: b"x"}, {two: b"x", three: b"x"}) == {}
    assert paired({one: b"x", two: b"y"}, {three: b"p", "0d" * 16: b"q"}) == {}
    assert paired({one: b"x", two: b"y"}, {three: b"y", "0d" * 16: b"q"}) == {
        one: "0d" * 16,
        two: three,
    }
    assert paired({"x_1795269130": b"1"}, {"x_1795269131": b"2", "x_1795269132": b"3"}) == {}


def test_several_of_one_clock_are_paired_in_their_order() -> None:
    ours = {f"log_2026112{day}-000000.csv": bytes([day]) for day in range(3)}
    theirs = {f"log_2026112{day + 3}-000000.csv": bytes([day + 9]) for day in range(3)}
    assert paired(ours, theirs) == dict(zip(ours, theirs, strict=True))


def test_a_pattern_matches_the_name_of_each_run() -> None:
    assert renames.pattern("runs/Nov27_17-56-39_box/events.out.tfevents.1795269130.box.6.0") == (
        "runs/*_box/events.out.tfevents.*.0"
    )
    assert renames.pattern("outputs/2026-11-27/18-00-01/a.pt") == "outputs/*/*/a.pt"
