"""What a comparison found.

A new class of verdict is one row of `Class`; a new state of a file is one row of `FileState`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from enum import StrEnum
from typing import ClassVar, Literal

from reprobox.errors import ClaimFails
from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model import codec
from reprobox.model.claims import Checked
from reprobox.model.codec import later
from reprobox.model.forecast import Forecast
from reprobox.model.spec import OutputRule

Scalar = str | int | float | bool | None


class Class(StrEnum):
    """The result of a comparison, from the strongest sameness to the weakest; the last one that
    applies counts.
    """

    code: int
    """Exit code of a command that ends in this verdict."""
    colour: str
    same: bool
    """Whether the promise held: the same bits, or equal under a rule that the user declared."""
    sentence: str
    """How the last line of a verdict begins."""

    def __new__(cls, word: str, code: int, colour: str, same: bool, sentence: str) -> Class:
        one = str.__new__(cls, word)
        one._value_, one.code, one.colour = word, code, colour
        one.same, one.sentence = same, sentence
        return one

    IDENTICAL = "identical", 0, "green", True, "identical"
    RENAMED = "same-bytes-renamed", 0, "green", True, "the same bytes under another name"
    EQUAL_UNDER_RULE = "equal-under-rule", 0, "yellow", True, "equal under a declared rule"
    CLAIMS_HOLD = "claims-hold", 0, "yellow", False, "claims hold"
    NOT_CHECKED = "not-checked", 60, "yellow", False, "not checked"
    DIFFERENT = "different", 1, "red", False, "different"
    CLAIMS_FAIL = "claims-fail", ClaimFails.code, "red", False, "claims fail"


class FileState(StrEnum):
    """What the comparison of one path found."""

    implies: Class
    colour: str

    def __new__(cls, word: str, implies: Class, colour: str) -> FileState:
        one = str.__new__(cls, word)
        one._value_, one.implies, one.colour = word, implies, colour
        return one

    IDENTICAL = "identical", Class.IDENTICAL, "green"
    RENAMED = "same-bytes-renamed", Class.RENAMED, "green"
    IGNORED = "ignored", Class.EQUAL_UNDER_RULE, "dim"
    EQUAL_UNDER_RULE = "equal-under-rule", Class.EQUAL_UNDER_RULE, "yellow"
    NOT_CHECKED = "not-checked", Class.NOT_CHECKED, "yellow"
    EXTRA = "extra", Class.DIFFERENT, "red"
    MISSING = "missing", Class.DIFFERENT, "red"
    DIFFERENT = "different", Class.DIFFERENT, "red"


def worst(classes: Iterable[Class]) -> Class:
    """The class that counts where several apply."""
    order = list(Class)
    return max(classes, key=order.index, default=Class.IDENTICAL)


@dataclass(frozen=True, kw_only=True)
class Place:
    """The first difference inside two files."""

    name: str
    """Of the tensor, column, JSON path, line."""
    left: Scalar = None
    right: Scalar = None
    index: tuple[int, ...] | None = None
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    count: int | None = None
    """Elements that differ; None where the two are no numbers of one kind and shape."""
    ulp: int | None = None
    abs: float | None = None
    rel: float | None = None

    def left_out(self) -> Iterable[str]:
        """Distances of numbers are null where they have none, and absent for texts."""
        distances = ("count", "ulp", "abs", "rel") if self.count is None else ()
        return (*codec.unset(self, "index", "dtype", "shape"), *distances)


@dataclass(frozen=True, kw_only=True)
class Chance:
    """Values that differ by one kind of chance, with the first of them."""

    kind: str
    """`a time`, `a duration`, `a random identifier`, ..."""
    name: str
    left: Scalar
    right: Scalar
    count: int
    certain: bool = later(True)
    """Whether `except-times` leaves them aside: False for what may be another thing, such as a
    number that is called `speed`.
    """


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a file, and how many values are in it."""

    name: str
    values: int


