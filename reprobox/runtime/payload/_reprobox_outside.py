"""What a program leaves outside of its work tree: in memory, so that it is gone with the container.
Part of the shim; built-in modules only, Python 3.8.

All file systems in memory that the program could write to are looked through when it has ended.
What the config asks for is copied next to the shim's own files; the rest is named, with sizes.
"""

import os
import stat

LIST = "collect"
"""The shim's file with what is to be collected and what is not worth a word: `+` or `-` and a
pattern, a line each.
"""
FOLDER = "outside"
"""The directory that collected files go to."""
NAMED = 50
MOST = 100_000
"""Paths that are looked at."""
CHUNK = 1 << 20
NOT_OURS = ("/dev", "/proc", "/sys", "/run/secrets")


def places():
    """Mount points of file systems in memory that a program may leave files in."""
    found = []
    with open("/proc/self/mounts", "rb") as file:
        lines = file.read().decode("utf-8", "surrogateescape").splitlines()
    for line in lines:
        _, place, kind, options = line.split(" ")[:4]
        place = place.replace("\\040", " ")
        system = any(place == one or place.startswith(one + "/") for one in NOT_OURS)
        if kind == "tmpfs" and "rw" in options.split(",") and (not system or place == "/dev/shm"):
            found.append(place)
    return sorted(set(found))


def walk(tops):
    """Path and status of everything that is not a directory, in order, not through links or into
    other mounts.
    """
    pending, count = list(reversed(tops)), 0
    while pending:
        folder = pending.pop()
        try:
            names = sorted(os.listdir(folder))
            device = os.stat(folder).st_dev
        except OSError:
            continue
        inner = []
        for name in names:
            path = os.path.join(folder, name)
            try:
                info = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISDIR(info.st_mode):
                if info.st_dev == device:
                    inner.append(path)
                continue
            count += 1
            if count > MOST:
                return
            yield path, info
        pending += reversed(inner)


def look(out, before):
    """What is left: how many files and bytes, the largest by name, and what was collected.

    Args:
        before: the paths that were there before the program began.
    """
    rules = read_rules(os.path.join(out, LIST))
    left, taken, failed = [], 0, []
    for path, info in walk(places()):
        if path in before:
            continue
        wanted = next((sign for sign, pattern in rules if matches(path, pattern)), "")
        if wanted == "+":
            try:
                taken += take(path, info, os.path.join(out, FOLDER))
            except OSError as error:
                failed.append(path + ": " + (error.strerror or "cannot be copied"))
        elif wanted != "-":
            left.append((path, info.st_size))
    # Hidden files are mostly caches.
    largest = sorted(left, key=lambda one: ("/." in one[0], -one[1], one[0]))[:NAMED]
    return {
        "format": "reprobox.outside/1",
        "files": len(left),
        "size": sum(size for _, size in left),
        "named": [[path, size] for path, size in largest],
        "collected": taken,
        "failed": failed[:NAMED],
    }


def read_rules(path):
    """Sign and pattern of each rule; none where there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
    except OSError:
        return []
    return [(line[0], line[1:]) for line in lines if line[:1] in ("+", "-")]


def matches(path, pattern):
    """Whether a pattern means a path: whole, everything below where it ends in a slash; `*` is any
    text, `?` a letter.
    """
    if pattern.endswith("/"):
        pattern += "*"
    # Where the last star stood, and how far its text reached: each other star has found its first
    # place, which is as good as any (no steps back over it).
    at, star, reached, place = 0, -1, 0, 0
    while place < len(path):
        if at < len(pattern) and pattern[at] == "*":
            star, reached, at = at, place, at + 1
        elif at < len(pattern) and pattern[at] in ("?", path[place]):
            at, place = at + 1, place + 1
        elif star >= 0:
            reached += 1
            at, place = star + 1, reached
        else:
            return False
    return not pattern[at:].strip("*")


def take(path, info, folder):
    """Copies a file or link; 1."""
    target = folder + path
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if stat.S_ISLNK(info.st_mode):
        os.symlink(os.readlink(path), target)
        return 1
    if not stat.S_ISREG(info.st_mode):
        raise OSError(0, "it is neither a file nor a link")
    with open(path, "rb") as source, open(target, "xb") as copy:
        while True:
            data = source.read(CHUNK)
            if not data:
                break
            copy.write(data)
        os.fchmod(copy.fileno(), stat.S_IMODE(info.st_mode) & 0o777)
    return 1
