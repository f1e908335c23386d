"""Where links lead, among files that are not on any disk yet."""

from __future__ import annotations

from collections.abc import Mapping

LONGEST = 4095
"""Bytes: no link that Linux made has more (PATH_MAX less the final zero)."""
_FOLLOWED = 40
"""Links that the kernel follows for one path (path_resolution(7))."""
_STEPS = 4096
"""Names and links that are looked at for one path; no path of an honest run needs so many."""


def leads_out(path: str, links: Mapping[str, str]) -> bool:
    """Whether a link leads out of the tree that it is in, itself or through others.

    It is walked as the kernel walks it: `..` goes up from where the links so far have led, and not
        from what the text says.

    Args:
        path: the link, relative to the top of the tree.
        links: the text of every link in the tree.

    Returns:
        True also where it is not known, because there were too many links.
    """
    at, left, followed = path.split("/")[:-1], [path.split("/")[-1]], 0
    for _ in range(_STEPS):
        if not left:
            return False
        part = left.pop()
        if part == "..":
            if not at:
                return True
            at.pop()
        elif part not in ("", "."):
            text = links.get("/".join([*at, part]))
            if text is None:
                at.append(part)
                continue
            followed += 1
            if text.startswith("/") or followed > _FOLLOWED:
                return True
            left += reversed(text.split("/"))
    return True
