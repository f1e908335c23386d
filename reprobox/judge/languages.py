"""Programs that are not Python: which of them draw numbers, and how each is given a seed."""

from __future__ import annotations

from collections.abc import Sequence

from reprobox.kit.regex import regex

_SEEDS = (
    (r"R|Rscript|littler|r", "R draws from a generator of its own: call set.seed(1) in the script"),
    (
        r"julia",
        "Julia draws from a generator of its own: call Random.seed!(1), and use one thread",
    ),
    (r"node|nodejs|deno|bun", "Math.random of JavaScript takes no seed: use a generator that does"),
    (r"octave(-cli)?|matlab", "call rand('twister', 1) and randn('twister', 1) in the script"),
    (r"perl[\d.]*", "call srand(1) in the script"),
    (r"ruby[\d.]*", "call srand(1) in the script"),
    (r"lua[\d.]*|luajit|th", "call math.randomseed(1) in the script"),
    (r"java", "give java.util.Random a seed, and use one thread"),
    (r"g?awk|mawk", "call srand(1) in a BEGIN block"),
)
_PROGRAMS = tuple((regex(pattern), advice) for pattern, advice in _SEEDS)
_ASKS = frozenset(
    {
        *("uname", "arch", "hostname", "getconf", "lscpu", "nproc", "id", "whoami", "locale"),
        *("ldconfig", "ldd", "gcc", "cc", "g++", "c++", "clang", "ld", "as", "objdump", "nm"),
        *("git", "which", "file", "tty", "stty", "lsb_release", "nvidia-smi", "rocm-smi", "env"),
        *("dpkg", "dpkg-query", "pip", "df", "free", "ps", "readlink", "dirname", "basename"),
        *("infocmp", "tput", "pkg-config", "cat", "ls", "true", "false", "mkdir"),
    }
)
"""Programs that libraries start to ask about the machine; none of them draws a number."""


def seed_advice(argv: Sequence[str]) -> str:
    """How a program of another language is given a seed; empty where that is not known."""
    name = _name(argv)
    return next((advice for known, advice in _PROGRAMS if known.fullmatch(name)), "")


def only_asks(argv: Sequence[str]) -> bool:
    """Whether a command only asks about the machine, and so explains no difference."""
    return _name(argv) in _ASKS


def _name(argv: Sequence[str]) -> str:
    """The program; of a shell's line its first word."""
    words = list(argv)
    if words and words[0].rpartition("/")[2] in ("sh", "bash", "dash") and "-c" in words[:2]:
        words = words[words.index("-c") + 1 :]
    first = " ".join(words[:1]).split()
    return first[0].rpartition("/")[2] if first else ""
