"""The GPU vendors that are known, by name. Adding one is a module and a row."""

from __future__ import annotations

from reprobox.engine.gpu import nvidia
from reprobox.engine.gpu.vendor import Vendor

VENDORS: dict[str, Vendor] = {"nvidia": nvidia.VENDOR}
DEFAULT = VENDORS["nvidia"]
"""Whose devices a request without a name means, as for `docker run --gpus`."""
