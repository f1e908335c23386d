"""The reader's process. Started by `reader.Reader`, speaks lines of JSON on stdin and stdout.

Requests are answered in a process that is forked from this one: limits first, then the files. It
is used again only after small files that it could read. So a pair that crashes or takes too long
costs only itself, and nothing is imported twice. Outputs are whatever the experiment wrote, so
their readers get little memory, little time, small files and no descriptors to spare.

A request names what is wanted:

    compare     two files: `left`, `right`, `name`, `only_numbers`, `tolerance`, `treatments`
    leaves      one file: `path`, `name`, `patterns` of leaves, `most` numbers of one array
    preview     one file: `path`, `name`; what is in it, for people
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import json
import math
import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_CHUNK = 1 << 16
_AROUND = 60
"""Bytes on each side of one that differs, in which text is looked for."""
_SMALL = 1 << 20
"""Bytes of both files. After larger ones the process ends, and gives its memory back."""
_REQUESTS = 500
"""Of one process, since libraries may leak."""
_SHARED = frozenset({"h5py", "numpy", "pyarrow", "PIL", "reprobox", "sqlite3", "yaml"})
"""Packages that are imported here once a request has needed them; the next ones need not."""


def main() -> None:
    """Answers requests until there are no more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is not an answer
    _import("reprobox.judge.formats.registry")
    worker: _Worker | None = None
    for line in sys.stdin.buffer:
        worker, answer = _answered(worker, line)
        for module in answer.pop("imported", []):
            _import(module)
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()
    if worker is not None:
        worker.finish()


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError as error:
        sys.stderr.write(f"{module}: {error}\n")


def _answered(worker: _Worker | None, line: bytes) -> tuple[_Worker | None, dict[str, Any]]:
    """The answer, and the worker that is ready for the next request.

    What a worker could not answer after earlier requests is asked again in a new one, so that no
    answer depends on the files that were read before.
    """
    if worker is not None:
        answer = worker.ask(line)
        if "why" not in answer:
            return worker.ready(), answer
        worker.finish()
    worker = _Worker()
    answer = worker.ask(line)
    return worker.ready(), answer


class _Worker:
    """A forked process that answers requests while their files are small and readable."""

    def __init__(self) -> None:
        requests, self._requests = os.pipe()
        self._answers, answers = os.pipe()
        gc.freeze()  # else the worker's first collection would copy every page
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._requests)
            os.close(self._answers)
            _work(requests, answers)
        os.close(requests)
        os.close(answers)
        self._reading = os.fdopen(self._answers, "rb")
        self._ended = False

    def ask(self, line: bytes) -> dict[str, Any]:
        """The answer; `why` where the worker ended instead."""
        try:
            data = memoryview(line)
            while data:
                data = data[os.write(self._requests, data) :]
            said = self._reading.readline()
        except BrokenPipeError:
            said = b""
        if not said.endswith(b"\n"):
            return {"why": _ended(self.finish())}
        answer: dict[str, Any] = json.loads(said)
        if answer.pop("last"):
            self.finish()
        return answer

    def ready(self) -> _Worker | None:
        """Itself, where it takes another request."""
        return None if self._ended else self

    def finish(self) -> int:
        """Ends it. Returns its wait status."""
        if self._ended:
            return 0
        self._ended = True
        os.close(self._requests)
        self._reading.close()
        return os.waitpid(self._pid, 0)[1]


def _ended(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if -code in (signal.SIGALRM, signal.SIGXCPU, signal.SIGKILL):
        return "the reader took longer than it may"
    what = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return f"the reader ended with {what}"


def _work(requests: int, answers: int) -> None:
    """Answers requests in this process, and ends it."""
    code, count = 1, 0
    try:
        known = set(sys.modules)
        for line in os.fdopen(requests, "rb"):
            count += 1
            answer, new = _answer(json.loads(line)), sys.modules.keys() - known
            known |= new
            answer["imported"] = [one for one in sorted(new) if one.partition(".")[0] in _SHARED]
            answer["last"] = last = "why" in answer or answer.pop("large") or count >= _REQUESTS
            data = memoryview(json.dumps(answer).encode() + b"\n")
            while data:
                data = data[os.write(answers, data) :]
            if last:
                break
        code = 0
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}"[:2000] + "\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Answers one request within its limits."""
    _limit(request["limits"])
    try:
        answer = _WANTED[request["want"]](request)
    except MemoryError:
        answer = {"why": "the reader ran out of its memory limit"}
    except RecursionError:
        answer = {"why": "a file nested too deeply"}
    except Exception as error:  # whatever else a library makes of a damaged file
        answer = {"why": f"the reader failed: {type(error).__name__}: {error}"[:400]}
    signal.alarm(0)
    return answer | {"large": request["size"] > _SMALL}


def _limit(limits: dict[str, int]) -> None:
    """Sets what one request may take, on top of what earlier ones took."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    wanted = limits | {"cpu": limits["cpu"] + math.ceil(used.ru_utime + used.ru_stime)}
    for kind, name in (
        (resource.RLIMIT_AS, "memory"),
        (resource.RLIMIT_CPU, "cpu"),
        (resource.RLIMIT_FSIZE, "unpacked"),
    ):
        _, hard = resource.getrlimit(kind)
        value = wanted[name] if hard == resource.RLIM_INFINITY else min(wanted[name], hard)
        resource.setrlimit(kind, (value, hard))
    signal.alarm(limits["wall"])  # nothing handles it, so it ends the process wherever it is
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def _compare(request: dict[str, Any]) -> dict[str, Any]:
    left, right = Path(request["left"]), Path(request["right"])
    places = _bytes(left, right)
    answer = places | _contents(request)
    if "same" not in answer and places["first_byte"] is not None:
        answer |= _around(left, right, places["first_byte"])
    return answer


