"""What the wheels are for: the interpreter and C library of the image, never the host's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from packaging.tags import Tag, compatible_tags, cpython_tags

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.platform import DEFAULT, Platform

# PEP 600, "Legacy manylinux tags".
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
# The values of uv's --python-platform; a C library between two of them takes the older.
_UV_GLIBC = (17, 28, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40)
_OLDEST_GLIBC = 5


@dataclass(frozen=True, kw_only=True)
class Target:
    """CPython on a platform."""

    python: str
    """`X.Y`"""
    libc: Literal["glibc", "musl"] = "glibc"
    minor: int = 28
    """glibc 2.<minor>, or musl 1.<minor>."""
    platform: Platform = DEFAULT

    @property
    def version(self) -> tuple[int, int]:
        """The interpreter's version as numbers."""
        major, minor = self.python.split(".")
        return int(major), int(minor)

    @property
    def uv_platform(self) -> str:
        """The value of uv's `--python-platform`."""
        if self.libc == "musl":
            return f"{self.platform.machine}-unknown-linux-musl"
        minor = max((m for m in _UV_GLIBC if m <= self.minor), default=_UV_GLIBC[0])
        return f"{self.platform.machine}-manylinux_2_{minor}"

    def _platforms(self) -> Iterator[str]:
        machine = self.platform.machine
        if self.libc == "musl":
            yield from (f"musllinux_1_{minor}_{machine}" for minor in range(self.minor, 0, -1))
        else:
            for minor in range(self.minor, _OLDEST_GLIBC - 1, -1):
                yield f"manylinux_2_{minor}_{machine}"
                if minor in _LEGACY:
                    yield f"{_LEGACY[minor]}_{machine}"
        yield f"linux_{machine}"

    @cached_property
    def ranks(self) -> dict[Tag, int]:
        """Every tag that fits, with its rank; 0 fits best."""
        platforms = list(self._platforms())
        interpreter = f"cp{self.python.replace('.', '')}"
        tags = [
            *cpython_tags(self.version, platforms=platforms),
            *compatible_tags(self.version, interpreter, platforms),
        ]
        return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}

    def markers(self) -> dict[str, str]:
        """The values of environment markers (PyPA, "Environment Markers"); the kernel is not known
        when locking.
        """
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.platform.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }
