"""The appendix of a paper, in Markdown and in LaTeX."""

from __future__ import annotations

import re

import pytest
from review_world import some_facts

from reprobox.attest.review import appendix


def test_the_appendix_holds_what_was_measured_in_both_languages() -> None:
    content = tuple(appendix.blocks([some_facts()], license_=""))
    plain, tex = appendix.markdown("A", content), appendix.latex("A", content)
    assert (
        "| acc\\_1: results/metrics.json#$.a \\>= 0.5 | my\\_run | holds | 88 s | 3.1 MB" in plain
    )
    assert r"acc\_1: results/metrics.json\#\$.a \textgreater{}= 0.5 & my\_run & holds" in tex
    assert r"CPU \& Co, 1 thread, 8.6 GB of memory" in tex
    begun = re.findall(r"\\begin\{(\w+)\}", tex)
    assert begun == re.findall(r"\\end\{(\w+)\}", tex)
    assert not re.search(r"(?<!\\)[#$%]", tex)  # none starts a comment, a formula or a parameter


def test_what_was_not_measured_is_said() -> None:
    found = some_facts(seconds=None, memory=None, claims=(), replays=())
    text = appendix.markdown("A", tuple(appendix.blocks([found], license_="")))
    assert "| 2 outputs can be made again | my\\_run | not replayed | not measured | " in text
    assert "- **Time to complete**: not measured" in text


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        (r"100 % of {a} \b", r"100 \% of \{a\} \textbackslash{}b"),
        ("~^\n  x", r"\textasciitilde{}\textasciicircum{} x"),
        ("", ""),
    ],
)
def test_no_text_is_a_command_of_latex(text: str, tex: str) -> None:
    assert appendix.escaped(text) == tex