@dataclass(frozen=True, kw_only=True)
class FileDetail:
    """Below the bytes: what differs in two files, where first, and how far."""

    differs: tuple[str, ...] = ()
    """`bytes`, `mode`, `kind`, `name`, `deleted`, `missing`, `extra`."""
    rule: str | None = None
    """The kind of comparison (`bytes`, `content`, `tensors`)."""
    format: str | None = None
    content: Literal["equal"] | None = None
    """The content is equal, and only its packing differs."""
    first: Place | None = None
    count: int | None = None
    """Values that differ, of `total`."""
    total: int | None = None
    leaves_that_differ: int | None = None
    ulp: int | None = None
    abs: float | None = None
    rel: float | None = None
    """Largest distances."""
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    """Names of values that only one side has, the first few."""
    looks_like: str | None = None
    first_byte: int | None = None
    bytes_differ: int | None = None
    sizes: tuple[int, ...] = ()
    kinds: tuple[str, ...] = ()
    other_name: str | None = None
    """Path of the replay's file, where it is another one."""
    refused: str | None = None
    """Why the file was not collected."""
    why: str | None = None
    side: str | None = None
    """Which side a reader could not read: `left`, `right` or `both`."""
    reader: str | None = None
    """Which readers decided, with their versions."""
    differences: tuple[Place, ...] = ()
    """The first few, where there is more than one."""
    ignored_leaves: int | None = None
    """Values that a rule below the file left aside."""
    by_chance: tuple[Chance, ...] = ()
    """What a clock, a generator or the machine alone made differ; other values may differ too."""
    equal_parts: tuple[Part, ...] = ()
    """Members, data sets, keys that are equal, the largest first."""
    packing: tuple[str, ...] = ()
    """Of equal content: what its packing holds that is not content, as far as that differs."""
    around: tuple[str, ...] = ()
    """The text around the first differing byte on both sides, of a file that no reader knows."""
    unused_patterns: tuple[str, ...] = ()
    """Patterns of such rules that selected nothing."""

    def left_out(self) -> Iterable[str]:
        """Absent keys are absent facts; `missing` and `extra` come together."""
        absent = set(codec.unset(self))
        return absent - {"missing", "extra"} if self.missing or self.extra else absent


@dataclass(frozen=True, kw_only=True)
class FileVerdict:
    """One path on both sides."""

    path: str
    state: FileState
    size: int | None = None
    ours: str | None = None
    theirs: str | None = None
    detail: FileDetail = field(default_factory=FileDetail)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A difference in what was observed or asked, that may explain the bits."""

    what: str
    ours: str
    theirs: str
    advice: str
    weight: int = 0


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """The first exchange between ranks that differs, in the step that differs."""

    name: str
    """Function of torch.distributed, or `gradient` of DistributedDataParallel."""
    what: str
    """Which call in the step (`call 2`), or the parameter's name; `average` where no parameter's
    gradient differs before it.
    """
    began: Literal["this rank", "the exchange"]
    """Who made the difference: this rank made something else before; or no rank did, as far as its
    trail holds that, and the result differs.
    """


@dataclass(frozen=True, kw_only=True)
class TrailComparison:
    """Two trails, compared: the first step and tensor that differ, or that there is none."""

    state: Literal["equal", "different", "not-checked"]
    compared: int = 0
    """Steps that both have."""
    process: str | None = None
    why: str | None = None
    only_on_one_side: tuple[str, ...] | None = None
    """Trails that only one of two runs has; None for a comparison of two trails."""
    optimizer: str | None = None
    step: int | None = None
    window: tuple[int, int] | None = None
    """The last step that agreed, and the step that does not: the difference arose after the first
    and not after the second.
    """
    optimizers: int | None = None
    """How many there are."""
    position: int | None = None
    """The step counted over all optimizers; None where not every step was written."""
    kind: str | None = None
    """`parameters`, `gradients`, `buffers`, `loss` or `random state`."""
    tensors: tuple[str, ...] | None = None
    """Names, the first few."""
    differ: int | None = None
    of: int | None = None
    random_state_differs: bool | None = None
    rank: int | None = None
    """Of the process in a distributed training."""
    also: tuple[str, ...] | None = None
    """Other processes whose trails differ at this step too."""
    exchange: Exchange | None = None
    """Where the ranks exchanged tensors, as far as the trails hold that."""

    def left_out(self) -> Iterable[str]:
        """`position` may be null where a difference was found."""
        absent = set(codec.unset(self))
        absent.discard("compared")
        return absent if self.window is None else absent - {"position"}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The comparison of two runs. `left` is the original, `right` the replay."""

    FORMAT: ClassVar[str] = "reprobox.verdict/1"

    format: str = FORMAT
    left: str
    right: str
    left_record: str
    """Digests of the two records."""
    right_record: str
    result: Class
    files: tuple[FileVerdict, ...]
    exit_equal: bool
    ended: str = ""
    """How the two ended, in words; empty where both ended by themselves with exit code 0."""
    stdout_equal: bool | None = None
    stderr_equal: bool | None = later(None)
    causes: tuple[Cause, ...] = ()
    """The most specific first."""
    trail: TrailComparison | None = None
    notes: tuple[str, ...] = ()
    forecast: Forecast | None = None
    """Of a replay."""
    claims: tuple[Checked, ...] = later(())
    """Of the original's config, checked against the replay."""
    rules: tuple[OutputRule, ...] = later(())
    """The rules that were used, where they are not the recorded ones alone."""
    checked: float = 0.0
    """When, seconds since 1970."""

    @property
    def same(self) -> bool:
        """Whether the promise held (identical, or equal under a rule that the user declared)."""
        return self.result.same
