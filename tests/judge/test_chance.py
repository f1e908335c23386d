"""What a clock or a generator gave, recognised in values, and what only looks like it."""

from __future__ import annotations

from typing import Any

import pytest

from reprobox.judge.chance import kind_of, masked


@pytest.mark.parametrize(
    ("name", "left", "right", "kind"),
    [
        ("$.when", 1795269130.25, 1795269131.5, "a time"),
        ("$.when", 1795269130, 1795269131, "a time"),
        ("$.ms", 1795269130123, 1795269131123, "a time"),
        ("$.us", 1795269130123456, 1795269131123456, "a time"),
        ("$.ns", 1795269130123456789, 1795269131123456789, "a time"),
        ("$.t", "1795269130.5", "1795269131.25", "a time"),
        ("x", "2026-11-27T18:06:40.123Z", "2026-11-27T18:06:41Z", "a time"),
        ("x", "2026-11-27 18:06:40.123456+01:00", "2026-11-27 18:06:41.5+01:00", "a time"),
        ("x", "/work/multirun/2026-11-27/21-40-42/0", "/work/multirun/2026-11-27/21-41-01/0", "a time"),
        ("x", "20261127T180640Z", "20261127T180641Z", "a time"),
        ("x", "runs/Nov27_17-56-39_box", "runs/Nov27_17-57-39_box", "a time"),
        ("x", "Fri, 27 Nov 2026 18:06:40 GMT", "Sat, 28 Nov 2026 18:06:49 GMT", "a time"),
        ("x", "Fri Nov 27 18:06:40 2026", "Fri Nov 27 18:06:41 2026", "a time"),
        ("x", "at 18:06:40", "at 18:06:41", "a time"),
        ("x", "/CreationDate (D:20261127180640Z)", "/CreationDate (D:20261127180641Z)", "a time"),
        ("x", "/ModDate (D:20261127180640+01'00')", "/ModDate (D:20261127180641+01'00')", "a time"),
        ("line 3", "1795269130123 0.5 3", "1795269131123 0.5 3", "a time"),
        ("$.log_history[3].train_runtime", 3.25, 3.5, "a duration"),
        ("$.train_samples_per_second", 3.25, 3.5, "a duration"),
        ("duration", "0.25", "0.5", "a duration"),
        ("$.mean_fit_time[0]", 0.25, 0.5, "a duration"),
        ("line 3", "epoch 1 took 3.2 s", "epoch 1 took 12.31 s", "a duration"),
        ("x", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "7f9619ff-8b86-d011-b42d-00cf4fc964ff",
         "a random identifier"),
        ("$.run_id", "abc123def", "xyz123def", "a random identifier"),
        ("x", "<A at 0x7f0011223344>", "<A at 0x7f0011223355>", "a memory address"),
        ("x", "/tmp/a1/data.txt", "/tmp/b2/data.txt", "a temporary path"),
        ("x", "/tmp/tmpab12cd34", "/home/reprobox/tmpzz99yy88", "a temporary path"),
        ("line 4", "id: '178127960635717860'", "id: '999207501560084000'", "a random identifier"),
        ("$.pid", 12, 7, "a process"),
        ("x", "2026-11-27 took 3 s", "2026-11-28 took 4 s", "a time and a duration"),
        ("x", "1.2k tok/s", "1.3k tok/s", "a duration"),
        ("x", "3.5 MB/s", "3.6 MB/s", "a duration"),
        ("x", "1 day, 2:03:04.000001", "1 day, 2:03:05.000001", "a duration"),
        ("x", "Total time: 3.2", "Total time: 3.4", "a duration"),
        ("time (s)", 0.25, 0.5, "a duration"),
        ("$.throughput", 0.25, 0.5, "a duration"),
        ("$.obj", 94100000000000, 94100000000008, "a memory address"),
    ],
)  # fmt: skip
def test_it_is_recognised_in_all_its_forms(name: str, left: Any, right: Any, kind: str) -> None:
    assert kind_of(name, left, right) == kind


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("$.loss", 0.25, 0.5),
        ("$.accuracy", "0.5", "0.6"),
        ("line 1", "1795269130123 0.5 3", "1795269131123 0.6 3"),
        ("line 1", "[2026-11-27 18:06:40] loss 0.5", "[2026-11-27 18:06:41] loss 0.6"),
        ("$.count", 1600000000, 1999999999),
        ("$.version", "2.13.0", "2.14.0"),
        ("$.sha256", "a" * 64, "b" * 64),
        ("$.digest", "sha256:" + "a" * 64, "sha256:" + "b" * 64),
        ("$.weights_md5", "0a" * 16, "0b" * 16),
        ("$.id", 3, 4),
        ("$.flag", True, False),
        ("$.name", "resnet18", "resnet50"),
        ("$.x", "a time", "no time"),
        ("x", "time step 3", "time step 4"),
        ("x", "eta=0.3", "eta=0.1"),
        ("x", "3.5 MB", "3.6 MB"),
        ("$.obj", 140082919284305, 140078500585040),
        ("$.obj", 5000000000000, 5000000000008),
        ("$.time_step", 3, 4),
    ],
)
def test_what_the_program_computed_is_not(name: str, left: Any, right: Any) -> None:
    assert kind_of(name, left, right) is None


def test_a_large_whole_number_is_left_aside_by_no_rule() -> None:
    assert kind_of("$.samples", 1500000000, 1500000001) == "a time"
    assert kind_of("$.samples", 1500000000, 1500000001, sure=True) is None
    assert kind_of("$.timestamp", 1500000000, 1500000001, sure=True) == "a time"


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("$.time", 0.25, 0.5),
        ("$.speed", 0.25, 0.5),
        ("x", "speed 0.25", "speed 0.5"),
        ("x", "duration: 12 epochs", "duration: 13 epochs"),
        ("$.obj", 94100000000000, 94100000000008),
    ],
)
def test_what_may_be_another_thing_is_left_aside_by_no_rule(
    name: str, left: Any, right: Any
) -> None:
    assert kind_of(name, left, right) is not None
    assert kind_of(name, left, right, sure=True) is None


def test_a_masked_text_keeps_the_rest() -> None:
    assert masked("a 2026-11-27 b") == masked("a 2025-01-01 b") != masked("a 2026-11-27 c")
