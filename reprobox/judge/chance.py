"""What a clock, a generator or the machine gave, recognised in values: so a difference that only
that made is named as that, and can be left aside by a rule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from reprobox.kit.regex import regex

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?"
_DATE = r"(?:19|20)\d\d[-/._]?(?:0[1-9]|1[0-2])[-/._]?(?:0[1-9]|[12]\d|3[01])"
_DAYS = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?"
# PDF 32000-1, 7.9.4: D:YYYYMMDDHHmmSSOHH'mm'.
_PDF = r"D:(?:19|20)\d{12}(?:Z|[+-]\d\d'\d\d'?)?"
_DAY_CLOCK = r"(?:[01]\d|2[0-3])[-_.h]?[0-5]\d[-_.m]?[0-5]\ds?(?:[.,_]\d+)?Z?"
_UNITS = r"(?:ns|us|µs|ms|s|sec|secs|seconds?|min|minutes?|h|hours?)"
_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_COUNTED = (
    r"(?:its?|iters?|iterations?|steps?|samples?|examples?|tok|tokens?|imgs?|images?|batch(?:es)?|"
    r"seqs?|sequences?|rows?|frames?|episodes?|files?|[kKMGT]?i?B|[KMGTP]?FLOPS?)"
)
_RATE = rf"[kKM]? ?{_COUNTED}/(?:s|sec|second|min|minute|h|hour)"
_KINDS: tuple[tuple[str, str], ...] = (
    ("a random identifier", r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    (
        "a temporary path",
        r"/(?:var/)?tmp/[^\s\"':,;)\]}]*|(?:(?:/[\w.-]+)+/)?tmp[a-z0-9_]{8}(?![a-z0-9_])",
    ),
    ("a memory address", r"0x[0-9a-fA-F]{6,}"),
    # str() of a timedelta; the elapsed and remaining time of a progress bar.
    ("a duration", r"(?<![\d:.])(?:\d+ days?, )?\d:[0-5]\d:[0-5]\d\.\d{6}(?!\d)"),
    ("a duration", r"\d\d:\d\d(?::\d\d)?<(?:\d\d:\d\d(?::\d\d)?|\?)"),
    # RFC 9110, 5.6.7 (HTTP dates), asctime, and their relatives.
    (
        "a time",
        (
            rf"{_PDF}|{_DAYS}\d{{1,2}}[ -]{_MONTH}[ -]\d{{4}}(?:,? {_CLOCK})?{_ZONE}"
            rf"|{_DAYS}{_MONTH} +\d{{1,2}},?(?: \d{{4}},?)? {_CLOCK}{_ZONE}(?: \d{{4}})?"
            rf"|{_MONTH}\d{{1,2}}_\d\d-\d\d-\d\d"
            rf"|(?<!\d){_DATE}(?:[T _/-]*(?:{_CLOCK}|{_DAY_CLOCK}))?{_ZONE}(?!\d)"
            rf"|(?<![\d.:]){_CLOCK}(?![\d:])"
            r"|(?<![\d.])[12]\d{9}(?:\d{3}|\d{6}|\d{9})?(?:\.\d+)?(?!\d)"
        ),
    ),
    ("a duration", rf"(?<![\w.]){_NUMBER} ?(?:{_UNITS}(?:/\w+)?|{_RATE})(?![\w])"),
    ("a random identifier", r"(?<![0-9a-zA-Z:])[0-9a-f]{32}(?![0-9a-zA-Z])"),
    ("a random identifier", r"(?<![\d.])\d{17,18}(?![\d.])"),  # MLflow's experiments
    # Of an SVG, as matplotlib writes it: id="p0123456789", url(#p0123456789).
    (
        "a random identifier",
        r"(?<=[\"#])(?:[A-Za-z]|[A-Za-z]+\d*_\d+_)?(?=\d*[a-f])[0-9a-f]{10}(?=[\")&])",
    ),
    ("a random identifier", r"(?<=run-)[a-z0-9]{8}(?![a-z0-9])|(?<=\d{6}-)[a-z0-9]{8}(?![a-z0-9])"),
)
_PART = regex("|".join(f"(?P<k{place}>{text})" for place, (_, text) in enumerate(_KINDS)))
_DURATION_KEY = regex(
    r"(?:^|[^a-zA-Z])(?:\w*(?:runtime|duration|elapsed|latency|per_second|per_sec|it_per_s|"
    r"wall_?time|cpu_?time|fit_time|score_time|(?:train|eval|test|total|epoch|step|run|"
    r"passed|remaining|sampling|tuning|data|batch|iter|load|inference)_time|"
    r"time_(?:s|ms|ns|total|elapsed)|time_this_iter_s|_seconds|_secs|_ms|_ns))\b",
    re.IGNORECASE,
)
_TIME_KEY = regex(
    r"(?:timestamp|_time\b|time_|\btime\b|\bwhen\b|_at\b|date|heartbeat|created|modified|started|finished|"
    r"start_|stop_|end_|\bts\b|epoch_ms)",
    re.IGNORECASE,
)
_IDENTIFIER_KEY = regex(
    r"(?:uuid|guid|run_?id|_id\b|\bid\b|\bpid\b|hash|token|session|nonce)", re.IGNORECASE
)
_SURE_WORD = r"(?:elapsed|runtime|duration|wall[_ -]?time)"
_WORD = (
    r"(?:\w+_)?(?:time|times|seconds|secs?|dt|latency|speed|throughput|fps|sps|mfu|"
    r"(?:per|/)_?(?:s|sec|second))"
)
"""A physical quantity may have such a name, too: a number under it is named, and is left aside by
no rule that does not name it.
"""
_SAID = rf"(?:_\w+)?(?: ?\(\w+\))?[\"']?(?:\s*[:=]\s*|\s+)[\"']?(?P<value>{_NUMBER})(?![\w.:])"
_PROCESSES = regex(r"\bp?pid[\"']?[-_=:# ]{1,3}[\"']?(?P<value>\d+)(?!\w)", re.IGNORECASE)
_MEMORY = regex(
    r"\b(?:max_?|peak_?)?(?:rss|mem|memory)\b[^\d\n]{0,12}?"
    r"(?P<value>\d+(?:\.\d+)?(?: ?[kKMGT]?i?B)?)(?![\w.])",
    re.IGNORECASE,
)
_MEMORY_KEY = regex(
    r"(?:^|[^a-z])(?:max_?rss|rss|(?:peak|max|gpu|cpu|used|process)_?mem(?:ory)?|"
    r"mem(?:ory)?_?(?:used|usage|peak|allocated|reserved|mb|gb|bytes|kb|mib|gib))$",
    re.IGNORECASE,
)
_SURE_WORDS = regex(rf"\b{_SURE_WORD}{_SAID}(?! ?[A-Za-z%])", re.IGNORECASE)
_WORDS = regex(rf"\b(?:{_SURE_WORD}|{_WORD}){_SAID}", re.IGNORECASE)
_WORDED_SURELY = (("a duration", _SURE_WORDS), ("a process", _PROCESSES))
_WORDED = (("a duration", _WORDS), ("a process", _PROCESSES), ("memory use", _MEMORY))
"""Numbers in a text, by the word before each."""
_MAYBE_DURATION = regex(
    rf"(?:^|[^a-zA-Z])(?:{_SURE_WORD}|{_WORD})\s*(?:[(\[]\w+[)\]])?$", re.IGNORECASE
)
_DRAWN = 2.0**100
"""From here on a whole number is not a count: a UUID, or a digest."""
_PLACES = (range(0x55 << 40, 0x57 << 40, 8), range(0x7E << 40, 0x80 << 40, 8))
"""Where Linux lays the heap, libraries and mapped memory of a 64-bit process (x86-64, aarch64)."""
_DIGEST_KEY = regex(r"md5|sha\d|digest|checksum|hash|etag|fingerprint", re.IGNORECASE)
"""A value under such a key is computed from content, so it says something when it differs."""
_EARLIEST, _LATEST = 978_307_200, 4_102_444_800
"""2001 and 2100, in seconds since 1970."""
_FURTHEST = 10**300
_LONGEST = 64_000
"""Characters of a text that is looked at."""


class _Mark(NamedTuple):
    """A part of a text that is another one in each run."""

    start: int
    end: int
    kind: str


def _marks(text: str, *, sure: bool = False) -> list[_Mark]:
    """In order, and none within another."""
    found = [
        _Mark(*match.span(), _KINDS[int((match.lastgroup or "k0")[1:])][0])
        for match in _PART.finditer(text)
    ]
    for kind, words in _WORDED_SURELY if sure else _WORDED:
        for match in words.finditer(text):
            start, end = match.span("value")
            if not any(one.start < end and start < one.end for one in found):
                found.append(_Mark(start, end, kind))
    return sorted(found)


def _without(text: str, marks: Sequence[_Mark]) -> str:
    parts, place = [], 0
    for mark in marks:
        parts += [text[place : mark.start], "\0", mark.kind]
        place = mark.end
    return "".join([*parts, text[place:]])


def masked(text: str) -> str:
    """A text with what changes in each run taken out."""
    return _without(text, _marks(text))


def kind_of(name: str, left: Any, right: Any, *, sure: bool = False) -> str | None:
    """What alone makes these two values differ: `a time`, `a duration`, `a random identifier`,
    `a memory address`, `a temporary path`; None where it may be anything else.

    Args:
        name: of the value, such as `$.log_history[3].train_runtime`.
        sure: leave out what may be another thing, such as a large whole number, or a number that
            is called `speed`.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return None
    if isinstance(left, str) and isinstance(right, str):
        return _of_texts(name, left[:_LONGEST], right[:_LONGEST], sure)
    if _is_number(left) and _is_number(right):
        return _of_numbers(name, float(left), float(right), sure)
    return None


