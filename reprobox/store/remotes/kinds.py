"""The kinds of remote store, by the scheme of their addresses: one row and one file each."""

from __future__ import annotations

from reprobox.kit.lazy_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of remote store."""

    schemes: tuple[str, ...]
    module: str
    """Below reprobox.store.remotes; imported when an address is of this kind."""
    name: str
    """The class in the module (a `base.Place`); called with the address."""
    example: str


REMOTES = (
    Kind(schemes=("file",), module="directory", name="Directory", example="/mnt/lab/runs"),
    Kind(schemes=("s3",), module="s3", name="Bucket", example="s3://bucket/prefix"),
    Kind(schemes=("ssh", "sftp"), module="ssh", name="Sftp", example="ssh://user@host/path"),
    Kind(
        schemes=("gs", "az", "webdav", "webdavs"),
        module="fsspec_place",
        name="FsspecPlace",
        example="gs://bucket/prefix",
    ),
)
ADDRESSES = f"A directory, {' or '.join(kind.example for kind in REMOTES[1:])}."
"""What may stand after --to and --from, for the help."""
EXAMPLES = ", ".join(kind.example for kind in REMOTES)


def example_of(module: str) -> str:
    """An address of a kind, by the kind's module."""
    return next(kind.example for kind in REMOTES if kind.module == module.rpartition(".")[2])
