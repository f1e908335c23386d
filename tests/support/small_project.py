"""An experiment on the smallest base there is: an archive of busybox and this interpreter. No
registry, no mirror, no index.
"""

from __future__ import annotations

import base64
import hashlib
import io
import secrets
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from flow_project import Project, Said

from reprobox.engine.docker import DockerEngine

TRAIN = """\
import hashlib, os, random
try:
    import alpha
    version = alpha.VERSION
except ImportError:
    version = "none"
os.makedirs("out", exist_ok=True)
open("out/model.bin", "wb").write(random.randbytes(5000))
open("out/facts", "w").write(f"{version} {hashlib.sha256(random.randbytes(9)).hexdigest()}")
"""


def config(base: str, *, requirements: str = "[]", env: str = "{}") -> str:
    """A config on some base; a mark in the image's environment makes its image nobody else's."""
    return f"""\
reprobox:
  command: [python, train.py]
  environment:
    base: {base}
    python: "{sys.version_info[0]}.{sys.version_info[1]}"
    requirements: {requirements}
    env: {{MARK: "{secrets.token_hex(6)}", OTHER: {env!r}}}
"""


def wheel_bytes(name: str, version: str, files: dict[str, bytes]) -> bytes:
    """A wheel (PyPA, "Binary distribution format")."""
    info = f"{name}-{version}.dist-info"
    members = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: "
        b"py3-none-any\n",
    }
    rows = [f"{path},sha256={_hash(data)},{len(data)}" for path, data in members.items()]
    members[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class Small:
    """The project and the engine, with what they leave named."""

    project: Project
    engine: DockerEngine

    def __call__(self, *words: str, code: int = 0, **env: str) -> Said:
        said = self.project(*words, **env)
        assert said.code == code, f"{words}: {said.code}\n{said.err}"
        return said

    def write_config(self, base: str, **more: str) -> None:
        self.project.write("config.yaml", config(base, **more))

    def locked(self) -> None:
        """lock, build, commit."""
        self("lock")
        self("build")
        self.project.commit("lock")

    def image(self) -> dict[str, str]:
        """What `build` says of the image."""
        return self("build", "--json").json

    def forget_image(self, *names: str) -> None:
        """Takes the image out of the engine, under every name that it has."""
        image = self.image()
        for name in (*names, image["tag"]):
            self.engine.remove_image(name)
        assert self.engine.inspect(image["config"]) is None

    def objects(self) -> Path:
        return Path(self.project.env["REPROBOX_HOME"]) / "objects"


def elsewhere(small: Small, tmp_path: Path) -> Project:
    """An empty directory with an empty store and no index."""
    top = tmp_path / "elsewhere"
    top.mkdir()
    return Project(top, {**small.project.env, "REPROBOX_HOME": str(tmp_path / "their store")})
