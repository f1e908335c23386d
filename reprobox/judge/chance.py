"""What a clock, a generator or the machine gave, recognised in values: so a difference that only
that made is named as that, and can be left aside by a rule.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?"
_DATE = r"(?:19|20)\d\d[-/._]?(?:0[1-9]|1[0-2])[-/._]?(?:0[1-9]|[12]\d|3[01])"
_DAYS = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?"
# PDF 32000-1, 7.9.4: D:YYYYMMDDHHmmSSOHH'mm'.
_PDF = r"D:(?:19|20)\d{12}(?:Z|[+-]\d\d'\d\d'?)?"
_DAY_CLOCK = r"(?:[01]\d|2[0-3])[-_.h]?[0-5]\d[-_.m]?[0-5]\ds?(?:[.,_]\d+)?Z?"
_UNITS = r"(?:ns|us|µs|ms|s|sec|secs|seconds?|min|minutes?|h|hours?)"
_KINDS: tuple[tuple[str, str], ...] = (
    ("a random identifier", r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    (
        "a temporary path",
        r"/(?:var/)?tmp/[^\s\"':,;)\]}]*|(?:(?:/[\w.-]+)+/)?tmp[a-z0-9_]{8}(?![a-z0-9_])",
    ),
    ("a memory address", r"0x[0-9a-fA-F]{6,}"),
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
    ("a duration", rf"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)? ?{_UNITS}(?:/\w+)?(?![\w])"),
    ("a random identifier", r"(?<![0-9a-zA-Z:])[0-9a-f]{32}(?![0-9a-zA-Z])"),
    ("a random identifier", r"(?<![\d.])\d{17,18}(?![\d.])"),  # MLflow's experiments
    ("a random identifier", r"(?<=run-)[a-z0-9]{8}(?![a-z0-9])|(?<=\d{6}-)[a-z0-9]{8}(?![a-z0-9])"),
)
_PART = re.compile("|".join(f"(?P<k{place}>{text})" for place, (_, text) in enumerate(_KINDS)))
_DURATION_KEY = re.compile(
    r"(?:^|[^a-zA-Z])(?:\w*(?:runtime|duration|elapsed|latency|per_second|per_sec|it_per_s|"
    r"wall_?time|cpu_?time|fit_time|score_time|(?:train|eval|test|total|epoch|step|run|"
    r"passed|remaining|sampling|tuning|data|batch|iter|load|inference)_time|"
    r"time_(?:s|ms|ns|total|elapsed)|time_this_iter_s|_seconds|_secs|_ms|_ns))\b",
    re.IGNORECASE,
)
_TIME_KEY = re.compile(
    r"(?:timestamp|_time\b|time_|\btime\b|_at\b|date|heartbeat|created|modified|started|finished|"
    r"start_|stop_|end_|\bts\b|epoch_ms)",
    re.IGNORECASE,
)
_IDENTIFIER_KEY = re.compile(r"(?:uuid|run_?id|_id\b|\bid\b|\bpid\b|hash|token)", re.IGNORECASE)
_DIGEST_KEY = re.compile(r"md5|sha\d|digest|checksum|hash|etag|fingerprint", re.IGNORECASE)
"""A value under such a key is computed from content, so it says something when it differs."""
_EARLIEST, _LATEST = 978_307_200, 4_102_444_800
"""2001 and 2100, in seconds since 1970."""
_FURTHEST = 10**300
_LONGEST = 64_000
"""Characters of a text that is looked at."""


def masked(text: str) -> str:
    """A text with what changes in each run taken out."""
    return _PART.sub(lambda match: "\0" + _KINDS[int((match.lastgroup or "k0")[1:])][0], text)


def kind_of(name: str, left: Any, right: Any, *, sure: bool = False) -> str | None:
    """What alone makes these two values differ: `a time`, `a duration`, `a random identifier`,
    `a memory address`, `a temporary path`; None where it may be anything else.

    Args:
        name: of the value, such as `$.log_history[3].train_runtime`.
        sure: leave out what may be another thing, such as a large whole number.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return None
    if isinstance(left, str) and isinstance(right, str):
        return _of_texts(name, left[:_LONGEST], right[:_LONGEST])
    if _is_number(left) and _is_number(right):
        return _of_numbers(name, float(left), float(right), sure)
    return None


def _is_number(value: Any) -> bool:
    """Whether a value is a number that a double holds; no clock counts further."""
    return isinstance(value, int | float | Decimal) and -_FURTHEST < value < _FURTHEST


def _of_texts(name: str, left: str, right: str) -> str | None:
    if masked(left) == masked(right):
        found = {
            _KINDS[int((one.lastgroup or "k0")[1:])][0]
            for one, other in zip(_PART.finditer(left), _PART.finditer(right), strict=True)
            if one[0] != other[0]
        }
        if "a random identifier" in found and _DIGEST_KEY.search(_last(name)):
            return None
        return " and ".join(sorted(found, reverse=True)) or None
    numbers = _as_number(left), _as_number(right)
    if numbers[0] is not None and numbers[1] is not None:
        return _of_numbers(name, numbers[0], numbers[1], sure=False)
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
            # Ten digits alone may be any number; a fraction, a finer unit or the key tells.
            telling = unit > 1 or _TIME_KEY.search(key) or not (left % 1 == right % 1 == 0)
            near = abs(left - right) / unit < 400 * 86400
            return "a time" if telling or (near and not sure) else None
    return "a process" if re.search(r"\bp?pid\b", key, re.IGNORECASE) else None


def _last(name: str) -> str:
    """The part of a value's name that says what it is."""
    plain = re.sub(r"\[\d+\]|@\d+$", "", name)
    return re.split(r"[./!]", plain)[-1] if plain else name
