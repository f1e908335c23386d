"""Where `reprobox` starts: what can be answered, and has to be done, before the imports of a
command line.
"""

from __future__ import annotations

import gc
import os
import sys

HELP = os.path.join(os.path.dirname(__file__), "help.txt")
"""What `reprobox --help` prints, made by scripts/pages from the commands."""
_WIDTH = 80
"""Columns from which on the page is the same for every terminal (click's `max_content_width`)."""
_BETWEEN_COLLECTIONS = 50_000
"""Objects made before Python looks for cycles; its own 700 cost a tenth of a short command, whose
imports make no cycles worth finding.
"""


def main() -> None:
    """Runs the command of this process."""
    if sys.argv[1:] in (["--help"], ["-h"]) and _show_help():
        return
    gc.set_threshold(_BETWEEN_COLLECTIONS)
    from reprobox.cli import process

    process.main()


def _show_help() -> bool:
    """Prints the help page without the imports that make it, which take three quarters of its time;
    False where it would look different here or cannot be printed, which the command line can say.
    """
    named = os.path.basename(sys.argv[0]) == "reprobox"
    if not named or sys.stdout is None or "_REPROBOX_COMPLETE" in os.environ or _columns() < _WIDTH:
        return False
    try:
        with open(HELP, encoding="ascii") as file:
            sys.stdout.write(file.read())
        sys.stdout.flush()
    except OSError:
        return False
    return True


def _columns() -> int:
    """The terminal's, as `shutil.get_terminal_size` finds them, which imports three compressors."""
    try:
        said = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        said = 0
    if said > 0:
        return said
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or _WIDTH  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return _WIDTH


if __name__ == "__main__":
    main()
