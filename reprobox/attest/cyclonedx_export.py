"""What is in an image, as CycloneDX 1.6, from the lock alone: the same lock gives the same bytes.

Why cyclonedx-python-lib: it is the project's own library, and writes what its schema demands (extra
`reprobox[sbom]`).
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reprobox.errors import UsageError
from reprobox.kit import canon
from reprobox.model.lock import Conda, Deb, Wheel

if TYPE_CHECKING:
    from reprobox.model.record import Record

_SPACE = uuid.UUID("5f1d3d3a-7a53-5b58-8a55-6f0c3b9b7e11")
"""Name space of the serial numbers, which CycloneDX would make up at random."""


def cyclonedx(record: Record) -> bytes:
    """The components of a run's image.

    Raises:
        UsageError: the library is not installed.
    """
    try:
        from cyclonedx.model import HashAlgorithm, HashType
        from cyclonedx.model.bom import Bom, BomMetaData
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.output.json import JsonV1Dot6
        from packageurl import PackageURL
    except ImportError as fault:
        raise UsageError(
            "a list of components needs cyclonedx-python-lib",
            next_step="pip install 'reprobox[sbom]'",
        ) from fault

    image, lock = record.intent.image, record.intent.lock

    def component(kind: Any, name: str, version: str, digest: str, url: Any | None = None) -> Any:
        return Component(
            type=kind,
            name=name,
            version=version,
            bom_ref=str(url) if url else digest,
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

    bom = Bom(
        serial_number=uuid.uuid5(_SPACE, image.config),
        metadata=BomMetaData(
            component=component(ComponentType.CONTAINER, image.tag, image.lock, image.config),
            timestamp=datetime.fromtimestamp(lock.timestamp, UTC),
        ),
        components=[
            *map(of_wheel, lock.wheels),
            *map(of_conda, lock.conda),
            *map(of_deb, {*lock.base.packages, *lock.debs}),
        ],
    )
    bom.register_dependency(bom.metadata.component, bom.components)  # type: ignore[arg-type]
    return (JsonV1Dot6(bom).output_as_string(indent=2) + "\n").encode("utf-8")
