"""What a plain YAML scalar means: the core schema of YAML 1.2 (YAML 1.2.2, chapter 10.3).

So `yes`, `off`, `1:30` and `2026-01-01` are text, `017` is seventeen and `1e-3` is a number,
whatever PyYAML, which reads by YAML 1.1, makes of them.
"""

from __future__ import annotations

from reprobox.kit.regex import regex

Scalar = None | bool | int | float | str

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INT = regex(r"[-+]?[0-9]+")
_OCTAL = regex(r"0o[0-7]+")
_HEX = regex(r"0x[0-9a-fA-F]+")
_FLOAT = regex(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = regex(r"[-+]?\.(inf|Inf|INF)")
_MAX_DIGITS = 1000
"""Far below the length at which Python refuses to convert (4300), which is a setting of the
process.
"""


def resolve(text: str) -> Scalar:
    """The value of a plain scalar.

    Raises:
        ValueError: for a number of more than a thousand digits, or one that no float can hold.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INFINITY.fullmatch(text):
        return float(text.replace(".", ""))
    if len(text) <= _MAX_DIGITS:
        return _number(text)
    if _FLOAT.fullmatch(text) or _HEX.fullmatch(text) or _OCTAL.fullmatch(text):
        raise ValueError(f"a number of {len(text)} characters")
    return text


def _number(text: str) -> Scalar:
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 0)
    if not _FLOAT.fullmatch(text):
        return text
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is larger than any float; write .inf when infinity is meant")
    return number


def spelled(value: Scalar) -> str:
    """A scalar as text that both YAML versions read as the same value; text as itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value)
    return str(value)


def _float_text(value: float) -> str:
    """YAML 1.1 wants a point in the mantissa and a sign in the exponent: 1.0e-05 and not 1e-05."""
    if value != value:
        return ".nan"
    if value in (float("inf"), float("-inf")):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    return text.replace("e", ".0e", 1) if "e" in text and "." not in text else text
