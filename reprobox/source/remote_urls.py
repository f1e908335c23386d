"""Remote URLs without what is secret in them."""

from __future__ import annotations

import re

from reprobox.kit.regex import regex

_HELPER = regex(r"([A-Za-z0-9+.-]+)::(.*)", re.DOTALL)
_URL = regex(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*).*", re.DOTALL)
_SCP = regex(r"([^/:@]+):([^/@]*)@([^/]*:.*)", re.DOTALL)


def without_credentials(url: str) -> str:
    """A remote's URL without password, token, query and fragment.

    The user name stays for ssh only, where it is part of the address (`git@`); elsewhere tokens are
    passed in its place. `host:path` and local paths are kept as they are.
    """
    if helper := _HELPER.fullmatch(url):
        return f"{helper[1]}::{without_credentials(helper[2])}"
    if match := _URL.fullmatch(url):
        user, mark, host = match[2].rpartition("@")
        name = (
            user.partition(":")[0]
            if mark and match[1].lower() in ("ssh", "git+ssh", "ssh+git")
            else ""
        )
        return f"{match[1]}://{name + '@' if name else ''}{host}{match[3]}"
    if match := _SCP.fullmatch(url):
        return f"{match[1]}@{match[3]}"
    return url


def chosen(config: dict[str, str], branch: str | None) -> str | None:
    """The URL of the branch's upstream remote, else of `origin`, else of the only remote; without
    credentials.
    """
    urls = {
        key[len("remote.") : -len(".url")]: url
        for key, url in config.items()
        if re.fullmatch(r"remote\..+\.url", key, re.DOTALL)
    }
    upstream = config.get(f"branch.{branch}.remote", "") if branch else ""
    found = (
        urls.get(upstream)
        or urls.get("origin")
        or (next(iter(urls.values())) if len(urls) == 1 else None)
    )
    return without_credentials(found) if found else None
