"""What images are made for. A platform that a lock does not name is `linux/amd64`.

Adding one is a row here, the payload's native parts (runtime/), and the classes of its CPUs
(runtime/profiles.py).
"""

from __future__ import annotations

from reprobox.kit.lazy_dataclass import dataclass


@dataclass(frozen=True, kw_only=True)
class Platform:
    """An operating system and a processor architecture, by the names that others have for it."""

    system: str
    architecture: str
    """In OCI images (Go's GOARCH) and at Debian."""
    machine: str
    """At the kernel (uname(2)), in wheel tags and in the names of shared objects."""

    @property
    def name(self) -> str:
        """As a lock has it."""
        return f"{self.system}/{self.architecture}"


AMD64 = Platform(system="linux", architecture="amd64", machine="x86_64")
PLATFORMS: dict[str, Platform] = {AMD64.name: AMD64}
"""Those that images can be made for."""
DEFAULT = AMD64
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "ppc64le": "ppc64le"}
"""By the kernel's name, for what is asked of an engine on any machine."""
