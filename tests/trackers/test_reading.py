"""A long series is thinned."""

from __future__ import annotations

import json
from pathlib import Path

from tracker_values import series, values_of, write

from reprobox.trackers.reading import MAX_POINTS


def test_a_long_series_is_thinned_with_its_ends(tmp_path: Path) -> None:
    rows = "\n".join(json.dumps({"step": n, "loss": n / 2}) for n in range(12_000))
    write(tmp_path, {"log.jsonl": rows + "\n"})
    points = series(values_of(tmp_path))["loss"]
    assert len(points) == MAX_POINTS
    assert points[0] == (0, 0)
    assert points[-1] == (11_999, 5999.5)
