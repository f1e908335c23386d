"""npz: arrays by name."""

from __future__ import annotations

from reprobox.judge.accounting import File
from reprobox.judge.content import Content
from reprobox.judge.formats import npy, zips
from reprobox.judge.formats.format import Format, Head
from reprobox.judge.leaves import Unreadable


def _read(file: File) -> Content:
    archive = zips.Zip(file)
    for info in archive.infos:
        file.inside.take(info.file_size)
        data = archive.read(info.filename)
        if not data.startswith(npy.MAGIC):
            raise Unreadable(
                f"an npz file with a member that is not an array: {info.filename[:200]}"
            )
        if npy.add(file, info.filename.removesuffix(".npy"), data, 0) != len(data):
            raise Unreadable(f"a member with something behind its array: {info.filename[:200]}")
        if (start := archive.stored(info)) is not None:
            npy.account(file, file.data, start, start + len(data))
    return file.content("npz")


def _is_npz(head: Head) -> bool:
    return zips.is_zip(head) and head.name.endswith(".npz")


FORMAT = Format(
    name="npz",
    files=".npz",
    claims=_is_npz,
    read=_read,
    left_out=zips.LEFT_OUT | npy.LEFT_OUT,
    not_checked={"members": "members that are not arrays"} | zips.NOT_CHECKED,
)
