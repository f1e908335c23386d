"""HTML and SVG elements in which every text and attribute is escaped."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup, escape

from reprobox.kit.text import shown


def element(name: str, attributes: Mapping[str, object] | None = None, *inside: object) -> Markup:
    """One element. Texts inside are escaped, markup is taken as it is; None attributes are left
    out, and control characters are written out as in the terminal.
    """
    given = "".join(
        f' {key}="{escape(shown(_text(value)))}"'
        for key, value in (attributes or {}).items()
        if value is not None
    )
    parts = Markup("").join(
        one if isinstance(one, Markup) else escape(shown(str(one))) for one in inside
    )
    return Markup("<{0}{1}>{2}</{0}>").format(name, Markup(given), parts)  # noqa: S704 - escaped above


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
