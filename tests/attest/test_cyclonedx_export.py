"""A record as CycloneDX 1.7, checked with the format's own validator."""

from __future__ import annotations

import json

from attest_world import OUTPUTS, a_record, d

from reprobox.attest import cyclonedx_export
from reprobox.kit import canon


def test_cyclonedx_is_valid_and_whole() -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    data = cyclonedx_export.cyclonedx(a_record())
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(data.decode()) is None
    found = json.loads(data)
    assert {one["name"]: one["hashes"][0]["content"] for one in found["components"]} == {
        **{name: canon.hex_of(d(name)) for name in ("numpy", "libc6", "git")},
        "/work/data.csv": canon.hex_of(d("data")),
    }
    assert found["metadata"]["component"]["hashes"][0]["content"] == canon.hex_of(d("image"))


def test_cyclonedx_names_the_model_and_the_data() -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    data = cyclonedx_export.cyclonedx(a_record(), OUTPUTS)
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(data.decode()) is None
    kinds = {one["name"]: one["type"] for one in json.loads(data)["components"]}
    assert kinds["model.pt"] == "machine-learning-model"
    assert kinds["/work/data.csv"] == "data"
    [model] = [one for one in json.loads(data)["dependencies"] if one["ref"] == "output:model.pt"]
    assert model["dependsOn"] == ["input:/work/data.csv", d("image")]
    assert data == cyclonedx_export.cyclonedx(a_record(), OUTPUTS)
