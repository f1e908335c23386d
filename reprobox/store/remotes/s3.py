"""A bucket behind the S3 protocol as a place for runs (`reprobox[s3]`).

Why boto3: the vendor's own library. It reads credentials, profiles, regions and endpoints
(AWS_ENDPOINT_URL) from where every other tool does, sends large bodies in parts, and an upload that
breaks off leaves nothing visible.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from reprobox.errors import StoreError, UsageError
from reprobox.store.remotes.base import FORMAT, MARK, gone
from reprobox.store.transfer.copy import Readable

_AT_ONCE = 16
"""Requests at the same time: each costs a round trip, and boto3's clients are thread-safe."""
_PART = 64 << 20
"""Bytes of a part, held in memory. An upload has at most 10,000 parts: with boto3's own 8 MiB a
blob could not be above 78 GiB.
"""
_ADVICE = {
    "NoSuchBucket": "create the bucket first",
    "AccessDenied": "the credentials may not do this: check AWS_PROFILE, AWS_ACCESS_KEY_ID and "
    "the bucket's policy",
    "InvalidAccessKeyId": "the credentials are unknown there: check AWS_PROFILE or "
    "AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key is wrong: check AWS_SECRET_ACCESS_KEY",
    "PermanentRedirect": "the bucket is in another region: set AWS_DEFAULT_REGION",
    "NoCredentialsError": "no credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or run `aws configure`",
    "PartialCredentialsError": "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "ProfileNotFound": "AWS_PROFILE names a profile that ~/.aws/config does not have",
    "EndpointConnectionError": "check AWS_ENDPOINT_URL and the network",
    "NoRegionError": "set AWS_DEFAULT_REGION",
    "ParamValidationError": "check the bucket's name in the address",
}
"""Error codes of S3 and exceptions of botocore, and what to do then."""
_TRY_AGAIN = "try again; what has been sent is kept"
_TAKEN = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")
_NO_CONDITIONS = ("NotImplemented", "501", "InvalidRequest", "InvalidArgument")
"""Answers of servers that do not know If-None-Match for a PUT (S3 API, conditional writes)."""


class Bucket:
    """`s3://bucket/prefix`."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        if not self._bucket:
            raise UsageError(f"{url} names no bucket", next_step="write s3://bucket/prefix")
        try:
            import boto3
            from botocore.config import Config
        except ImportError as fault:
            raise UsageError("s3:// needs boto3", next_step="pip install 'reprobox[s3]'") from fault
        with self._trouble("opening"):
            config = Config(
                retries={"mode": "standard"}, max_pool_connections=_AT_ONCE, connect_timeout=20
            )
            self._client: Any = boto3.client("s3", config=config)

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    @contextlib.contextmanager
    def _trouble(self, doing: str) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as fault:
            advice = _ADVICE.get(_code(fault), _TRY_AGAIN)
            raise StoreError(
                f"{doing} {self.url} failed", why=str(fault), next_step=advice
            ) from fault
        except (BotoCoreError, Boto3Error, ValueError) as fault:
            # ValueError: an AWS_ENDPOINT_URL that is not a URL.
            advice = _ADVICE.get(type(fault).__name__, _TRY_AGAIN)
            raise StoreError(
                f"{doing} {self.url} failed", why=str(fault), next_step=advice
            ) from fault

    def sizes(self, names: Sequence[str]) -> dict[str, int]:
        if not names:
            return {}
        with self._trouble("looking into"), ThreadPoolExecutor(_AT_ONCE) as pool:
            found = dict(zip(names, pool.map(self._size, names), strict=True))
        return {name: size for name, size in found.items() if size is not None}

    def _size(self, name: str) -> int | None:
        from botocore.exceptions import ClientError

        try:
            return int(
                self._client.head_object(Bucket=self._bucket, Key=self._key(name))["ContentLength"]
            )
        except ClientError as fault:
            if _code(fault) in ("404", "NoSuchKey"):
                return None
            raise

    def names(self, folder: str, prefix: str = "") -> list[str]:
        top = self._key(folder) + "/"
        with self._trouble("listing"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=top + prefix, Delimiter="/"
            )
            return sorted(
                item["Key"].removeprefix(top) for page in pages for item in page.get("Contents", ())
            )

    @contextlib.contextmanager
    def read(self, name: str, offset: int = 0, *, most: int) -> Iterator[Readable]:
        """A body is read only as far as it is asked for."""
        extra = {"Range": f"bytes={offset}-"} if offset else {}
        if self._size_or_none(name) is None:
            raise gone(self.url, name)
        with self._trouble("reading"):
            body = self._client.get_object(Bucket=self._bucket, Key=self._key(name), **extra)[
                "Body"
            ]
        with contextlib.closing(body):
            yield _Body(body, self)

    def _size_or_none(self, name: str) -> int | None:
        return self.sizes([name]).get(name)

    def write(self, name: str, stream: Readable) -> None:
        from boto3.s3.transfer import TransferConfig

        with self._trouble("writing to"):
            parts = TransferConfig(
                use_threads=False, multipart_threshold=_PART, multipart_chunksize=_PART
            )
            self._client.upload_fileobj(stream, self._bucket, self._key(name), Config=parts)

    def create(self, name: str, data: bytes) -> bool:
        if not self._conditions:
            return False
        with self._trouble("writing to"):
            return self._put_new(name, data)

    def _put_new(self, name: str, data: bytes) -> bool:
        from botocore.exceptions import ClientError

        try:
            self._client.put_object(
                Bucket=self._bucket, Key=self._key(name), Body=data, IfNoneMatch="*"
            )
        except ClientError as fault:
            if _code(fault) in (*_TAKEN, *_NO_CONDITIONS):
                return False
            raise
        return True

    @functools.cached_property
    def _conditions(self) -> bool:
        """Whether the server honours If-None-Match. One that does not know it overwrites, so it is
        asked first to create the store's mark, which is there, with the bytes that it has.
        """
        with self._trouble("writing to"):
            return not self._put_new(MARK, f"{FORMAT}\n".encode("ascii"))

    def clear(self) -> None:
        """Nothing: parts of an upload that died are no objects; a bucket's own rule for incomplete
        uploads removes them.
        """

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()


def _code(fault: Any) -> str:
    return str(fault.response.get("Error", {}).get("Code", ""))


class _Body:
    """A body that breaks off is the place's failure."""

    def __init__(self, body: Any, place: Bucket) -> None:
        self._body, self._place = body, place

    def read(self, size: int = -1, /) -> bytes:
        with self._place._trouble("reading"):
            data: bytes = self._body.read(size if size >= 0 else None)
            return data
