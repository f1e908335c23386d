"""The weights of a run as the subject set that OpenSSF Model Signing v1.0 signs, so that its tools
can check a directory of them against a signed statement.

The root digest is sha256 over the raw digests of all files, in the order of their names
(github.com/ossf/model-signing-spec). Names are those of the outputs, so `reprobox get RUN` makes
the directory to check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from reprobox.attest.statement import STATEMENT
from reprobox.attest.subject import Subject
from reprobox.errors import UsageError
from reprobox.kit import canon
from reprobox.model.outcome import OutputFile

SIGNATURE = "https://model_signing/signature/v1.0"
WEIGHTS = (
    *(".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".onnx", ".gguf", ".h5", ".hdf5", ".keras"),
    *(".pkl", ".pickle", ".joblib", ".npz", ".npy", ".msgpack", ".cbm", ".ubj", ".model", ".pb"),
    *(".tflite", ".skops"),
)
"""How the names of files with weights end."""


def weights(outputs: Sequence[OutputFile]) -> list[OutputFile]:
    """The outputs that hold weights, by their names' endings, in the order of names."""
    found = [
        file
        for file in outputs
        if file.kind == "file" and PurePosixPath(file.path).suffix.lower() in WEIGHTS
    ]
    return sorted(found, key=lambda file: file.path)


def statement(subject: Subject) -> dict[str, Any]:
    """The statement to sign.

    Raises:
        UsageError: no output has a name as weights have.
    """
    files = weights(subject.outputs)
    if not files:
        raise UsageError(
            f"run {subject.record.id} has no output with weights",
            why="These endings are known: " + " ".join(WEIGHTS),
        )
    digests = [canon.hex_of(file.sha256) for file in files]
    root = hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()
    return {
        "_type": STATEMENT,
        "subject": [{"name": subject.title, "digest": {"sha256": root}}],
        "predicateType": SIGNATURE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [],
            },
            "resources": [
                {"name": file.path, "algorithm": "sha256", "digest": digest}
                for file, digest in zip(files, digests, strict=True)
            ],
        },
    }


def differences(predicate: Mapping[str, Any], outputs: Sequence[OutputFile]) -> Iterator[str]:
    """Where a statement is not about the weights of a run; nothing when it is."""
    known = {file.path: canon.hex_of(file.sha256) for file in outputs if file.kind == "file"}
    listed = predicate.get("resources")
    for one in listed if isinstance(listed, list) else ["nothing"]:
        if not isinstance(one, dict) or not isinstance(name := one.get("name"), str):
            yield "the statement names no resources"
        elif known.get(name) != one.get("digest"):
            yield f"outputs/{name}: the statement says {one.get('digest')}, the run has " + (
                known.get(name, "no such file")
            )
