"""One of many processes that use one store at the same moment: `python harness_many.py ROOT NUMBER
OPERATIONS`.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from harness_runs import NOW, a_finished_run

from reprobox.errors import RunNotFound
from reprobox.kit import canon
from reprobox.store import garbage
from reprobox.store.objects import ObjectStore
from reprobox.store.runs import Runs


def main() -> int:
    root, number, operations = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    chance, mine = random.Random(number), list[str]()
    store, runs = ObjectStore(root), Runs(root)
    for step in range(operations):
        data = b"shared %d" % chance.randrange(20)
        if store.put_bytes(data) != canon.digest_bytes(data) or not store.verify(
            canon.digest_bytes(data)
        ):
            return 1
        choice = chance.randrange(10)
        if choice < 4:
            mine.append(a_finished_run(runs, now=NOW + step, name=f"process-{number}"))
        elif choice < 6:
            if not set(mine) <= {row.id for row in runs.list(name=f"process-{number}")}:
                return 2
        elif choice == 6 and mine:
            runs.remove(mine.pop())
        elif choice == 7:
            garbage.carry_out(root, garbage.plan(root))
        elif mine:
            try:
                runs.record(runs.find(chance.choice(mine)))
            except RunNotFound:
                return 3
    sys.stdout.write(" ".join(mine))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
