"""Outputs of a program without torch, in which a difference can be planted; see ../planted.py."""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLANT = next(
    line.split()[1]
    for line in Path(sys.argv[1]).read_text().splitlines()
    if line.startswith("plant:")
)
PLANTED = os.environ.get("PLANT") == "planted"


def main() -> None:
    report = {"words": ["adam", "sgd"], "finished": 0.0, "scratch": "", "child": 0.0}
    if PLANT == "order":
        report["words"] = list(
            {"adam", "sgd", "rmsprop", "adagrad", "lion", "muon", "lamb", "lars"}
        )
    if PLANT == "time":
        report["finished"] = time.time()
    if PLANT == "temporary":
        report["scratch"] = tempfile.mkdtemp()
    if PLANT == "escaped":
        done = subprocess.run(
            [sys.executable, "-I", "-c", "import random; print(random.random())"],
            capture_output=True,
            check=True,
        )
        report["child"] = float(done.stdout)
    Path("report.json").write_text(json.dumps(report))
    blob = bytearray(random.randbytes(4096))
    if PLANT == "byte" and PLANTED:
        blob[1234] ^= 4
    Path("blob.bin").write_bytes(blob)


if __name__ == "__main__":
    main()
