"""`command:` in text form: split into words as a POSIX shell would, without a shell.

Text that only a shell understands is refused. Split into plain words, `a && b` would run `a` with
the arguments `&&` and `b`, and end with exit 0.
"""

from __future__ import annotations

import json
import re
import shlex

from reprobox.config import grammar
from reprobox.kit.regex import regex

_OPERATOR = regex(r"&&|\|\||>>|<<|[|&;<>\n]")
"""Control and redirection operators; POSIX.1-2017, Shell Command Language, 2.10.2."""
_EXPANSION = regex(r"\$\(|\$[A-Za-z_@*#?$!0-9-]|`")
"""Expansions, which double quotes do not hide (2.2.3). `${` is reprobox's: see `interpolate`."""
_TOKEN = regex(
    r"""(?P<single>'[^']*')|(?P<double>"(?:[^"\\]|\\.)*")|(?P<escaped>\\.)|(?P<space>[ \t\r]+)"""
    r"""|(?P<plain>.)""",
    re.DOTALL,
)
_ASSIGNMENT = regex(r"[A-Za-z_][A-Za-z0-9_]*=")


def split(text: str) -> list[str]:
    """The words of a command line.

    Raises:
        ValueError: for what needs a shell, and for quotes that do not close.
    """
    as_shlex = "".join(_as_shlex(match) for match in _TOKEN.finditer(text))
    words = [grammar.no_nul(word) for word in shlex.split(as_shlex)]
    if found := shell_syntax(text):
        raise ValueError(
            f"{found} needs a shell, and text is run without one; write `command: "
            f"[sh, -c, {json.dumps(text.strip(), ensure_ascii=False)}]` for a shell, or put it in "
            "single quotes for the characters themselves"
        )
    if words and _ASSIGNMENT.match(words[0]):
        raise ValueError(
            f"{words[0]!r} is not a program; set variables by `env: "
            f"{{{words[0].replace('=', ': ', 1)}}}`"
        )
    return words


def _as_shlex(token: re.Match[str]) -> str:
    """A token as shlex must see it: shlex keeps a backslash before `$`, a backtick or a line break
    in double quotes, and the line break outside; a shell does not (2.2.1, 2.2.3).
    """
    if token.lastgroup == "double":
        return re.sub(r"\\(.)", _unescaped, token[0], flags=re.DOTALL)
    return "" if token[0] == "\\\n" else token[0]


def _unescaped(pair: re.Match[str]) -> str:
    return {"$": "$", "`": "`", "\n": ""}.get(pair[1], pair[0])


def shell_syntax(text: str) -> str:
    """The first thing in a command line that means something to a shell only; "" for none."""
    at_start, rest = True, text.strip()
    while rest:
        match = _TOKEN.match(rest)
        if match is None:
            return ""
        found = _in_token(match, rest, at_start)
        if found:
            return found
        at_start, rest = match.lastgroup == "space", rest[match.end() :]
    return ""


def _in_token(match: re.Match[str], rest: str, at_start: bool) -> str:
    if match.lastgroup == "double":
        inside = re.sub(r"\\.", "", match[0], flags=re.DOTALL).replace("$${", "")
        expansion = _EXPANSION.search(inside)
        return expansion[0] if expansion else ""
    if match.lastgroup != "plain" or rest.startswith("$${"):
        return ""
    if at_start and rest[0] in "(#":
        return rest[0]
    syntax = _OPERATOR.match(rest) or _EXPANSION.match(rest)
    return {"\n": "a line break"}.get(syntax[0], syntax[0]) if syntax else ""
