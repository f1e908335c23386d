"""How long the page takes at the server: `python benchmarks/page.py [--runs 100000] [--mlflow PYTHON]`.

The runs are made here, without containers: each has its record, a config, and an output with two
metrics. Shown are the time of the first page (as its `Server-Timing` says, medians of nine), of a
page far back, and of filters and sorts by a metric. The index is made once; the metrics are put
into it as if they had been read before, or are read from the runs (`--read`, minutes). PYTHON has
mlflow: the same number of runs in its store, and the request of its own runs page, beside ours.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOP), str(TOP / "tests" / "support")]

from harness_runs import NOW, a_record, an_intent, an_output  # noqa: E402
from web_world import Served, served  # noqa: E402

from reprobox.context import Context  # noqa: E402
from reprobox.kit import canon  # noqa: E402
from reprobox.model import codec  # noqa: E402
from reprobox.store import layout, run_ids, run_values  # noqa: E402
from reprobox.store.output_manifest import outputs_manifest  # noqa: E402
from reprobox.store.run_values import Reader, RunValues  # noqa: E402
from reprobox.web.asked import Silence  # noqa: E402

PAGES = {
    "first page": "/runs",
    "page 1,000": "/runs?page=1000",
    "by state": "/runs?state=finished",
    "where accuracy > 0.999": "/runs?where=accuracy%3E0.999&columns=accuracy",
    "sorted by accuracy": "/runs?sort=-accuracy&columns=lr,accuracy",
    "verdicts": "/verdicts",
    "history": "/history",
}


def many(root: Path, count: int) -> dict[str, float]:
    """Writes runs as their documents, from one that is a template; the accuracy of each."""
    found = {}
    layout.ensure(root)
    mark, moment, number = "20000101-000000-aaaaa-bbbbb-0000", 123456789.5, 987654321.25
    data = b'{"accuracy": 0.987654, "loss": 0.1}'
    outputs = (an_output("metrics.json", data),)
    intent = an_intent(mark, now=moment, config={"lr": number, "seed": 1})
    record = codec.encode(a_record(intent, outputs)).decode()
    asked = codec.encode(intent).decode()
    for at in range(count):
        run_id = run_ids.new_id(NOW + at)
        accuracy = f"0.{(at * 7919) % 1_000_000:06d}"
        found[run_id] = float(accuracy)
        metrics = data.replace(b"0.987654", accuracy.encode())
        manifest = outputs_manifest((an_output("metrics.json", metrics),))
        changes = {
            mark: run_id,
            codec_number(moment): codec_number(NOW + at),
            codec_number(number): codec_number(round(0.1 / (1 + at % 97), 6)),
            canon.digest_bytes(outputs_manifest(outputs)): canon.digest_bytes(manifest),
        }
        run = root / "runs" / run_id
        (run / "outputs").mkdir(parents=True)
        (run / "outputs" / "metrics.json").write_bytes(metrics)
        sealed = replaced(record, changes).encode()
        (run / "intent.json").write_text(replaced(asked, changes))
        (run / "outputs.jsonl").write_bytes(manifest)
        (run / "record.sha256").write_text(f"{canon.digest_bytes(sealed)}\n")
        (run / "arrival").write_text(f"{at + 1}\n")
        (run / "record.json").write_bytes(sealed)
    return found


def as_read(known: dict[str, float]) -> Reader:
    """What reading the runs would find."""

    def read(ids: Sequence[str]) -> Iterator[tuple[str, RunValues]]:
        for run_id in ids:
            accuracy = ("metric", "accuracy", "metrics.json", known[run_id])
            loss = ("metric", "loss", "metrics.json", 0.1)
            rate = ("config", "lr", "", 0.01)
            yield run_id, RunValues(values=(accuracy, loss, rate))

    return read


def codec_number(value: float) -> str:
    return json.dumps(value)


def replaced(text: str, changes: dict[str, str]) -> str:
    return re.sub("|".join(map(re.escape, changes)), lambda found: changes[found[0]], text)


def row(site: Served, name: str, path: str) -> None:
    times = []
    for _ in range(9):
        status, headers, _ = site.ask(path)
        assert status == 200, (path, status)
        times.append(float(headers["server-timing"].partition("dur=")[2]))
    print(f"| {name} | {statistics.median(times):.0f} | {max(times):.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--read", action="store_true", help="read the metrics from the runs")
    parser.add_argument("--mlflow", help="an interpreter with mlflow", metavar="PYTHON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as at:
        top = Path(at) / "project"
        top.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=top, check=True)
        os.environ["REPROBOX_HOME"] = str(Path(at) / "home")
        begun = time.perf_counter()
        known = many(top / ".reprobox", options.runs)
        print(f"{options.runs:,} runs, made in {time.perf_counter() - begun:.0f} s")
        context = Context(start=top, progress=Silence())
        begun = time.perf_counter()
        context.runs.index.rows(limit=1)
        print(f"the index, once: {time.perf_counter() - begun:.0f} s", flush=True)
        if not options.read:
            run_values._BATCH = (
                20_000  # no figure here is about this, and a slow disk makes it long
            )
            context.runs.index.ask_values(as_read(known), lambda _: True)
        begun = time.perf_counter()
        with served(context) as site:
            print(f"all metrics: {time.perf_counter() - begun:.0f} s\n", flush=True)
            print("| page | ms at the server | at most |\n|---|---|---|")
            for name, path in PAGES.items():
                row(site, name, path)
    if options.mlflow:
        print("\n| MLflow's request for | ms at the client | at most |\n|---|---|---|", flush=True)
        beside = Path(__file__).with_name("page_mlflow.py")
        subprocess.run([options.mlflow, beside, str(options.runs)], check=True)


if __name__ == "__main__":
    main()
