"""Changes every byte of a small file of each format, again and again, and compares: `make mutate`.

    python tests/mutate.py [--bytes N] [FORMAT ...]

Ends with 1 where a reader called a changed file equal although the byte is on no list.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / "support"), str(Path(__file__).parents[1])]

from reader_flips import flips, judged  # noqa: E402
from reader_pairs import pairs  # noqa: E402

from tests.judge.formats import test_pairs, test_pairs_of_files  # noqa: E402

KINDS = sorted({*test_pairs.COUNTS, *test_pairs_of_files.COUNTS})


def one(kind: str, count: int) -> tuple[str, int, dict[str, object]]:
    """So many changes to files of one format."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as directory:
        home, chance = Path(directory), random.Random(kind)
        pair = next(pairs(home / "pairs", kind, 1))
        data = pair.paths[0].read_bytes()
        offsets = [place % len(data) for place in range(count)]
        return (
            kind,
            len(data),
            asdict(judged(home, kind, pair.name, data, flips(data, offsets, chance))),
        )


def main() -> int:
    """The table, a row a format."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="FORMAT")
    parser.add_argument("--bytes", type=int, default=1_000_000, help="over all formats")
    said = parser.parse_args()
    kinds = said.kinds or KINDS
    overlooked = 0
    sys.stdout.write("| format | size | different | not checked | on the list | overlooked |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    with ProcessPoolExecutor() as pool:
        share = -(-said.bytes // len(kinds))
        for kind, size, found in pool.map(one, kinds, [share] * len(kinds)):
            wrong = found["wrong"]
            overlooked += len(wrong)  # type: ignore[arg-type]
            row = (kind, size, found["different"], found["not_checked"], found["on_the_list"])
            sys.stdout.write(f"| {' | '.join(map(str, row))} | {len(wrong)} |\n")  # type: ignore[arg-type]
            sys.stdout.flush()
    return int(overlooked > 0)


if __name__ == "__main__":
    raise SystemExit(main())
