"""A verdict for continuous integration: JUnit's XML, Markdown, and a forge's workflow commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from xml.etree import ElementTree

from reprobox.kit.regex import regex
from reprobox.kit.text import shown
from reprobox.model.claims import Checked
from reprobox.model.verdict import Class, FileState, FileVerdict, Verdict
from reprobox.views import verdict as view
from reprobox.views.blocks import Table

_NO_XML = regex("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, section 2.2."""
_LEVELS = {Class.DIFFERENT: "error", Class.CLAIMS_FAIL: "error", Class.NOT_CHECKED: "warning"}


def junit(found: Sequence[Verdict]) -> str:
    """JUnit's XML: a suite for each verdict, with a case for each output, each claim and the
    verdict itself. What differs is a failure; what could not be compared is an error.
    """
    top = ElementTree.Element("testsuites", name="reprobox")
    for one in found:
        _suite(top, one)
    ElementTree.indent(top)
    return ElementTree.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def _suite(top: ElementTree.Element, found: Verdict) -> None:
    suite = ElementTree.SubElement(top, "testsuite", name=f"{found.left} {found.right}")
    for file in found.files:
        _case(suite, found.left, file.path, file.state.implies, _about(found, file))
    for claim in found.claims:
        outcome = {"holds": Class.IDENTICAL, "fails": Class.CLAIMS_FAIL}
        result = outcome.get(claim.outcome, Class.NOT_CHECKED)
        _case(suite, found.left, f"claim: {claim.name}", result, claim.why or claim.text)
    _case(suite, found.left, "verdict", found.result, "\n".join(_story(found)))
    cases = list(suite)
    for name, tag in (("failures", "failure"), ("errors", "error")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("tests", str(len(cases)))


def _case(suite: ElementTree.Element, run: str, name: str, result: Class, text: str) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=f"reprobox.{run}", name=_plain(name), time="0"
    )
    level = _LEVELS.get(result)
    if level:
        tag = "failure" if level == "error" else "error"
        fault = ElementTree.SubElement(case, tag, message=result.sentence, type=result.value)
        fault.text = _plain(text)


def _plain(text: str) -> str:
    return _NO_XML.sub("�", shown(text) if "\n" not in text else text)


def _about(found: Verdict, file: FileVerdict) -> str:
    said = next((line for line in view.story(found) if view.name(file) in line), "")
    return said.strip() or file.state


def _story(found: Verdict) -> list[str]:
    return [*view.story(found), view.sentence(found)]


def markdown(found: Sequence[Verdict]) -> str:
    """A report with a table of what is not identical, for a comment or a job's summary."""
    return "\n".join("\n".join(_report(one)).rstrip() + "\n" for one in found)


def _report(found: Verdict) -> Iterator[str]:
    yield from (f"### {found.left}: {found.result.sentence}", "", _cell(view.sentence(found)), "")
    yield from _rows(found)
    yield from (f"- {_cell(claim.text)}" for claim in view.claims(found.claims))
    yield from (f"- {_cell(line.strip())}" for line in view.story(found))


def _rows(found: Verdict) -> Iterator[str]:
    blocks = (block for section in view.sections(found) for block in section.blocks)
    table = next((block for block in blocks if isinstance(block, Table)), None)
    rows = (
        [[str(getattr(cell, "text", cell)) for cell in row] for row in table.rows] if table else []
    )
    differing = [row for row in rows if row[-1] != FileState.IDENTICAL]
    if table and differing:
        yield f"| {' | '.join(table.columns)} |"
        yield "|---" * len(table.columns) + "|"
        yield from (f"| {' | '.join(map(_cell, row))} |" for row in differing)
        yield ""


def _cell(text: object) -> str:
    """A text that Markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", shown(str(text)))


def github(found: Sequence[Verdict]) -> str:
    """Workflow commands: an annotation for each output that differs and for each verdict.
    https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    lines = []
    for one in found:
        lines += [
            _command(_LEVELS[file.state.implies], _about(one, file), file=file.path)
            for file in one.files
            if file.state.implies in _LEVELS
        ]
        lines += [
            _command("error" if claim.outcome == "fails" else "warning", _of_claim(claim))
            for claim in one.claims
            if claim.outcome != "holds"
        ]
        level = _LEVELS.get(one.result, "notice")
        lines.append(_command(level, view.sentence(one), title=f"reprobox {one.left}"))
    return "".join(f"{line}\n" for line in lines)


def _of_claim(claim: Checked) -> str:
    return f"{claim.text}: {claim.why or claim.outcome}"


def _command(level: str, message: str, **properties: str) -> str:
    said = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in properties.items())
    return f"::{level}{f' {said}' if said else ''}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    for sign in ("%", "\r", "\n", *more):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return shown(text)


FORMATS: dict[str, Callable[[Sequence[Verdict]], str]] = {
    "junit": junit,
    "markdown": markdown,
    "github": github,
}
"""By the word of `--format`; a format is one row."""
