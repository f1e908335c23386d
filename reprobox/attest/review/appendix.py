"""The artifact appendix of a paper, as ACM's and NeurIPS's forms ask for it: one content, written
as Markdown and as LaTeX.

Source: the headings of the Artifact Evaluation appendix (ctuning.org/ae, ACM sigconf), and the
items on experiments and compute of the NeurIPS paper checklist.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reprobox.attest.review.facts import Facts
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.units import counted, human, lasting


@dataclass(frozen=True, kw_only=True)
class Heading:
    text: str


@dataclass(frozen=True, kw_only=True)
class Items:
    """Names and values."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Commands:
    """Lines to type."""

    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Heading | Items | Commands | Table


def blocks(runs: Sequence[Facts], *, license_: str) -> Iterator[Block]:
    """The appendix."""
    yield Heading(text="Artifact check-list")
    yield Items(rows=tuple(_check_list(runs, license_)))
    yield Heading(text="Claims and how to check them")
    yield Table(
        columns=("claim", "run", "result", "time", "memory", "disk"),
        rows=tuple(row for run in runs for row in _claims(run)),
    )
    yield Heading(text="Installation")
    yield Commands(lines=("pip install reprobox", "reprobox doctor"))
    yield Heading(text="Smoke run")
    yield Commands(lines=("sh smoke.sh",))
    yield Heading(text="Experiment workflow")
    yield Commands(lines=("sh replay.sh",))
    yield Items(rows=tuple((run.title, run.command) for run in runs))
    yield Heading(text="Expected results")
    yield Items(rows=tuple((run.title, _expected(run)) for run in runs))
    yield Heading(text="Compute (NeurIPS checklist)")
    yield Table(
        columns=("run", "hardware", "time", "memory", "disk"),
        rows=tuple((run.title, run.hardware, run.time, run.peak, human(run.disk)) for run in runs),
    )


def _check_list(runs: Sequence[Facts], license_: str) -> Iterator[tuple[str, str]]:
    known = [run.seconds for run in runs if run.seconds is not None]
    yield "Program", "; ".join(dict.fromkeys(run.command for run in runs))
    yield "Data set", f"in the package, {human(sum(run.inputs for run in runs))}"
    environments = {f"{run.base}, Python {run.python}, {run.packages} packages" for run in runs}
    yield "Run-time environment", "; ".join(sorted(environments))
    yield "Hardware", "; ".join(sorted({run.hardware for run in runs}))
    yield "Network", "; ".join(sorted({run.network for run in runs}))
    yield "Output", counted(sum(len(run.outputs) for run in runs), "file")
    yield "Disk space", human(sum(run.disk + run.inputs for run in runs))
    yield "Time to complete", lasting(sum(known)) if len(known) == len(runs) else "not measured"
    yield "Seeds", ", ".join(sorted({str(run.seed) for run in runs}))
    yield "Code licence", license_ or "not given"


def _claims(run: Facts) -> Iterator[tuple[str, ...]]:
    measured = (run.time, run.peak, human(run.disk))
    for claim in run.claims:
        yield f"{claim.name}: {claim.text}", run.title, claim.outcome, *measured
    if not run.claims:
        what = f"{counted(len(run.outputs), 'output')} can be made again"
        replays = [str(replay.result) for replay in run.replays]
        yield what, run.title, replays[-1] if replays else "not replayed", *measured


def _expected(run: Facts) -> str:
    ends = f"exit code {run.exit}; "
    if run.profile == "observe":
        return f"{ends}no equal bits are promised (profile observe)"
    return f"{ends}the verdict of the replay is identical, or equal under the declared rules"


# ---- Markdown


def markdown(title: str, content: Sequence[Block]) -> str:
    """The appendix as Markdown."""
    lines = [f"# {title}", ""]
    for block in content:
        lines += [*_markdown(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def _markdown(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"## {block.text}"
    elif isinstance(block, Items):
        yield from (f"- **{name}**: {_plain(value)}" for name, value in block.rows)
    elif isinstance(block, Commands):
        yield from (f"    {line}" for line in block.lines)
    else:
        yield _row(block.columns)
        yield _row(["---"] * len(block.columns))
        yield from map(_row, block.rows)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_plain(cell).replace("|", "\\|") for cell in cells) + " |"


def _plain(text: str) -> str:
    """One line, in which nothing is markup."""
    return re.sub(r"([\\`*_<>\[\]])", r"\\\1", " ".join(text.split()))


# ---- LaTeX

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def latex(title: str, content: Sequence[Block]) -> str:
    """The appendix as LaTeX, to be included below `\\appendix`."""
    lines = [f"\\section{{{escaped(title)}}}", ""]
    for block in content:
        lines += [*_latex(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def _latex(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"\\subsection{{{escaped(block.text)}}}"
    elif isinstance(block, Items):
        yield r"\begin{itemize}"
        for name, value in block.rows:
            yield f"  \\item \\textbf{{{escaped(name)}}}: {escaped(value)}"
        yield r"\end{itemize}"
    elif isinstance(block, Commands):
        yield r"\begin{verbatim}"
        yield from block.lines
        yield r"\end{verbatim}"
    else:
        yield f"\\noindent\\begin{{tabular}}{{{'l' * len(block.columns)}}}"
        for row in (block.columns, *block.rows):
            yield "  " + " & ".join(map(escaped, row)) + r" \\"
        yield r"\end{tabular}"


def escaped(text: str) -> str:
    """One line of text, in which nothing is a command."""
    return "".join(_SPECIAL.get(letter, letter) for letter in " ".join(text.split()))