def differing(left: str, right: str) -> tuple[str, str]:
    """The first part of each of two such texts that chance made differ; else the texts."""
    ours, theirs = _marks(left), _marks(right)
    if _without(left, ours) == _without(right, theirs):
        for one, other in zip(ours, theirs, strict=False):
            said = left[one.start : one.end], right[other.start : other.end]
            if said[0] != said[1]:
                return said
    return left, right


def _is_number(value: Any) -> bool:
    """Whether a value is a number that a double holds; no clock counts further."""
    return isinstance(value, int | float | Decimal) and -_FURTHEST < value < _FURTHEST


def _of_texts(name: str, left: str, right: str, sure: bool) -> str | None:
    ours, theirs = _marks(left, sure=sure), _marks(right, sure=sure)
    if _without(left, ours) == _without(right, theirs):
        found = {
            one.kind
            for one, other in zip(ours, theirs, strict=False)
            if left[one.start : one.end] != right[other.start : other.end]
        }
        if "a random identifier" in found and _DIGEST_KEY.search(_last(name)):
            return None
        return " and ".join(sorted(found, reverse=True)) or None
    numbers = _as_number(left), _as_number(right)
    if numbers[0] is not None and numbers[1] is not None:
        return _of_numbers(name, numbers[0], numbers[1], sure=sure)
    identifiers = re.compile(r"[0-9a-z_-]{6,64}", re.IGNORECASE)
    both = identifiers.fullmatch(left) and identifiers.fullmatch(right)
    return "a random identifier" if both and _IDENTIFIER_KEY.search(_last(name)) else None


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _of_numbers(name: str, left: float, right: float, sure: bool) -> str | None:
    key = _last(name)
    if _DURATION_KEY.search(key):
        return "a duration"
    for unit in (1.0, 1e3, 1e6, 1e9):
        if all(_EARLIEST <= number / unit <= _LATEST for number in (left, right)):
            # Ten digits alone may be any number; a fraction, a finer unit or the key decides.
            telling = unit > 1 or _TIME_KEY.search(key) or not (left % 1 == right % 1 == 0)
            near = abs(left - right) / unit < 400 * 86400
            return "a time" if telling or (near and not sure) else None
    if re.search(r"\bp?pid\b", key, re.IGNORECASE):
        return "a process"
    return None if sure else _perhaps(key, left, right)


def _perhaps(key: str, left: float, right: float) -> str | None:
    """What two numbers look like, and need not be."""
    if _MAYBE_DURATION.search(key):
        return "a duration"
    if _MEMORY_KEY.search(key):
        return "memory use"
    if min(left, right) >= _DRAWN and left % 1 == right % 1 == 0:
        return "a random identifier"
    places = all(any(number in span for span in _PLACES) for number in map(_whole, (left, right)))
    return "a memory address" if places else None


def _whole(number: float) -> int:
    return int(number) if number % 1 == 0 else 0


def _last(name: str) -> str:
    """The part of a value's name that says what it is."""
    plain = re.sub(r"\[\d+\]|@\d+$", "", name)
    return re.split(r"[./!]", plain)[-1] if plain else name
