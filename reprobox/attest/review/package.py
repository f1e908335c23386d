"""The text files of a reviewers' package, by their paths in it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from reprobox.attest.review import appendix, codecheck, zenodo
from reprobox.attest.review.facts import Facts
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.units import counted
from reprobox.model import codec

BUNDLE = "runs.rbx"
_BEGIN = """\
#!/bin/sh
# Needs reprobox, git and a container engine (`reprobox doctor` says what is missing).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
git init -q
reprobox import "$here/{bundle}"
"""

_README = """\
# {title}

{runs}, recorded by reprobox with all that is needed to make them again.

- `sh smoke.sh`: verifies and replays the shortest run.
- `sh replay.sh`: replays all runs. Each ends with its verdict; exit code 0 for the same.
- `appendix.md`, `appendix.tex`: the artifact appendix, with claims, time, memory, disk and
  hardware as measured. `claims.json` has the same for programs.
- `codecheck.yml`{report}: for CODECHECK. `.zenodo.json`: for Zenodo.{publish}
- `runs/`: each run with its outputs, as an RO-Crate.
- `{bundle}`: the runs with code, inputs and environment, for `reprobox import`.

| run | command | time | peak memory |
|---|---|---|---|
"""


_PUBLISH = """
  When the certificate is published, `report` becomes its DOI, and `certificate` the number that
  CODECHECK's register gave it."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What the author says of the package."""

    title: str
    authors: tuple[str, ...]
    repository: str = ""
    license: str = ""
    version: str = ""
    """Of reprobox."""


def files(runs: Sequence[Facts], about: About, *, smoke_steps: int | None) -> dict[str, str]:
    """All texts.

    Args:
        smoke_steps: so many first steps are a smoke run of minutes; None: the shortest run whole.
    """
    content = tuple(appendix.blocks(runs, license_=about.license))
    made = {
        "README.md": _readme(runs, about),
        "claims.json": canon.canonical([codec.to_json(run) for run in runs]).decode() + "\n",
        "appendix.md": appendix.markdown("Artifact appendix", content),
        "appendix.tex": appendix.latex("Artifact appendix", content),
        "codecheck.yml": codecheck.config(
            runs, title=about.title, authors=about.authors, repository=about.repository
        ),
        ".zenodo.json": zenodo.metadata(
            runs,
            title=about.title,
            authors=about.authors,
            repository=about.repository,
            license_=about.license,
            version=about.version,
        ),
        "smoke.sh": _smoke(runs, smoke_steps),
        "replay.sh": _replays(runs),
    }
    if any(run.replays for run in runs):
        made[codecheck.REPORT] = codecheck.certificate(runs, title=about.title)
    return made


def shortest(runs: Sequence[Facts]) -> Facts:
    """The run for a smoke run."""
    return min(runs, key=lambda run: float("inf") if run.seconds is None else run.seconds)


def _smoke(runs: Sequence[Facts], steps: int | None) -> str:
    run = shortest(runs)
    budget = f" --budget-steps {steps}" if steps else ""
    return _BEGIN.format(bundle=BUNDLE) + (
        f"reprobox verify {run.run}\nreprobox replay {run.run}{budget}\n"
    )


def _replays(runs: Sequence[Facts]) -> str:
    names = " ".join(shlex.quote(run.run) for run in runs)
    return _BEGIN.format(bundle=BUNDLE) + (
        f'failed=0\nfor run in {names}; do\n  reprobox replay "$run" || failed=1\ndone\n'
        'exit "$failed"\n'
    )


def _readme(runs: Sequence[Facts], about: About) -> str:
    rows = [f"| {run.title} | `{run.command}` | {run.time} | {run.peak} |" for run in runs]
    judged = any(run.replays for run in runs)
    text = _README.format(
        title=about.title,
        runs=counted(len(runs), "run"),
        report=f" and `{codecheck.REPORT}`" if judged else "",
        publish=_PUBLISH if judged else "",
        bundle=BUNDLE,
    )
    return text + "\n".join(rows) + "\n"
