"""Every failure of reprobox: one class each, with an exit code of its own and what to do next.

Codes: 2 usage; 10-19 source and config; 20-29 lock and fetch; 30-39 image; 40-49 engine; 50-59
store; 60-69 comparison and trust; 70 a bug; 130 interrupted. `reprobox run` answers 125 for all of
them, as docker does, because every other code belongs to the experiment; `replay`, `diff`, `check`
and `explain` answer 0 for same, 1 for different, 60 where that is inconclusive. A test holds the
codes unique.
"""

from __future__ import annotations

from typing import ClassVar


class ReproboxError(Exception):
    """A failure that the user can act on.

    Args:
        what: what happened, one sentence without a full stop at the end of the line where a list
            follows.
        why: the reason, or details, possibly several lines.
        next_step: what to do now, ideally a command.
    """

    code: ClassVar[int] = 70

    def __init__(self, what: str, *, why: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(self.why)
        if self.next_step:
            lines.append(f"next: {self.next_step}")
        return "\n".join(lines)


class UsageError(ReproboxError):
    """The command line is not valid."""

    code = 2


class NotARepository(ReproboxError):
    """No git repository was found here, or it has no commit yet."""

    code = 10


class DirtyTree(ReproboxError):
    """The work tree is not the commit; `why` lists every reason."""

    code = 11


class ConfigError(ReproboxError):
    """The config file is missing, is not YAML, or has a setting that is not known."""

    code = 12


class InputError(ReproboxError):
    """A declared input is missing, changed, or cannot be read."""

    code = 13


class SourceError(ReproboxError):
    """Git could not read the commit, or its bytes do not match the commit's digest."""

    code = 14


class LockMissing(ReproboxError):
    """The lock file is missing."""

    code = 20


class LockStale(ReproboxError):
    """The lock was made for another environment than the config's."""

    code = 21


class LockInvalid(ReproboxError):
    """The lock is damaged or was edited by hand."""

    code = 22


class ResolveError(ReproboxError):
    """No set of packages satisfies the requirements."""

    code = 23


class BuildError(ReproboxError):
    """A source distribution could not be built into a wheel."""

    code = 27


class FetchError(ReproboxError):
    """A file that the lock names could not be fetched."""

    code = 24


class HashMismatch(ReproboxError):
    """Digest mismatch: the bytes are not those of their sha256."""

    code = 25


class NewerFormat(ReproboxError):
    """A document was written by a newer reprobox."""

    code = 26


class ImageError(ReproboxError):
    """The image could not be composed."""

    code = 30


class ImageMismatch(ReproboxError):
    """The image is not the one that the lock or the record names."""

    code = 31


class ImageMissing(ReproboxError):
    """The image is gone and could not be restored."""

    code = 32


class EngineUnavailable(ReproboxError):
    """No container engine answers, or this user may not use it."""

    code = 40


class EngineError(ReproboxError):
    """The engine refused or failed."""

    code = 41


class GpuUnavailable(ReproboxError):
    """GPUs were requested and are not available here."""

    code = 42


class ProfileUnavailable(ReproboxError):
    """This host cannot honour the determinism profile."""

    code = 43


class SchedulerError(ReproboxError):
    """A scheduler cannot be reached, or refuses the request."""

    code = 44


class RunNotFound(ReproboxError):
    """No run has this id, name or prefix."""

    code = 50


class SweepNotFound(ReproboxError):
    """No sweep has this id, or several have it."""

    code = 57


class RunAmbiguous(ReproboxError):
    """Several runs match."""

    code = 51


class StoreError(ReproboxError):
    """The store could not be read or written."""

    code = 52


class StoreDamaged(ReproboxError):
    """Stored files are damaged."""

    code = 53


class RunBusy(ReproboxError):
    """The run is still running, or another process holds it."""

    code = 54


class RunNeeded(ReproboxError):
    """Another run needs this one's outputs."""

    code = 55


class RunElsewhere(ReproboxError):
    """The run was started on another host or engine and has no record yet."""

    code = 56


class NotComparable(ReproboxError):
    """The comparison could not be made; this is never the same as equal."""

    code = 60


class BundleRefused(ReproboxError):
    """A bundle from elsewhere is damaged, hostile or of a newer version."""

    code = 61


class SignatureRefused(ReproboxError):
    """A signature is missing, wrong, or by an unknown signer."""

    code = 62


class PreflightFailed(ReproboxError):
    """The first steps differ between two containers, so the long job was not started."""

    code = 63


class ClaimFails(ReproboxError):
    """A claim of the config does not hold for the replay."""

    code = 65


class NotTrusted(ReproboxError):
    """A run made elsewhere needs a permission (isolation, secrets, runtime) that was not given."""

    code = 64


class OutputLost(ReproboxError):
    """The output could not be written to stdout."""

    code = 71


class ServerFailed(ReproboxError):
    """The named server did not answer, or refused."""

    code = 66
