"""The forms in which a run is stated to others, by name. Adding one is a module and a row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from reprobox.attest import cyclonedx_export, model_signing, predicates, rocrate_export, statement
from reprobox.attest.subject import Subject
from reprobox.kit import canon
from reprobox.kit.lazy_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """One form; it has exactly one of the three functions. Each raises UsageError where its library
    is missing or the run has not what it needs.
    """

    about: str
    statement: Callable[[Subject], dict[str, Any]] | None = None
    """An in-toto statement, which can be signed."""
    document: Callable[[Subject], bytes] | None = None
    directory: Callable[[Subject, Path], None] | None = None

    def encode(self, subject: Subject) -> bytes:
        """The bytes of a statement or a document."""
        if self.statement is not None:
            return canon.canonical(self.statement(subject))
        assert self.document is not None  # noqa: S101 - a directory has no bytes
        return self.document(subject)


EXPORTERS = {
    "intoto": Exporter(
        about="an in-toto statement with SLSA provenance: what the run was made from",
        statement=lambda one: statement.provenance(one.record, one.digest, one.outputs),
    ),
    "verdict": Exporter(
        about="an in-toto statement with the verdict on a replay",
        statement=statement.of_verdict,
    ),
    "test-result": Exporter(
        about="the verdict in in-toto's test-result predicate",
        statement=predicates.test_result,
    ),
    "svr": Exporter(
        about="the verdict as in-toto's Simple Verification Result",
        statement=predicates.verification,
    ),
    "model": Exporter(
        about="the weights as OpenSSF Model Signing v1.0 signs them",
        statement=model_signing.statement,
    ),
    "cyclonedx": Exporter(
        about="CycloneDX 1.7: image, packages, model and data",
        document=lambda one: cyclonedx_export.cyclonedx(one.record, one.outputs),
    ),
    "crate": Exporter(
        about="a directory: RO-Crate after Process Run Crate 0.5",
        directory=lambda one, target: rocrate_export.write(
            one.record,
            one.outputs,
            one.directory,
            target,
            record_bytes=one.record_bytes,
            title=one.title,
            license_=one.license or "No licence was given.",
        ),
    ),
}
STATEMENTS = (
    statement.PROVENANCE,
    statement.VERDICT,
    predicates.TEST_RESULT,
    predicates.VERIFICATION,
    model_signing.SIGNATURE,
)
"""Predicates that are understood when a signed statement is read."""
