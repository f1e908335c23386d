"""A program that ended because the image lacks a library of the system: which package has it.

Wheels carry most of what they need, but not these; the dynamic linker's words stand in stderr.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_SAID = re.compile(rb"\b(lib[\w.+-]+\.so[.\d]*): cannot open shared object file")
_TAIL = 1 << 16
_PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLU.so.1": "libglu1-mesa",
    "libSM.so.6": "libsm6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libOpenGL.so.0": "libopengl0",
    "libasound.so.2": "libasound2",
    "libatomic.so.1": "libatomic1",
    "libgfortran.so.5": "libgfortran5",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libicuuc.so.72": "libicu72",
    "libjemalloc.so.2": "libjemalloc2",
    "libmagic.so.1": "libmagic1",
    "libnuma.so.1": "libnuma1",
    "libopenblas.so.0": "libopenblas0-pthread",
    "libopenmpi.so.40": "libopenmpi3",
    "libmpi.so.40": "libopenmpi3",
    "libportaudio.so.2": "libportaudio2",
    "libpq.so.5": "libpq5",
    "libquadmath.so.0": "libquadmath0",
    "libsndfile.so.1": "libsndfile1",
    "libsqlite3.so.0": "libsqlite3-0",
    "libstdc++.so.6": "libstdc++6",
    "libtcmalloc.so.4": "libtcmalloc-minimal4",
    "libxml2.so.2": "libxml2",
    "libz.so.1": "zlib1g",
}
"""Of Debian 12 and 13 alike; a library that is not here is looked for with apt-file."""


def advice(stderr: Path) -> str:
    """What to add to the config; empty where stderr does not speak of a missing library."""
    try:
        with stderr.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            found = _SAID.findall(file.read())
    except OSError:
        return ""
    if not found:
        return ""
    name = found[-1].decode("ascii", "replace")
    package = _PACKAGES.get(name)
    if package is None:
        return (
            f"the image lacks {name}: add the Debian package that has it (apt-file search {name}) "
            "to `apt` of `reprobox.environment`, then lock and build"
        )
    key = f"apt: [{package}]"
    return f"the image lacks {name}: add `{key}` to `reprobox.environment`, then lock and build"
