"""What differs between two commits, as text; no program that a repository names is run."""

from __future__ import annotations

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.source.repo import Repo, text


@dataclass(frozen=True, kw_only=True)
class Diff:
    """The beginning of a patch."""

    lines: tuple[str, ...]
    cut: bool = False


def diff(repo: Repo, left: str, right: str, most: int = 2000) -> Diff:
    """The patch from one commit to another, at most so many lines of it.

    Raises:
        SourceError: git does not have one of them.
    """
    flags = ("-p", "-r", "-M", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short")
    found: list[str] = []
    with repo.git.piped("diff-tree", *flags, left, right, "--", direction="read") as process:
        for line in process.pipe:
            if len(found) == most:
                return Diff(lines=tuple(found), cut=True)
            found.append(text(line[:2000]).rstrip("\n"))
        done = process.finish()
    if not done.ok:
        from reprobox.source.git import failed

        raise failed(done, repo.git.at)
    return Diff(lines=tuple(found))
