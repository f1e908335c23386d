"""The user's pip configuration, in uv's words and in those of `requests`.

pip's files and PIP_* variables are read by pip itself (`pip config list`), so its own rules of
precedence hold. uv does not read them; what it understands is handed over as UV_* variables, below
whatever the user has set for uv. Variables and not arguments, because an index URL may hold a
password and arguments are for everyone to see.
"""

from __future__ import annotations

import ast
import configparser
import contextlib
import os
import shutil
import sys
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from reprobox.kit import proc
from reprobox.kit.lazy_dataclass import dataclass

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
    """Where packages come from, as pip and uv are configured."""

    values: dict[str, str]
    """pip's options by long name; lists are separated by blanks."""
    environment: dict[str, str]
    """The process's environment with pip's settings added in uv's words."""

    @property
    def index_urls(self) -> tuple[str, ...]:
        """Every index and find-links URL that is known, with its credentials."""
        env = self.environment
        names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")
        words = [word for name in names for word in env.get(name, "").replace(",", " ").split()]
        return tuple(dict.fromkeys([*map(_without_name, words), *self.find_links]))

    @property
    def find_links(self) -> tuple[str, ...]:
        """Directories and pages of links."""
        places = self.environment.get("UV_FIND_LINKS", "").split(",")
        return tuple(place.strip() for place in places if place.strip())

    @property
    def credentials(self) -> dict[str, tuple[str, str]]:
        """`scheme://host:port` to user name and password, from index URLs and uv's per-index
        variables.
        """
        found = {}
        for url in self.index_urls:
            parts = urlsplit(url)
            if parts.username:
                user = unquote(parts.username)
                password = unquote(parts.password or "") or _from_keyring(url, user, self)
                found[origin(url)] = (user, password)
        return {**found, **_named_credentials(self.environment)}

    @property
    def trusted_hosts(self) -> frozenset[str]:
        """Hosts (with or without a port) whose certificates are not checked."""
        return frozenset(self.environment.get("UV_INSECURE_HOST", "").replace(",", " ").split())


def origin(url: str) -> str:
    """Scheme, host and port: what credentials belong to (RFC 6454)."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _without_name(index: str) -> str:
    """UV_INDEX may say `name=url`."""
    name, sign, url = index.partition("=")
    return url if sign and name.replace("-", "").replace("_", "").isalnum() else index


def _from_keyring(url: str, user: str, settings: Settings) -> str:
    """The password that the user's `keyring` has, by URL or by host, as uv asks for it."""
    env = settings.environment
    if env.get("UV_KEYRING_PROVIDER") != "subprocess" or not shutil.which(
        "keyring", path=env.get("PATH")
    ):
        return ""
    parts = urlsplit(url)
    host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    bare = parts._replace(netloc=host).geturl()
    for place in (bare, host):
        done = proc.run(["keyring", "get", place, user], env=env, timeout=_CONFIG_TIMEOUT)
        if done.ok and (password := done.out.decode("utf-8", "replace").strip()):
            return password
    return ""


def _named_credentials(env: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    found = {}
    for word in (env.get("UV_INDEX", "") + " " + env.get("UV_DEFAULT_INDEX", "")).split():
        name, sign, url = word.partition("=")
        key = "UV_INDEX_" + "".join(letter if letter.isalnum() else "_" for letter in name).upper()
        if sign and (user := env.get(key + "_USERNAME")):
            found[origin(url)] = (user, env.get(key + "_PASSWORD", ""))
    return found


def read(env: Mapping[str, str] | None = None) -> Settings:
    """Asks the running interpreter's pip, else the first on PATH; without any, pip's files are read
    here.
    """
    base = dict(os.environ if env is None else env)
    said = _ask_pip(base)
    values = _by_precedence(said) if said is not None else _from_files(base)
    return Settings(values=values, environment=_for_uv(values, base))


def _ask_pip(env: Mapping[str, str]) -> list[str] | None:
    """What `pip config list` prints; None without a pip."""
    for argv in ([sys.executable, "-m", "pip"], ["python3", "-m", "pip"], ["pip3"]):
        if shutil.which(argv[0], path=env.get("PATH")) is None:
            continue
        done = proc.run([*argv, "config", "list"], env=dict(env), timeout=_CONFIG_TIMEOUT)
        if done.ok:
            return done.out.decode("utf-8", "replace").splitlines()
    return None


def _from_files(env: Mapping[str, str]) -> dict[str, str]:
    """pip's files and PIP_* variables, read as pip reads them (its page "Configuration")."""
    parser = configparser.RawConfigParser()
    with contextlib.suppress(configparser.Error, UnicodeDecodeError, OSError):
        parser.read(_places(env), encoding="utf-8")
    found = {
        option.replace("_", "-"): value
        for section in ("global", "install", "download")
        if parser.has_section(section)
        for option, value in parser.items(section)
    }
    variables = {
        key[4:].lower().replace("_", "-"): value
        for key, value in env.items()
        if key.startswith("PIP_") and value
    }
    return {**found, **variables}


def _places(env: Mapping[str, str]) -> list[str]:
    """From the weakest to the strongest."""
    named = env.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = env.get("HOME", "")
    places = [
        f"{place}/pip/pip.conf" for place in env.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")
    ]
    places += ["/etc/pip.conf", f"{home}/.pip/pip.conf"]
    places += [f"{env.get('XDG_CONFIG_HOME') or home + '/.config'}/pip/pip.conf"]
    return [*places, *([named] if named else [])]


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
            added[names[0]] = _IN_UVS_WORDS.get(option, _blanks)(values[option])
    if "UV_EXTRA_INDEX_URL" in added and "UV_EXTRA_INDEX_URL" not in env:
        # pip takes the best version of all indexes; uv, the first index that has the name. These
        # indexes were given to pip.
        added.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if values.get("keyring-provider") == "subprocess":
        added.setdefault("UV_KEYRING_PROVIDER", "subprocess")
    return {key: value for key, value in added.items() if value or key in env}


def _blanks(value: str) -> str:
    return " ".join(value.split())


def _links(value: str) -> str:
    """pip separates by blanks, uv by commas. pip passes over a directory that does not exist, and
    takes a relative one from where it is started.
    """
    places = (place if "://" in place else os.path.abspath(place) for place in value.split())
    return ",".join(place for place in places if "://" in place or os.path.isdir(place))


_IN_UVS_WORDS = {"find-links": _links}
