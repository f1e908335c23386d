"""How far the outputs of one experiment are from each other when it is run again."""

from __future__ import annotations

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.model.verdict import Scalar


@dataclass(frozen=True, kw_only=True)
class ValueSpread:
    """A number that differs: what it was in each run."""

    name: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, kw_only=True)
class FileSpread:
    """One output over all runs, and the rule that would let it pass."""

    path: str
    runs: int
    identical: int
    """In so many of the runs it had the original's bytes, under whatever name."""
    ulp: int | None = None
    abs: float | None = None
    rel: float | None = None
    """Largest distances from the original."""
    kinds: tuple[str, ...] = ()
    """What a clock or a generator alone made differ."""
    values: tuple[ValueSpread, ...] = ()
    rule: str = ""
    """As it is written in a config; empty where none is needed, or none can be proposed."""
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The measured spread of a run."""

    run: str
    seeds: bool
    """Whether each run had a seed of its own."""
    runs: tuple[str, ...]
    files: tuple[FileSpread, ...]
    claims: dict[str, str]
    """Claims that the values of all runs support, by name."""
