"""Why git does not show a file: a rule hides it from `git add`, or a sparse checkout omits it."""

from __future__ import annotations

from dataclasses import replace

from reprobox.source.repo import Repo, raw, text


def ignored_by(repo: Repo, path: str) -> str | None:
    """The rule that ignores a path, as `.gitignore:3: *.yaml`; None where none does.

    Args:
        path: relative to the top; it may be tracked all the same.
    """
    asked = ("check-ignore", "-v", "-z", "--no-index", "--stdin")
    said = replace(repo.git, literal=False).run(*asked, stdin=raw(path) + b"\0")
    source, line, pattern = (*map(text, said.out.split(b"\0")), "", "")[:3]
    # `!pattern` takes a path back in.
    if not said.ok or not source or pattern.startswith("!"):
        return None
    return f"{source}:{line}: {pattern}"


def is_left_out(repo: Repo, path: str) -> bool:
    """Whether a sparse checkout omits a file of the commit: git-ls-files marks it with `S`."""
    said = repo.git.run("ls-files", "-t", "-z", "--", raw(path))
    return repo.flag("core.sparsecheckout", False) and said.out.startswith(b"S ")
