"""Verdicts for continuous integration, read by the parsers that read them there."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from reprobox.model.claims import Checked
from reprobox.model.verdict import Class, FileDetail, FileState, FileVerdict, Place, Verdict
from reprobox.views import ci

STRANGE = "out/caf\udce9 <&>\x07\n| x.json"


def a_verdict(result: Class = Class.DIFFERENT) -> Verdict:
    place = Place(name="$.loss", left=0.5, right=0.25, count=1, ulp=1 << 52, abs=0.25, rel=0.5)
    detail = FileDetail(differs=("bytes",), format="json", first=place, count=1, total=2, abs=0.25)
    states = {
        "model.bin": FileState.IDENTICAL,
        STRANGE: FileState.DIFFERENT,
        "gone.txt": FileState.MISSING,
        "blob.bin": FileState.NOT_CHECKED,
    }
    return Verdict(
        left="20261127-180640-one",
        right="20261127-180740-two",
        left_record="",
        right_record="",
        result=result,
        files=tuple(
            FileVerdict(path=path, state=state, size=1, ours="a", theirs="b", detail=detail)
            for path, state in states.items()
        ),
        exit_equal=True,
        stdout_equal=True,
        claims=(
            Checked(name="good", text="m.json#$.a > 1", outcome="holds", values=(2,)),
            Checked(name="bad", text="m.json#$.a > 3", outcome="fails", values=(2,)),
        ),
    )


def test_junit_is_read_with_its_failures_and_errors() -> None:
    top = ElementTree.fromstring(ci.junit([a_verdict(), a_verdict(Class.IDENTICAL)]))
    suites = top.findall("testsuite")
    assert [suite.attrib["tests"] for suite in suites] == ["7", "7"]
    assert [(suite.attrib["failures"], suite.attrib["errors"]) for suite in suites] == [
        ("4", "1"),
        ("3", "1"),
    ]
    cases = {case.attrib["name"]: case for case in suites[0].findall("testcase")}
    assert cases["model.bin"].find("failure") is None
    assert cases["gone.txt"].find("failure") is not None
    assert cases["blob.bin"].find("error") is not None
    fault = cases["claim: bad"].find("failure")
    assert fault is not None
    assert fault.text == "m.json#$.a > 3"
    (strange,) = [case for name, case in cases.items() if "x.json" in name]
    said = strange.find("failure")
    assert said is not None
    assert "$.loss: A 0.5, B 0.25 (50 % apart)" in (said.text or "")


def test_markdown_is_one_table_whatever_the_names_hold() -> None:
    text = ci.markdown([a_verdict()])
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 3
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    assert "model.bin" not in "".join(rows)
    assert "### 20261127-180640-one: different" in text


@pytest.mark.parametrize(
    ("result", "level"),
    [(Class.DIFFERENT, "error"), (Class.NOT_CHECKED, "warning"), (Class.RENAMED, "notice")],
)
def test_github_gets_a_command_a_line(result: Class, level: str) -> None:
    lines = ci.github([a_verdict(result)]).splitlines()
    assert all(re.match(r"::(error|warning|notice)( [a-z]+=[^:]*)?::", line) for line in lines)
    assert lines[-1].startswith(f"::{level} title=reprobox 20261127-180640-one::")
    assert len(lines) == 5
