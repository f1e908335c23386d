"""The user's pip configuration, in uv's words and in those of `requests`.

pip's files and PIP_* variables are read by pip itself (`pip config list`), so its own rules of
precedence hold. uv does not read them; what it understands is handed over as UV_* variables, below
whatever the user has set for uv. Variables and not arguments, because an index URL may hold a
password and arguments are for everyone to see.
"""

from __future__ import annotations

import ast
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from reprobox.kit import proc

# Later ones win: pip's configuration page, "Precedence / Override order"; `:env:` is pip's name for
# PIP_* variables.
_SECTIONS = ("global", "install", "download", ":env:")
_CONFIG_TIMEOUT = 60.0
# What the environment calls what pip calls otherwise, by kind of thing. Set for uv only where the
# user has none of the row.
_UV_NAMES = {
    "index-url": ("UV_INDEX_URL", "UV_DEFAULT_INDEX"),
    "extra-index-url": ("UV_EXTRA_INDEX_URL", "UV_INDEX"),
    "find-links": ("UV_FIND_LINKS",),
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "all_proxy"),
    "trusted-host": ("UV_INSECURE_HOST",),
    "timeout": ("UV_HTTP_TIMEOUT",),
    "default-timeout": ("UV_HTTP_TIMEOUT",),
    "no-index": ("UV_NO_INDEX",),
    "constraint": ("UV_CONSTRAINT",),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where packages come from, as the user has told pip and uv."""

    values: dict[str, str]
    """pip's options by long name; lists are separated by blanks."""
    environment: dict[str, str]
    """The process's environment with pip's settings added in uv's words."""

    @property
    def index_urls(self) -> tuple[str, ...]:
        """Every index and find-links URL that is known, with its credentials."""
        env = self.environment
        names = (
            "UV_DEFAULT_INDEX",
            "UV_INDEX_URL",
            "UV_INDEX",
            "UV_EXTRA_INDEX_URL",
            "UV_FIND_LINKS",
        )
        words = [word for name in names for word in env.get(name, "").replace(",", " ").split()]
        return tuple(dict.fromkeys(_without_name(word) for word in words))

    @property
    def find_links(self) -> tuple[str, ...]:
        """Directories and pages of links."""
        return tuple(self.environment.get("UV_FIND_LINKS", "").replace(",", " ").split())

    @property
    def credentials(self) -> dict[str, tuple[str, str]]:
        """`scheme://host:port` to user name and password, from index URLs and uv's per-index
        variables.
        """
        found = {}
        for url in self.index_urls:
            parts = urlsplit(url)
            if parts.username:
                found[origin(url)] = (unquote(parts.username), unquote(parts.password or ""))
        return {**found, **_named_credentials(self.environment)}

    @property
    def trusted_hosts(self) -> frozenset[str]:
        """Hosts (with or without a port) whose certificates are not checked."""
        return frozenset(self.environment.get("UV_INSECURE_HOST", "").replace(",", " ").split())


def origin(url: str) -> str:
    """Scheme, host and port: what credentials belong to (RFC 6454)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or {'https': 443, 'http': 80}.get(parts.scheme, 0)}"


def _without_name(index: str) -> str:
    """UV_INDEX may say `name=url`."""
    name, sign, url = index.partition("=")
    return url if sign and name.replace("-", "").replace("_", "").isalnum() else index


def _named_credentials(env: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    found = {}
    for word in (env.get("UV_INDEX", "") + " " + env.get("UV_DEFAULT_INDEX", "")).split():
        name, sign, url = word.partition("=")
        key = "UV_INDEX_" + "".join(letter if letter.isalnum() else "_" for letter in name).upper()
        if sign and (user := env.get(key + "_USERNAME")):
            found[origin(url)] = (user, env.get(key + "_PASSWORD", ""))
    return found


def read(env: Mapping[str, str] | None = None) -> Settings:
    """Asks the running interpreter's pip, else the first on PATH; without any, the user has no pip
    settings but PIP_* variables.
    """
    base = dict(os.environ if env is None else env)
    values = _by_precedence(_ask_pip(base))
    if not values:
        values = {
            key[4:].lower().replace("_", "-"): value
            for key, value in base.items()
            if key.startswith("PIP_")
        }
    return Settings(values=values, environment=_for_uv(values, base))


def _ask_pip(env: Mapping[str, str]) -> list[str]:
    for argv in ([sys.executable, "-m", "pip"], ["python3", "-m", "pip"], ["pip3"]):
        if shutil.which(argv[0]) is None:
            continue
        done = proc.run([*argv, "config", "list"], env=dict(env), timeout=_CONFIG_TIMEOUT)
        if done.ok:
            return done.out.decode("utf-8", "replace").splitlines()
    return []


def _by_precedence(lines: list[str]) -> dict[str, str]:
    sections: dict[str, dict[str, str]] = {}
    for line in lines:
        key, sign, text = line.partition("=")
        section, _, option = key.rpartition(".")
        if sign and section in _SECTIONS:
            sections.setdefault(section, {})[option] = str(ast.literal_eval(text))
    return {
        option: value
        for section in _SECTIONS
        for option, value in sections.get(section, {}).items()
    }


def _for_uv(values: Mapping[str, str], env: dict[str, str]) -> dict[str, str]:
    added = dict(env)
    for option, names in _UV_NAMES.items():
        if option in values and not any(name in env for name in names):
            added[names[0]] = " ".join(values[option].split())
    if "UV_EXTRA_INDEX_URL" in added and "UV_EXTRA_INDEX_URL" not in env:
        # pip takes the best version of all indexes; uv, the first index that has the name. These
        # indexes were given to pip.
        added.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if values.get("keyring-provider") == "subprocess":
        added.setdefault("UV_KEYRING_PROVIDER", "subprocess")
    return added
