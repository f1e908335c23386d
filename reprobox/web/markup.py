"""HTML and SVG elements in which every text and attribute is escaped."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from reprobox.kit.text import shown


def element(name: str, attributes: Mapping[str, object] | None = None, *inside: object) -> Markup:
    """One element. Texts inside are escaped, markup is taken as it is; None attributes are left
    out, and control characters are written out as in the terminal.
    """
    given = Markup("").join(
        Markup(' {}="{}"').format(key, shown(_text(value)))
        for key, value in (attributes or {}).items()
        if value is not None
    )
    parts = Markup("").join(one if isinstance(one, Markup) else shown(str(one)) for one in inside)
    return Markup("<{0}{1}>{2}</{0}>").format(name, given, parts)


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
