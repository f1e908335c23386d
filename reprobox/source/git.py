"""The one door to git: the program itself, which may run no program that a commit names.

Why not GitPython: importing it costs 60 to 100 ms of every command, and what is needed is plumbing
with exact flags (batch reads, fast-import, pack-objects), which it would only pass on to the same
program, with the caller's environment.

A repository can name programs in its configuration, hooks and attributes. The flags below turn off
those that the commands used here could start. No command is used that applies filters, but for one
question about files that differ (see `worktree`). What the user's own environment and global
configuration say (safe.directory, user.name, excludes) stays in force.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import field
from pathlib import Path
from typing import IO, Literal

from reprobox.errors import SourceError
from reprobox.kit import proc
from reprobox.kit.lazy_dataclass import dataclass

_KEPT = (
    *("HOME", "PATH", "TMPDIR", "USER", "LOGNAME", "SUDO_UID", "XDG_CONFIG_HOME"),
    *(
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CEILING_DIRECTORIES",
        "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    ),
)
_FIXED = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_GRAFT_FILE": os.devnull,
    # No transport at all: a missing object of a partial clone must not be fetched, least of all
    # through `ext::`.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_ASKPASS": "false",
    "GIT_SSH_COMMAND": "false",
}
_SETTINGS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.untrackedCache": "false",
    "core.alternateRefsCommand": "false",
    "core.sshCommand": "false",
    "core.askPass": "false",
    "core.editor": "false",
    "credential.helper": "",
    "diff.external": "",
    "gpg.program": "false",
    "gpg.ssh.program": "false",
    "gpg.x509.program": "false",
    "commit.gpgSign": "false",
    "log.showSignature": "false",
    "protocol.allow": "never",
    "submodule.recurse": "false",
    # What is said to be kept is on the disk; git's default leaves loose objects to the kernel.
    "core.fsync": "all",
    "maintenance.auto": "false",
    "gc.auto": "0",
}
_FLAGS = ("--no-pager", "--no-optional-locks", "--no-replace-objects")
_LITERAL = "--literal-pathspecs"


def _environment() -> dict[str, str]:
    """The user's configuration, and nothing that would point git at another repository, index or
    object store.
    """
    kept = {
        name: value for name, value in os.environ.items() if name in _KEPT or _is_given_config(name)
    }
    return {**kept, **_FIXED}


def _is_given_config(name: str) -> bool:
    return name == "GIT_CONFIG_COUNT" or name.startswith(("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"))


def _with_settings(environment: dict[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Settings through the environment, after those that the user gave there: unlike `-c`, any
    character may be in a key.
    """
    given = environment.get("GIT_CONFIG_COUNT", "0")
    first = int(given) if given.isdigit() else 0
    made = {"GIT_CONFIG_COUNT": str(first + len(settings))}
    for index, (key, value) in enumerate(settings.items(), first):
        made[f"GIT_CONFIG_KEY_{index}"], made[f"GIT_CONFIG_VALUE_{index}"] = key, value
    return {**environment, **made}


@dataclass(frozen=True, kw_only=True)
class Git:
    """Git at one place: a directory inside a repository, or (`git_dir`) a repository without its
    work tree.
    """

    at: Path
    git_dir: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)
    """More environment, such as object stores to look into."""
    literal: bool = True
    """Whether paths are taken as they are written; `check-ignore` always does so, and
    refuses to be.
    """

    def _argv(self, args: tuple[str | bytes, ...]) -> list[str | bytes]:
        place = [f"--git-dir={self.at}"] if self.git_dir else []
        flags = (*_FLAGS, _LITERAL) if self.literal else _FLAGS
        return ["git", "-C", str(self.at), *place, *flags, *args]

    def _env(self, settings: Mapping[str, str]) -> dict[str, str]:
        # A submodule's repository names its work tree, which may be gone; any directory that exists
        # will do.
        place = {"GIT_WORK_TREE": str(self.at)} if self.git_dir else {}
        return {**_with_settings(_environment(), {**_SETTINGS, **settings}), **place, **self.extra}

    def run(
        self,
        *args: str | bytes,
        stdin: bytes | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> proc.Done:
        """Runs a command to its end, whatever its exit code.

        Raises:
            SourceError: when there is no git, or the system cannot start it.
        """
        with _starting():
            return proc.run(self._argv(args), env=self._env(settings or {}), stdin=stdin)

    def out(
        self,
        *args: str | bytes,
        stdin: bytes | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> bytes:
        """What a command says.

        Raises:
            SourceError: when it fails, with git's own words.
        """
        done = self.run(*args, stdin=stdin, settings=settings)
        if not done.ok:
            raise failed(done, self.at)
        return done.out

    @contextmanager
    def piped(
        self,
        *args: str | bytes,
        direction: Literal["read", "write"],
        stdin: IO[bytes] | None = None,
    ) -> Iterator[proc.Piped]:
        """A command that is read or written piece by piece. Raises SourceError when it cannot be
        started.
        """
        with ExitStack() as stack:
            with _starting():
                process = stack.enter_context(
                    proc.piped(
                        self._argv(args), direction=direction, env=self._env({}), stdin=stdin
                    )
                )
            yield process

    def dialogue(self, *args: str) -> proc.Dialogue:
        """A command that answers questions on its input, one after another. Raises SourceError when
        it cannot be started.
        """
        with _starting():
            return proc.Dialogue(self._argv(args), env=self._env({}))


@contextmanager
def _starting() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise no_git() from error
    except OSError as error:  # no descriptors, no memory, no processes left
        raise SourceError(
            "git cannot be started", why=str(error), next_step="try again; see ulimit -a"
        ) from error


def no_git() -> SourceError:
    """There is no git program."""
    return SourceError("git is not installed", next_step="install git 2.31 or later")


def failed(done: proc.Done, at: Path) -> SourceError:
    """What git said when it failed."""
    command = next((part for part in done.argv[3:] if not part.startswith("-")), "")
    return SourceError(
        f"git {command} failed in {at}", why=done.error_text or f"exit code {done.code}"
    )
