"""What is in a layer, and what differs between two."""

from __future__ import annotations

import io
import tarfile

import pytest

from reprobox.image import layer_listing


def listed(**fields: object) -> dict[str, layer_listing.Entry]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("etc/file")
        data = str(fields.pop("text", "")).encode()
        info.size = len(data)
        for name, value in fields.items():
            setattr(info, name, value)
        archive.addfile(info, io.BytesIO(data))
    buffer.seek(0)
    return layer_listing.read(buffer)[0]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"text": "xy"}, "content (0 and 2 bytes)"),
        ({"mode": 0o4755}, "mode 644 and 4755"),
        ({"uid": 7}, "owner 0:0 and 7:0"),
        ({"mtime": 9}, "mtime 0 and 9"),
        ({"type": tarfile.SYMTYPE, "linkname": "x"}, "file and link"),
        ({"name": "etc/other"}, "only in the first"),
        ({"pax_headers": {"SCHILY.xattr.security.capability": "\x01"}}, "capability  and \\x01"),
    ],
)
def test_differences_in_words(other: dict[str, object], words: str) -> None:
    assert layer_listing.compare(listed(), listed(**other))["etc/file"] == words
