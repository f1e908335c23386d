"""Text for people: names may hold anything but a NUL byte and a slash, and must not look like more
than one name.
"""

from __future__ import annotations

from reprobox.errors import ReproboxError

_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def shown(text: str) -> str:
    r"""Text that stays on its line and moves no cursor.

    A line break is `\n`, a tab `\t`, another control `\x1b`, a mark that turns text around
    `\u202e`, and a byte that is not UTF-8 (a lone surrogate, PEP 383) `\xff`.
    """
    return (
        text
        if text.isprintable()
        else "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)
    )


def _escaped(letter: str) -> str:
    point = ord(letter)
    if letter in _SHORT:
        return _SHORT[letter]
    if point < 0x80 or 0xDC80 <= point <= 0xDCFF:
        return f"\\x{point & 0xFF:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def shortened(text: str, most: int = 300) -> str:
    """Its beginning and its end, where it is longer: a path may be thousands of letters long."""
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-(most // 2) :]}"


def in_a_line(fault: Exception) -> str:
    """What happened and why, where other work continues and the whole would be too much."""
    parts = (
        (fault.what, fault.why)
        if isinstance(fault, ReproboxError)
        else (str(fault) or type(fault).__name__, "")
    )
    what, why = (shortened(" ".join(part.split("\n"))) for part in parts)
    return f"{what} ({why})" if why else what
