"""A run as an RO-Crate that follows Process Run Crate 0.5: a directory that repositories and
readers of research data understand.

Why the rocrate library: it is the RO-Crate community's own (extra `reprobox[crate]`). Its one
source of chance, the date of publication, is taken from the record.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprobox.attest.statement import when
from reprobox.errors import UsageError
from reprobox.kit import canon
from reprobox.model.outcome import OutputFile

if TYPE_CHECKING:
    from reprobox.model.record import Record
    from reprobox.model.runspec import InputPin

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_SHA256 = "https://w3id.org/ro/terms/workflow-run#sha256"
_BASE = "1.1"
"""RO-Crate version that the profile is built on."""
_IMAGE = "https://w3id.org/ro/terms/workflow-run#ContainerImage"
_DOCUMENTS = {
    "record.json": "the record",
    "stdout": "standard output",
    "stderr": "standard error",
    "config.yaml": "the config",
}


def write(
    record: Record,
    outputs: Sequence[OutputFile],
    run: Path,
    target: Path,
    *,
    record_bytes: bytes,
    title: str,
    license_: str,
) -> None:
    """Writes the crate: copies of the run's documents and outputs, and `ro-crate-metadata.json`.

    Args:
        run: the run's directory.
        record_bytes: the whole record, as its digest names it.
        target: a directory that is not there yet.
        license_: an SPDX URL or a sentence; RO-Crate demands that something is said.

    Raises:
        UsageError: the library is not installed, the target is there, or an output's name is not
            UTF-8.
    """
    try:
        from rocrate.rocrate import ROCrate
    except ImportError as fault:
        raise UsageError(
            "an RO-Crate needs the rocrate library", next_step="pip install 'reprobox[crate]'"
        ) from fault
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already", next_step="choose another name")
    crate = ROCrate(version=_BASE)
    crate.name, crate.description = (
        title,
        f"A run of {' '.join(record.intent.runspec.argv)}, recorded by reprobox as {record.id}.",
    )
    crate.datePublished, crate.license = when(record.finished), license_
    results = [
        crate.add_file(run / "outputs" / file.path, f"outputs/{file.path}", properties=_about(file))
        for file in _files(outputs)
    ]
    logs = [
        crate.add_file(
            io.BytesIO(record_bytes) if name == "record.json" else run / name,
            name,
            properties={"name": what, "encodingFormat": "text/plain"},
        )
        for name, what in _DOCUMENTS.items()
        if (run / name).is_file()
    ]
    _describe(crate, record, [*results, *logs])
    crate.write(target)


def _files(outputs: Sequence[OutputFile]) -> list[OutputFile]:
    files = [file for file in outputs if file.kind == "file"]
    for file in files:
        try:
            file.path.encode("utf-8")
        except UnicodeEncodeError as fault:
            raise UsageError(
                f"the output {file.path!r} has a name that is not UTF-8, which an RO-Crate cannot "
                "hold"
            ) from fault
    return files


def _about(file: OutputFile) -> dict[str, Any]:
    return {
        "name": os.path.basename(file.path),
        "sha256": canon.hex_of(file.sha256),
        "contentSize": str(file.size),
    }


def _entity(crate: Any, identifier: str, kind: str, **properties: Any) -> Any:
    from rocrate.model.contextentity import ContextEntity

    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))


def _describe(crate: Any, record: Record, results: list[Any]) -> None:
    """The action, and what it was done with, on and by."""
    crate.metadata.extra_terms["sha256"] = _SHA256
    crate.metadata.extra_terms["ContainerImage"] = _IMAGE
    crate.root_dataset["conformsTo"] = _entity(
        crate, PROFILE, "CreativeWork", name="Process Run Crate", version="0.5"
    )
    action = _action(crate, record)
    action["instrument"] = _software(crate, record)
    action["agent"] = _entity(
        crate, "#agent", "Person", name=record.intent.source.author or "unknown"
    )
    action["object"] = [_input(crate, pin) for pin in record.intent.runspec.inputs]
    action["result"] = results
    crate.root_dataset["mentions"] = [action]


def _software(crate: Any, record: Record) -> Any:
    source, image = record.intent.source, record.intent.image
    digest = canon.hex_of(image.config)
    container = _entity(
        crate, f"#image-{digest[:16]}", "ContainerImage", name=image.tag, sha256=digest
    )
    software = _entity(
        crate,
        f"#code-{source.commit}",
        "SoftwareApplication",
        name=source.remote or record.intent.runspec.config_path,
        version=source.commit,
        url=source.remote if _is_url(source.remote) else f"urn:git:{source.commit}",
    )
    software["softwareRequirements"] = container
    return software


def _is_url(remote: str | None) -> bool:
    """Whether it is one, and no `host:path` or directory, which git takes too."""
    return bool(remote) and re.match(r"(https?|git|ssh)://", remote or "") is not None


def _input(crate: Any, pin: InputPin) -> Any:
    digest = canon.hex_of(pin.digest)
    return _entity(crate, f"urn:sha256:{digest}", "CreativeWork", name=pin.path, sha256=digest)


def _action(crate: Any, record: Record) -> Any:
    failed = (
        {}
        if record.exit.code == 0
        else {"error": record.exit.message or f"{record.exit.reason}, exit code {record.exit.code}"}
    )
    return _entity(
        crate,
        f"#run-{record.id}",
        "CreateAction",
        name=f"Run {record.id}",
        description=" ".join(record.intent.runspec.argv),
        startTime=when(record.started),
        endTime=when(record.finished),
        actionStatus=f"http://schema.org/{'Failed' if failed else 'Completed'}ActionStatus",
        **failed,
    )
