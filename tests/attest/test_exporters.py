"""The table of exports: each row has one form, and what can be signed can be read again."""

from __future__ import annotations

from pathlib import Path

import pytest
from attest_world import OUTPUTS, a_record, a_verdict

from reprobox.attest.exporters import EXPORTERS, STATEMENTS
from reprobox.attest.subject import Judged, Subject
from reprobox.kit import canon
from reprobox.model import codec


def a_subject() -> Subject:
    original, replay = a_record(), a_record("20261121-101010-calm-heron-00aa")
    return Subject(
        record=replay,
        digest=codec.digest(replay),
        outputs=OUTPUTS,
        directory=Path("/nowhere"),
        judged=Judged(original=original, verdict=a_verdict(original, replay)),
    )


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_row_has_one_form_and_says_what_it_is(name: str) -> None:
    row = EXPORTERS[name]
    assert [row.statement, row.document, row.directory].count(None) == 2
    assert row.about


@pytest.mark.parametrize("name", [name for name, row in EXPORTERS.items() if row.statement])
def test_a_statement_is_of_a_kind_that_is_understood_when_it_is_read(name: str) -> None:
    found = canon.parse(EXPORTERS[name].encode(a_subject()))
    assert found["predicateType"] in STATEMENTS
    assert found["subject"]


def test_a_document_is_bytes_as_they_are() -> None:
    assert canon.parse(EXPORTERS["cyclonedx"].encode(a_subject()))["bomFormat"] == "CycloneDX"
