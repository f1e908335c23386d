"""Pieces of lock files for tests."""

from __future__ import annotations

from lock_world import Index

from reprobox.model.lock import Lock

NATIVE = "cp311-cp311-manylinux_2_17_x86_64"


def names(made: object) -> list[str]:
    return [wheel.filename for wheel in made.wheels]  # type: ignore[attr-defined]


def versions(made: Lock) -> dict[str, str]:
    """The wheels of a lock."""
    return {wheel.name: wheel.version for wheel in made.wheels}


def pylock(
    index: Index, packages: str, head: str = 'lock-version = "1.0"\ncreated-by = "test"\n'
) -> str:
    return head + packages.replace("URL", f"http://127.0.0.1:{index.port}/files")


def pylock_wheel(digest: str, name: str, key: str = "url") -> str:
    value = {"url": f"URL/{name}", "path": f"./vendored/{name}"}[key]
    return f'{{ {key} = "{value}", hashes = {{ sha256 = "{digest.removeprefix("sha256:")}" }} }}'


POETRY = """\
[[package]]
name = "Alpha"
version = "1.0"
optional = false
files = [{{file = "alpha-1.0.tar.gz", hash = "sha256:{zero}"}}, {{file = "alpha-1.0-py3-none-any.whl", hash = "{alpha}"}}]
{alpha_more}
[package.dependencies]
beta = {{version = "*", markers = "sys_platform == \\"win32\\""}}
gamma = "*"

[[package]]
name = "beta"
version = "1.0"
optional = false
files = [{{file = "beta-1.0-cp311-cp311-win_amd64.whl", hash = "sha256:{zero}"}}]
{beta_more}
[[package]]
name = "gamma"
version = "1.0"
optional = false
files = [{{file = "gamma-1.0-py3-none-any.whl", hash = "{gamma}"}}]
{gamma_more}
[[package]]
name = "delta"
version = "1.0"
optional = {delta_optional}
files = []
{delta_more}
[metadata]
lock-version = "2.1"
"""


POETRY_2_1 = {
    "alpha_more": 'groups = ["main"]',
    "beta_more": 'groups = ["main"]\nmarkers = "sys_platform == \'win32\'"',
    "gamma_more": 'groups = ["main", "dev"]',
    "delta_more": 'groups = ["dev"]',
    "delta_optional": "false",
}


POETRY_BEFORE = {
    "alpha_more": "",
    "beta_more": "",
    "gamma_more": "",
    "delta_more": "",
    "delta_optional": "true",
}
