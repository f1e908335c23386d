"""Starts the programs under test by forking: a try costs milliseconds then, and not the start of an
interpreter.

Reads requests from stdin, a JSON object a line, and answers each with two lines: the process id,
and at its end the exit code. The process begins when the file `go` is there, so that strace can
take hold of it first. This process does nothing else, so every child begins with the same modules
loaded, and a call's number means the same call.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from typing import Any

import harness_program
import harness_travel
from harness_trace import TRAVEL


def child(request: dict[str, Any]) -> int:
    """The program, when it may."""
    for fd, name in ((1, request["out"]), (2, request["err"])):
        opened = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, fd)
        os.close(opened)
    os.close(0)
    os.open(os.devnull, os.O_RDONLY)
    sys.argv = ["program", request["root"], request["scenario"], request["variant"]]
    # strace comes only now, so that the numbers of calls do not depend on how quick it is.
    os.mkdir(request["ready"])
    # Neither of these calls is one that is counted or made fail.
    while not os.access(request["go"], os.F_OK):
        time.sleep(0.001)
    module = harness_travel if request["scenario"] in TRAVEL else harness_program
    try:
        return module.main()
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1


def main() -> None:
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            code = 70
            try:
                code = child(json.loads(line))
                sys.stderr.flush()
            finally:
                os._exit(code)
        sys.stdout.write(f"{process}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
