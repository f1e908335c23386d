"""A program that ended because the image lacks a library or program of the system: which package
has it.

Wheels carry most of what they need, but not these; the words of the dynamic linker, or of the
library that looked for it, stand in stderr.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from reprobox.kit.regex import regex

_LINKER = regex(rb"\b(lib[\w.+-]+\.so[.\d]*): cannot open shared object file")
_TAIL = 1 << 16
_PACKAGES = {
    "libaio.so.1": "libaio1",
    "libasound.so.2": "libasound2",
    "libatomic.so.1": "libatomic1",
    "libavcodec.so.59": "libavcodec59",
    "libblas.so.3": "libblas3",
    "libbz2.so.1.0": "libbz2-1.0",
    "libcairo.so.2": "libcairo2",
    "libcrypt.so.1": "libcrypt1",
    "libcrypto.so.3": "libssl3",
    "libcurl-gnutls.so.4": "libcurl3-gnutls",
    "libcurl.so.4": "libcurl4",
    "libdbus-1.so.3": "libdbus-1-3",
    "libEGL.so.1": "libegl1",
    "libexpat.so.1": "libexpat1",
    "libffi.so.8": "libffi8",
    "libfftw3.so.3": "libfftw3-double3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libgcc_s.so.1": "libgcc-s1",
    "libgdk_pixbuf-2.0.so.0": "libgdk-pixbuf-2.0-0",
    "libgeos_c.so.1": "libgeos-c1v5",
    "libgfortran.so.5": "libgfortran5",
    "libgio-2.0.so.0": "libglib2.0-0",
    "libGL.so.1": "libgl1",
    "libglfw.so.3": "libglfw3",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libGLU.so.1": "libglu1-mesa",
    "libgmp.so.10": "libgmp10",
    "libgobject-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
    "libgsl.so.27": "libgsl27",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libharfbuzz.so.0": "libharfbuzz0b",
    "libhdf5_serial.so.103": "libhdf5-103-1",
    "libibverbs.so.1": "libibverbs1",
    "libicuuc.so.72": "libicu72",
    "libjemalloc.so.2": "libjemalloc2",
    "libjpeg.so.62": "libjpeg62-turbo",
    "liblapack.so.3": "liblapack3",
    "liblzma.so.5": "liblzma5",
    "libmagic.so.1": "libmagic1",
    "libmariadb.so.3": "libmariadb3",
    "libmpi.so.40": "libopenmpi3",
    "libncursesw.so.6": "libncursesw6",
    "libnetcdf.so.19": "libnetcdf19",
    "libnss3.so": "libnss3",
    "libnuma.so.1": "libnuma1",
    "libodbc.so.2": "libodbc2",
    "libomp.so.5": "libomp5-14",
    "libopenblas.so.0": "libopenblas0-pthread",
    "libOpenGL.so.0": "libopengl0",
    "libOSMesa.so.8": "libosmesa6",
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangocairo-1.0.so.0": "libpangocairo-1.0-0",
    "libpng16.so.16": "libpng16-16",
    "libportaudio.so.2": "libportaudio2",
    "libpq.so.5": "libpq5",
    "libpython3.11.so.1.0": "libpython3.11",
    "libpython3.13.so.1.0": "libpython3.13",
    "libquadmath.so.0": "libquadmath0",
    "libR.so": "r-base-core",
    "librdmacm.so.1": "librdmacm1",
    "libreadline.so.8": "libreadline8",
    "libSM.so.6": "libsm6",
    "libsndfile.so.1": "libsndfile1",
    "libspatialindex_c.so.6": "libspatialindex-c6",
    "libsqlite3.so.0": "libsqlite3-0",
    "libssl.so.3": "libssl3",
    "libstdc++.so.6": "libstdc++6",
    "libtbb.so.12": "libtbb12",
    "libtcl8.6.so": "libtcl8.6",
    "libtcmalloc.so.4": "libgoogle-perftools4",
    "libtcmalloc_minimal.so.4": "libtcmalloc-minimal4",
    "libtiff.so.6": "libtiff6",
    "libtinfo.so.6": "libtinfo6",
    "libtk8.6.so": "libtk8.6",
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libwebp.so.7": "libwebp7",
    "libX11.so.6": "libx11-6",
    "libxcb.so.1": "libxcb1",
    "libXcursor.so.1": "libxcursor1",
    "libXext.so.6": "libxext6",
    "libXi.so.6": "libxi6",
    "libXinerama.so.1": "libxinerama1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxml2.so.2": "libxml2",
    "libXrandr.so.2": "libxrandr2",
    "libXrender.so.1": "libxrender1",
    "libxslt.so.1": "libxslt1.1",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
}
"""By the package of Debian 12 that has it (its Contents; 13 mostly has the same names). A library
that is not here is looked for with apt-file.
"""
_PROGRAMS = {
    rb"Python\.h: No such file": ("Python.h", "python3-dev"),
    rb"No such file or directory: '(?:gcc|cc)'|Failed to find C compiler": (
        "a C compiler",
        "gcc, libc6-dev",
    ),
    rb"No such file or directory: 'g\+\+'|InvalidCxxCompiler|No working C\+\+ compiler": (
        "a C++ compiler",
        "g++",
    ),
    rb"No such file or directory: 'git'|Bad git executable|Git executable (?:must|not found)": (
        "git",
        "git",
    ),
    rb"No such file or directory: 'ffmpeg'|ffmpeg(?: was)? not found|Couldn't find ffmpeg": (
        "ffmpeg",
        "ffmpeg",
    ),
    rb"failed to execute (?:PosixPath\()?'dot'|\"dot\" not found in path": ("dot", "graphviz"),
    rb"failed to find libmagic": ("libmagic", "libmagic1"),
    rb"sndfile library not found": ("libsndfile", "libsndfile1"),
    rb"PortAudio library not found": ("PortAudio", "libportaudio2"),
    rb"no library called \"cairo": ("cairo", "libcairo2"),
    rb"cannot load library '(?:lib)?gobject-2\.0": ("Pango", "libpango-1.0-0, libpangoft2-1.0-0"),
    rb"tesseract is not installed": ("tesseract", "tesseract-ocr"),
    rb"Unable to get page count\. Is poppler": ("poppler", "poppler-utils"),
    rb"JAVA_HOME is not set|No such file or directory: 'java'": ("Java", "default-jre-headless"),
    rb"No such file or directory: 'Rscript'|R_HOME (?:must|is not)": ("R", "r-base-core"),
    rb"No such file or directory: 'make'": ("make", "make"),
    rb"No such file or directory: 'cmake'": ("cmake", "cmake"),
    rb"No such file or directory: 'ninja'|Ninja is required": ("ninja", "ninja-build"),
    rb"No such file or directory: 'latex'|latex could not be found": (
        "LaTeX",
        "texlive-latex-extra, dvipng, cm-super",
    ),
}
"""What libraries print that look for something themselves: what is missing, and its packages."""


def advice(stderr: Path) -> str:
    """What to add to the config; empty where stderr does not speak of something missing."""
    try:
        with stderr.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            text = file.read()
    except OSError:
        return ""
    if found := _LINKER.findall(text):
        name = found[-1].decode("ascii", "replace")
        package = _PACKAGES.get(name)
        return _line(name, package) if package else _unknown(name)
    for sign, (what, packages) in _PROGRAMS.items():
        if re.search(sign, text):
            return _line(what, packages)
    return ""


def _line(what: str, packages: str) -> str:
    key = f"apt: [{packages}]"
    return f"the image lacks {what}: add `{key}` to `reprobox.environment`, then lock and build"


def _unknown(name: str) -> str:
    return (
        f"the image lacks {name}: add the Debian package that has it (apt-file search {name}) to "
        "`apt` of `reprobox.environment`, then lock and build"
    )
