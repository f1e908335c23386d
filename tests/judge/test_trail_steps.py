"""Two trails, step by step and tensor by tensor."""

from __future__ import annotations

import json
from pathlib import Path

from web_demo import trail

from reprobox.judge import trail as judge_trail
from reprobox.judge import trail_steps


def test_trails_as_steps_and_tensors(tmp_path: Path) -> None:
    sides = []
    for name, diverges in (("a", None), ("b", 20)):
        path = tmp_path / name
        path.write_text("".join(json.dumps(line) + "\n" for line in trail(diverges, 25)))
        sides.append(judge_trail.read(path))
    found = trail_steps.compare(*sides)
    firsts = {row.name: row.first for row in found.rows}
    assert firsts == {
        "torch": None, "conv1.weight": 22, "conv1.bias": 23, "conv2.weight": 19,
        "conv2.bias": 20, "fc.weight": 21, "fc.bias": 21,
    }  # fmt: skip
    assert found.shares[18] == (19, 0.0)
    assert found.shares[19] == (20, 1 / 6)
    assert found.shares[-1] == (25, 1.0)
