"""codecheck.yml and the certificate's text, after CODECHECK's configuration file specification 1.0
(codecheck.org.uk/spec/config/1.0).

`manifest` is always there; `codechecker` and `report`, which the checker adds, only where a replay
was judged. Until the certificate is published, `report` is its path in the package; its number is
the register's to give, so none is made up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from reprobox.attest.review.facts import Facts, Replayed
from reprobox.attest.statement import is_text
from reprobox.model.verdict import Class

VERSION = "https://codecheck.org.uk/spec/config/1.0/"
REPORT = "codecheck/certificate.md"
_WORDS = {
    Class.IDENTICAL: "every output was the same, bit for bit",
    Class.RENAMED: "every output had the same bytes, some under another name",
    Class.EQUAL_UNDER_RULE: "every output was the same under the rules that the authors declared",
    Class.CLAIMS_HOLD: "outputs differed, and every claim held",
    Class.NOT_CHECKED: "not everything could be compared",
    Class.DIFFERENT: "outputs differed",
    Class.CLAIMS_FAIL: "a claim did not hold",
}


def config(
    runs: Sequence[Facts],
    *,
    title: str,
    authors: Sequence[str],
    repository: str,
) -> str:
    """codecheck.yml. Strings are quoted, so that none is read as something else.

    Args:
        repository: left out where it is not a URL, which the specification asks for.
    """
    replays = [replay for run in runs for replay in run.replays]
    document: dict[str, Any] = {
        "version": VERSION,
        "manifest": [
            {"file": f"runs/{run.run}/outputs/{path}", "comment": f"{run.title}: {run.command}"}
            for run in runs
            for path in run.outputs
            if is_text(path)
        ],
        "paper": {"title": title, "authors": [{"name": name} for name in authors]},
    }
    if re.match(r"(https?|git|ssh)://", repository):
        document["repository"] = repository
    if replays:
        document |= {
            "codechecker": [{"name": name} for name in dict.fromkeys(one.by for one in replays)],
            "report": REPORT,
            "summary": "; ".join(_outcome(run) for run in runs if run.replays),
            "check_time": _time(max(one.checked for one in replays)),
        }
    lines = ["%YAML 1.1", "---", *_lines(document, "")]
    return "\n".join(lines) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield f"{indent}{key}:"
            yield from _lines(inner, indent + "  ")
        elif isinstance(inner, list):
            yield f"{indent}{key}:" + ("" if inner else " []")
            for item in inner:
                first, *rest = _lines(item, "")
                yield f"{indent}  - {first}"
                yield from (f"{indent}    {line}" for line in rest)
        else:
            yield f"{indent}{key}: {_quoted(inner)}"


def _quoted(text: str) -> str:
    """In YAML's double quotes; what YAML does not allow as it is, is escaped (YAML 1.1, 5.1)."""
    plain = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in plain)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")


def _outcome(run: Facts) -> str:
    last = run.replays[-1]
    return f"{run.title}: {_WORDS[last.result]} ({last.same} of {last.files} files the same)"


def certificate(runs: Sequence[Facts], *, title: str) -> str:
    """The report that codecheck.yml names, from the verdicts."""
    lines = [f"# CODECHECK report: {title}", "", "Made by reprobox from its verdicts.", ""]
    for run in runs:
        lines += [f"## {run.title}", "", f"Run {run.run}: `{run.command}`", ""]
        lines += [line for replay in run.replays for line in _replay(replay)]
        if not run.replays:
            lines.append("No replay of this run was judged.")
        lines += ["", *_claims(run)]
    return "\n".join(lines).rstrip() + "\n"


def _replay(replay: Replayed) -> Iterator[str]:
    yield (
        f"- {_time(replay.checked)} UTC, by {replay.by}, on {replay.hardware}: "
        f"**{replay.result}**; {_WORDS[replay.result]} ({replay.same} of {replay.files} files; "
        f"run {replay.run})"
    )


def _claims(run: Facts) -> Iterator[str]:
    for claim in run.claims:
        why = f" ({claim.why})" if claim.why else ""
        yield f"- claim *{claim.name}*: {claim.outcome}{why}; `{claim.text}`"
    if run.claims:
        yield ""
