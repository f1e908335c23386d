"""What a run was made from and what it made, as CycloneDX 1.7: its image with all packages, its
data, its model. The same record gives the same bytes.

The model is a component of type `machine-learning-model`, each input one of type `data`. A model
card is not written: cyclonedx-python-lib (11.12) has no class for it.

Why cyclonedx-python-lib: it is the project's own library, and writes what its schema demands (extra
`reprobox[sbom]`).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reprobox.attest.model_signing import weights
from reprobox.attest.statement import is_text
from reprobox.errors import UsageError
from reprobox.kit import canon
from reprobox.model.lock import Conda, Deb, Standalone, Wheel
from reprobox.model.outcome import OutputFile

if TYPE_CHECKING:
    from reprobox.model.record import Record

_SPACE = uuid.UUID("5f1d3d3a-7a53-5b58-8a55-6f0c3b9b7e11")
"""Name space of the serial numbers, which CycloneDX would make up at random."""


def cyclonedx(record: Record, outputs: Sequence[OutputFile] = ()) -> bytes:
    """The components of a run's image, its inputs, and those of its outputs that hold weights.

    Raises:
        UsageError: the library is not installed.
    """
    try:
        from cyclonedx.model import HashAlgorithm, HashType, Property
        from cyclonedx.model.bom import Bom, BomMetaData
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.output.json import JsonV1Dot7
        from packageurl import PackageURL
    except ImportError as fault:
        raise UsageError(
            "a list of components needs cyclonedx-python-lib",
            next_step="pip install 'reprobox[sbom]'",
        ) from fault

    image, lock = record.intent.image, record.intent.lock

    def component(
        kind: Any, name: str, version: str, digest: str, url: Any | None = None, ref: str = ""
    ) -> Any:
        return Component(
            type=kind,
            name=name,
            version=version or None,
            bom_ref=ref or (str(url) if url else digest),
            purl=url,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=canon.hex_of(digest))],
        )

    def of_wheel(wheel: Wheel) -> Any:
        url = PackageURL(
            "pypi",
            None,
            wheel.name.lower().replace("_", "-"),
            wheel.version,
            {"file_name": wheel.filename},
        )
        return component(ComponentType.LIBRARY, wheel.name, wheel.version, wheel.sha256, url)

    def of_deb(package: Deb) -> Any:
        url = PackageURL(
            "deb", "debian", package.name, package.version, {"arch": package.architecture}
        )
        return component(ComponentType.LIBRARY, package.name, package.version, package.sha256, url)

    def of_conda(package: Conda) -> Any:
        place = {"build": package.build, "subdir": package.subdir}
        url = PackageURL("conda", None, package.name, package.version, place)
        return component(ComponentType.LIBRARY, package.name, package.version, package.sha256, url)

    def of_interpreter(own: Standalone) -> Any:
        url = PackageURL("generic", None, "cpython", own.version, {"file_name": own.filename})
        return component(ComponentType.APPLICATION, "cpython", own.version, own.sha256, url)

    packages = [
        *map(of_wheel, lock.wheels),
        *map(of_conda, lock.conda),
        *map(of_interpreter, filter(None, [lock.python.standalone])),
        *map(of_deb, {*lock.base.packages, *lock.debs}),
    ]
    data = [
        component(ComponentType.DATA, pin.path, "", pin.digest, ref=f"input:{pin.path}")
        for pin in record.intent.runspec.inputs
    ]
    for pin, one in zip(record.intent.runspec.inputs, data, strict=True):
        what = "the file" if pin.kind == "file" else "the manifest of the directory"
        one.properties.add(Property(name="reprobox:sha256-of", value=what))
    model = ComponentType.MACHINE_LEARNING_MODEL
    models = [
        component(model, file.path, record.id, file.sha256, ref=f"output:{file.path}")
        for file in weights(outputs)
        if is_text(file.path)
    ]
    made = component(ComponentType.CONTAINER, image.tag, image.lock, image.config)
    bom = Bom(
        serial_number=uuid.uuid5(_SPACE, _made_from(record, outputs)),
        metadata=BomMetaData(component=made, timestamp=datetime.fromtimestamp(lock.timestamp, UTC)),
        components=[*packages, *data, *models],
    )
    bom.register_dependency(made, packages)
    for one in models:
        bom.register_dependency(one, [made, *data])
    return (JsonV1Dot7(bom).output_as_string(indent=2) + "\n").encode("utf-8")


def _made_from(record: Record, outputs: Sequence[OutputFile]) -> str:
    """What the serial number stands for: another document has another one."""
    inputs = [pin.digest for pin in record.intent.runspec.inputs]
    made = [file.sha256 for file in weights(outputs)]
    return "/".join([record.intent.image.config, *inputs, *([record.id, *made] if made else [])])
