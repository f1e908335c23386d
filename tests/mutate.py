"""Changes every byte of small files of each format, again and again, and compares: `make mutate`.

    python tests/mutate.py [--bytes N] [--jobs N] [--seed N] [FORMAT ...]

First each byte of each file is changed once, then random ones until there were enough. Ends with 1
where a reader called a changed file equal although the byte is on no list or the format's own
library reads another value, or where a reader failed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / "support"), str(Path(__file__).parents[1])]

from reader_flips import Found, Small, damage, every_byte, flips, judged, small_files  # noqa: E402

from tests.judge.formats import test_pairs, test_pairs_of_files  # noqa: E402

KINDS = sorted({*test_pairs.COUNTS, *test_pairs_of_files.COUNTS})
_SHOWN = 40
"""Wrong ones of a format that are shown."""
_DAMAGED = 50
"""Of so many changes one is no byte but an end that is cut off, or a number."""


@dataclass
class Row:
    """What came of the files of one format."""

    kind: str
    files: int = 0
    size: int = 0
    seconds: float = 0.0
    found: Found = field(default_factory=Found)

    def text(self) -> str:
        """A line of the table."""
        found = self.found
        rate = found.count / self.seconds if self.seconds else 0
        cells = (self.kind, self.files, self.size, found.count, found.different, found.not_checked)
        counts = (found.on_the_list, found.ended, len(found.wrong), f"{rate:,.0f}")
        return f"| {' | '.join(map(str, (*cells, *counts)))} |\n"


def one(kind: str, files: list[Small], count: int, seed: int) -> Row:
    """So many changes to files of one format, and at least each byte once."""
    row = Row(kind, len(files), sum(len(file.data) for file in files))
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=_in_memory()) as home:
        for file in files:
            chance = random.Random(f"{kind} {seed} {len(file.data)}")
            share = max(len(file.data), count * len(file.data) // row.size)
            changes = [*every_byte(file, chance)]
            changes += damage(file.data, share // _DAMAGED // 2, chance)
            places = (chance.randrange(len(file.data)) for _ in iter(int, 1))
            changes += islice(flips(file.data, places, chance), max(0, share - len(changes)))
            row.found.add(judged(Path(home), file, changes))
    row.seconds = time.perf_counter() - begin
    return row


def _in_memory() -> str | None:
    """A directory in memory where there is one: each change is a file."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def main() -> int:
    """The table, a row a format."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="FORMAT")
    parser.add_argument("--bytes", type=int, default=1_000_000, help="over all formats")
    parser.add_argument("--jobs", type=int, help="processes; default: one a core")
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    kinds = said.kinds or KINDS
    files = {kind: [file for file in small_files(*kinds) if file.kind == kind] for kind in kinds}
    share = -(-said.bytes // len(kinds))
    wrong: list[str] = []
    total = bad = 0
    sys.stdout.write(
        "| format | files | bytes of them | changes | different | not checked | on the list | "
        "library ended | wrong | a second |\n|---|---|---|---|---|---|---|---|---|---|\n"
    )
    with ProcessPoolExecutor(said.jobs) as pool:
        work = [pool.submit(one, kind, files[kind], share, said.seed) for kind in kinds]
        for done in work:
            row = done.result()
            wrong += [f"{row.kind}: {text}" for text in row.found.wrong[:_SHOWN]]
            bad += len(row.found.wrong)
            total += row.found.count
            sys.stdout.write(row.text())
            sys.stdout.flush()
    sys.stdout.write(f"\n{total:,} changes, {bad} wrong\n{chr(10).join(wrong)}\n")
    return int(bool(bad))


if __name__ == "__main__":
    raise SystemExit(main())
