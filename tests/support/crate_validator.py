"""The RO-Crate community's own validator (roc-validator), without a network."""

from __future__ import annotations

import atexit
import functools
import io
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

import requests
import requests.adapters
import requests_cache
from urllib3 import HTTPResponse


class _Bundled(requests.adapters.BaseAdapter):
    """Answers with the context that the rocrate library brings along (1.3 has all terms of 1.1):
    tests have no network.
    """

    def send(
        self, request: requests.PreparedRequest, *args: object, **kwargs: object
    ) -> requests.Response:
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = 200, str(request.url), request
        answer.headers["Content-Type"] = "application/ld+json"
        data = resources.files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()
        answer.raw = HTTPResponse(
            io.BytesIO(data),
            status=200,
            headers=answer.headers,
            preload_content=False,
            request_method="GET",
        )
        return answer

    def close(self) -> None:
        pass


@functools.cache
def _cache() -> Path:
    """The validator's cache, filled as `rocrate-validator cache warm` would fill it; removed with
    the test process.
    """
    folder = Path(tempfile.mkdtemp(prefix="rocrate-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "http"
    with requests_cache.CachedSession(
        cache_name=str(path), backend="sqlite", expire_after=-1
    ) as session:
        session.mount("https://", _Bundled())
        session.get("https://w3id.org/ro/crate/1.1/context")
    return path


def complaints(crate: Path) -> str:
    """What the validator says of what the profile requires; empty where the crate is valid."""
    validator = str(Path(sys.executable).with_name("rocrate-validator"))
    options = ["-p", "process-run-crate-0.5", "-l", "required", "--offline"]
    options += ["--cache-path", str(_cache())]
    done = subprocess.run(
        [validator, "-y", "validate", *options, str(crate)],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
