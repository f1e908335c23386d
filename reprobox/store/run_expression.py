"""`accuracy > 0.9 and lr < 1e-2`: conditions on the values of runs, as SQL.

Grammar: comparisons `NAME OP VALUE` (OP one of < <= > >= == = !=; VALUE a number, a word or a
quoted text), joined by `and`, `or`, `not` and parentheses. A run without the value fulfils no
comparison.
"""

from __future__ import annotations

from collections.abc import Callable

from reprobox.kit.lazy_dataclass import dataclass
from reprobox.kit.regex import regex

Value = float | str
_TOKEN = regex(
    r"\s*(?:(?P<op><=|>=|==|!=|<|>|=)|(?P<paren>[()])"
    r"|\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<word>[^\s()<>=!\"']+))"
)
_SQL = {"==": "=", "=": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_WORDS = ("and", "or", "not")


class BadExpression(ValueError):
    """The text is not a condition; its message says where."""


@dataclass(frozen=True)
class Condition:
    """SQL that holds for the runs that fulfil the condition, and the values bound in it."""

    sql: str
    values: tuple[Value, ...]


def parse(text: str, column: Callable[[str], str]) -> Condition:
    """The condition.

    Args:
        column: name -> SQL for that value of a run. Raises LookupError for names that no run has.

    Raises:
        BadExpression: the text is not a condition.
    """
    reader = _Reader(text, column)
    found = reader.any_of()
    if reader.token is not None:
        raise BadExpression(f"unexpected {reader.token[1]!r} in {text!r}")
    return found


class _Reader:
    """A recursive-descent parser; `token` is the next one, as (kind, text)."""

    def __init__(self, text: str, column: Callable[[str], str]) -> None:
        self._text, self._column, self._place = text, column, 0
        self.token: tuple[str, str] | None = None
        self._next()

    def _next(self) -> None:
        rest = self._text[self._place :]
        if not rest.strip():
            self.token = None
            return
        found = _TOKEN.match(self._text, self._place)
        if not found:
            raise BadExpression(f"cannot read {rest.strip()[:20]!r}")
        self._place = found.end()
        kind = found.lastgroup or ""
        text = found[kind]
        if kind == "word" and text.lower() in _WORDS:
            kind, text = "logic", text.lower()
        self.token = (kind, text)

    def _take(self, *wanted: tuple[str, str]) -> bool:
        if self.token in wanted:
            self._next()
            return True
        return False

    def any_of(self) -> Condition:
        found = self._all_of()
        while self._take(("logic", "or")):
            found = _joined("OR", found, self._all_of())
        return found

    def _all_of(self) -> Condition:
        found = self._one()
        while self._take(("logic", "and")):
            found = _joined("AND", found, self._one())
        return found

    def _one(self) -> Condition:
        if self._take(("logic", "not")):
            inner = self._one()
            return Condition(f"NOT ({inner.sql})", inner.values)
        if self._take(("paren", "(")):
            inner = self.any_of()
            if not self._take(("paren", ")")):
                raise BadExpression(f"a parenthesis is not closed in {self._text!r}")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        name = self._operand("a name")
        if self.token is None or self.token[0] != "op":
            raise BadExpression(f"expected a comparison after {name!r}, as in {name}>0.9")
        operator = _SQL[self.token[1]]
        self._next()
        quoted = self.token is not None and self.token[0] in ("double", "single")
        value = self._operand("a value")
        bound = value if quoted else _scalar(value)
        sql = self._column(name)
        kind = "text" if isinstance(bound, str) else "real"
        same = f"typeof({sql}) = 'text'" if kind == "text" else f"typeof({sql}) != 'text'"
        return Condition(f"COALESCE({same} AND {sql} {operator} ?, 0)", (bound,))

    def _operand(self, what: str) -> str:
        if self.token is None or self.token[0] not in ("word", "double", "single"):
            found = "the end" if self.token is None else repr(self.token[1])
            raise BadExpression(f"expected {what}, found {found} in {self._text!r}")
        text = self.token[1]
        self._next()
        return text


def _joined(word: str, left: Condition, right: Condition) -> Condition:
    return Condition(f"({left.sql} {word} {right.sql})", left.values + right.values)


def _scalar(text: str) -> Value:
    try:
        return float(text)
    except ValueError:
        return text