def _around(left: Path, right: Path, place: int) -> dict[str, Any]:
    """The time or the text in which the first byte differs, of files that no reader knows; nothing,
    where it is in none.
    """
    from reprobox.judge import binary_clocks, chance

    if clock := binary_clocks.at(left, right, place):
        return {"by_chance": [clock]}
    texts = [_text_at(path, place) for path in (left, right)]
    if not all(texts):
        return {}
    kind = chance.kind_of("", *texts)
    first = {"kind": kind, "name": f"offset {place}", "left": texts[0], "right": texts[1]}
    return {"around": texts} | ({"by_chance": [{**first, "count": 1}]} if kind else {})


def _text_at(path: Path, place: int) -> str:
    """The printable characters around an offset; empty where there are fewer than four."""
    start = max(0, place - _AROUND)
    with path.open("rb") as file:
        file.seek(start)
        data = file.read(2 * _AROUND)
    for run in re.finditer(rb"[\x20-\x7e]{4,}", data):
        if run.start() <= place - start < run.end():
            return run[0].decode()
    return ""


def _bytes(left: Path, right: Path) -> dict[str, Any]:
    """Where the first byte differs, how many do when the sizes agree (a single one is a fault of
    its own kind), both digests.
    """
    first, count, offset = None, 0, 0
    hashed = hashlib.sha256(), hashlib.sha256()
    with left.open("rb") as ours, right.open("rb") as theirs:
        while True:
            one, other = ours.read(_CHUNK), theirs.read(_CHUNK)
            for hasher, chunk in zip(hashed, (one, other), strict=True):
                hasher.update(chunk)
            place, many = (0, 0) if one == other else _differing(one, other)
            if first is None and many:
                first = offset + place
            elif first is None and len(one) != len(other):
                first = offset + min(len(one), len(other))
            count += many
            offset += _CHUNK
            if not one and not other:
                break
    digests = [f"sha256:{hasher.hexdigest()}" for hasher in hashed]
    return {"first_byte": first, "digests": digests} | (
        {"bytes_differ": count} if left.stat().st_size == right.stat().st_size else {}
    )


def _differing(one: bytes, other: bytes) -> tuple[int, int]:
    """Where the first byte differs, as far as both go, and how many do; by one number of all bits,
    since a loop takes hours.
    """
    size = min(len(one), len(other))
    mine, yours = (int.from_bytes(side[:size], "big") for side in (one, other))
    bits = (mine ^ yours).to_bytes(size, "big")
    return size - len(bits.lstrip(b"\0")), size - bits.count(0)


def _contents(request: dict[str, Any]) -> dict[str, Any]:
    try:
        from reprobox.judge import content, leaves, tensors
        from reprobox.judge.formats.registry import DAMAGE
    except ImportError as error:
        return {"why": f"reading tensors needs NumPy: {error}"}
    sides: list[content.Content] = []
    try:
        sides += (_read(request, request[side], side) for side in ("left", "right"))
        answer = content.compare(
            sides[0],
            sides[1],
            tensors.Tolerance(**request["tolerance"]),
            only_numbers=request["only_numbers"],
            treatments=[_treatment(one) for one in request.get("treatments", ())],
            except_times=request.get("except_times", False),
        )
        return answer | (_packing(request, *sides) if answer["same"] else {})
    except leaves.Unreadable as error:
        which = "left" if not sides else "right" if len(sides) == 1 else "both"
        said = {"why": str(error), "side": which}
        return said | ({"reader": ", ".join(sides[0].readers)} if sides else {})
    except DAMAGE as error:  # arrays are read when they are compared
        return {"why": f"a damaged file: {type(error).__name__}: {error}"[:400]}


def _packing(request: dict[str, Any], *sides: Any) -> dict[str, Any]:
    """What differs in the packing of equal content, in words."""
    from reprobox.judge.formats import registry

    paths = (Path(request["left"]), Path(request["right"]))
    words = registry.packing(paths, sides)
    return {"packing": words} if words else {}


def _read(request: dict[str, Any], path: str | Path, scratch: str) -> Any:
    from reprobox.judge.formats import archives

    directory = Path(request["scratch"]) / scratch
    unpacker = archives.Unpacker(directory, request["limits"]["unpacked"])
    return unpacker.read(Path(path), request["name"])


def _treatment(said: dict[str, Any]) -> Any:
    from reprobox.judge import leaves, tensors

    tolerance = {key: said[key] for key in ("ulp", "atol", "rtol") if key in said}
    return leaves.Treatment(
        pattern=said["pattern"],
        compare=said.get("compare", "tolerance" if tolerance else "ignore"),
        tolerance=tensors.Tolerance(**tolerance),
    )


def _leaves(request: dict[str, Any]) -> dict[str, Any]:
    from reprobox.judge import content, leaves

    try:
        found = _read(request, request["path"], "one")
        patterns = [leaves.selector(pattern).match for pattern in request["patterns"]]

        def wanted(name: str) -> bool:
            return not patterns or any(matches(name) for matches in patterns)

        values = content.values(found, wanted, request["most"])
        return {"format": found.format, "reader": ", ".join(found.readers), "leaves": values}
    except leaves.Unreadable as error:
        return {"why": str(error)}


def _preview(request: dict[str, Any]) -> dict[str, Any]:
    from reprobox.judge import leaves, previews

    try:
        path = Path(request["path"])
        return previews.preview(path, request["name"], lambda: _read(request, path, "one"))
    except leaves.Unreadable as error:
        return {"why": str(error)}


_WANTED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "compare": _compare,
    "leaves": _leaves,
    "preview": _preview,
}


if __name__ == "__main__":
    main()
