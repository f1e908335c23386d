"""The two files that give the caller's number a name inside the container.

Without a line of its own a uid has no name and the home directory `/`: `getpass.getuser`,
`os.path.expanduser` and programs that keep a cache (torch, matplotlib, triton) then fail or write
where they may not.
"""

from __future__ import annotations

USER = "reprobox"
HOME = "/home/reprobox"
_NOBODY = 65534


def passwd(uid: int, gid: int) -> str:
    """/etc/passwd with the caller first, then root and nobody.

    The caller comes first because the first line of a number names it: a caller that is root is
    `reprobox` at HOME there too, so that a run does not depend on who started it.
    """
    return (
        f"{USER}:x:{uid}:{gid}:reprobox:{HOME}:/bin/sh\n"
        "root:x:0:0:root:/root:/bin/sh\n"
        f"nobody:x:{_NOBODY}:{_NOBODY}:nobody:/nonexistent:/bin/false\n"
    )


def group(gid: int) -> str:
    """/etc/group with the caller's group first, then root and nogroup."""
    return f"{USER}:x:{gid}:\nroot:x:0:\nnogroup:x:{_NOBODY}:\n"
