"""Charts as SVG, made at the server: they need no script, print, and are read aloud.

Each has a title and a description (SVG 2, section 5.8), which a screen reader speaks. Colours are
classes of the style sheet, so that light and dark differ, and lines differ in their dashes too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from reprobox.web import scales
from reprobox.web.markup import element
from reprobox.web.scales import Scale, tick_text

COLOURS = 8
"""Classes `c0` to `c7` of the style sheet."""
POINTS = 400
"""Of one line; more are thinned out, extremes kept."""
_FEW = 6
"""Values of an axis that are written out instead of round ones."""
_WIDTH, _HEIGHT = 460, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 12, 40
_number = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A series of points, sorted by x."""

    label: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A point of a scatter plot."""

    x: float
    y: float
    label: str
    link: str = ""
    colour: int = 0


def lines(
    title: str,
    series: Sequence[Line],
    *,
    x: str = "step",
    y: str = "",
    mark: float | None = None,
    most: int = POINTS,
) -> Markup:
    """Curves over one axis.

    Args:
        most: points that are drawn of one curve.
        mark: an x at which a vertical line is drawn, such as the first step that differs.
    """
    series = [Line(label=one.label, points=_finite(one.points)) for one in series]
    every = [point for one in series for point in one.points]
    across = scales.numeric(
        [*(point[0] for point in every), *([] if mark is None else [mark])],
        _LEFT, _WIDTH - _RIGHT, log=False,
    )  # fmt: skip
    up = scales.numeric([point[1] for point in every], _HEIGHT - _BOTTOM, _TOP, log=None)
    drawn = [_curve(one, number, across, up, most) for number, one in enumerate(series)]
    return _chart(
        title,
        _described(series, x),
        [*_axes(across, up, x, y), *([] if mark is None else [_mark(across, mark)]), *drawn],
    )


def _finite(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def thinned(points: Sequence[tuple[float, float]], most: int = POINTS) -> list[tuple[float, float]]:
    """At most about `most` points: of each stretch the lowest and the highest."""
    if len(points) <= most:
        return list(points)
    size = math.ceil(len(points) / (most / 2))
    found: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        ends = {min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])}
        found += sorted(ends)
    return found


def _curve(line: Line, number: int, across: Scale, up: Scale, most: int) -> Markup:
    points = [(across.place(x), up.place(y)) for x, y in thinned(line.points, most)]
    named = element("title", {}, line.label)
    if len(points) == 1:
        x, y = points[0]
        dot = {"cx": x, "cy": y, "r": 3, "class": f"dot c{number % COLOURS}"}
        return element("circle", dot, named)
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    return element("polyline", {"points": path, "class": f"line c{number % COLOURS}"}, named)


def _described(series: Sequence[Line], x: str) -> str:
    parts = [
        f"{one.label}: {len(one.points):,} points, from {one.points[0][1]:.4g} to "
        f"{one.points[-1][1]:.4g} at {x} {one.points[-1][0]:g}"
        for one in series
        if one.points
    ]
    return "; ".join(parts) or "no points"


def _mark(across: Scale, at: float) -> Markup:
    x = across.place(at)
    return element(
        "line",
        {"x1": x, "x2": x, "y1": _TOP, "y2": _HEIGHT - _BOTTOM, "class": "mark"},
        element("title", {}, f"first difference: step {at:g}"),
    )


def scatter(title: str, dots: Sequence[Dot], *, x: str, y: str) -> Markup:
    """Points by two values."""
    dots = [dot for dot in dots if math.isfinite(dot.x) and math.isfinite(dot.y)]
    across = scales.numeric([dot.x for dot in dots], _LEFT, _WIDTH - _RIGHT)
    up = scales.numeric([dot.y for dot in dots], _HEIGHT - _BOTTOM, _TOP)
    drawn = [_dot(dot, across, up) for dot in dots]
    about = f"{len(dots):,} points: {y} over {x}"
    return _chart(title, about, [*_axes(across, up, x, y), *drawn])


def _dot(dot: Dot, across: Scale, up: Scale) -> Markup:
    place = {"cx": across.place(dot.x), "cy": up.place(dot.y), "r": 4}
    drawn = element(
        "circle",
        {**place, "class": f"dot c{dot.colour % COLOURS}"},
        element("title", {}, f"{dot.label}: {dot.x:.6g}, {dot.y:.6g}"),
    )
    return _linked(drawn, dot.link, dot.label)


def _linked(drawn: Markup, address: str, label: str) -> Markup:
    return element("a", {"href": address, "aria-label": label}, drawn) if address else drawn


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of parallel coordinates: numbers, or words in their order."""

    name: str
    values: Sequence[float | str | None]
    """One for each row."""


def parallel(title: str, axes: Sequence[Axis], labels: Sequence[str], best: int | None) -> Markup:
    """Parallel coordinates: a line for each row, over all axes; the colour shows the last axis.

    Args:
        labels: one for each row.
        best: the row that is drawn strong.
    """
    width, bottom, top = max(760, 130 * len(axes)), _HEIGHT + 20, 34
    places = [60 + number * (width - 120) / max(1, len(axes) - 1) for number in range(len(axes))]
    scaled = [_positions(axis, bottom, top) for axis in axes]
    drawn: list[Markup] = []
    for axis, place, (_, ticks) in zip(axes, places, scaled, strict=True):
        drawn += _upright(axis.name, place, ticks, bottom, top)
    order = [row for row in range(len(labels)) if row != best]
    order += [] if best is None else [best]
    shades = _shades(scaled[-1][0] if scaled else [])
    for row in order:
        points = [
            (place, position[0][row])
            for place, position in zip(places, scaled, strict=True)
            if position[0][row] is not None
        ]
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        kind = "row best" if row == best else f"row shade{shades[row]}"
        drawn.append(
            element("polyline", {"points": path, "class": kind}, element("title", {}, labels[row]))
        )
    about = f"{len(labels):,} rows over {', '.join(axis.name for axis in axes)}"
    return _chart(title, about, drawn, width=width, height=bottom + 24)


def _positions(
    axis: Axis, bottom: float, top: float
) -> tuple[list[float | None], list[tuple[float, str]]]:
    """Where each row meets the axis, and its ticks."""
    known = [value for value in axis.values if value is not None]
    if all(isinstance(value, float) for value in known):
        numbers = [value for value in known if isinstance(value, float) and math.isfinite(value)]
        scale = scales.numeric(numbers, bottom, top)
        at = [
            scale.place(value) if isinstance(value, float) and math.isfinite(value) else None
            for value in axis.values
        ]
        few = sorted(set(numbers))
        ticks = few if len(few) <= _FEW else scale.ticks()
        return at, [(scale.place(tick), tick_text(tick)) for tick in ticks]
    words = sorted({str(value) for value in known})
    step = (bottom - top) / max(1, len(words) - 1)
    where = {word: bottom - number * step for number, word in enumerate(words)}
    shown = [(where[word], _short(word, 14)) for word in words[:12]]
    return [None if value is None else where[str(value)] for value in axis.values], shown


def _shades(places: Sequence[float | None]) -> list[int]:
    """0 (lowest on the page) to 4, by place; 2 where there is none."""
    known = [place for place in places if place is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    return [
        2 if place is None or high == low else round(4 * (high - place) / (high - low))
        for place in places
    ]


def _upright(
    name: str, x: float, ticks: Sequence[tuple[float, str]], bottom: float, top: float
) -> Iterator[Markup]:
    yield element("line", {"x1": x, "x2": x, "y1": top, "y2": bottom, "class": "axis"})
    yield element(
        "text", {"x": x, "y": top - 16, "class": "name", "text-anchor": "middle"}, _short(name, 20)
    )
    for y, text in ticks:
        yield element("text", {"x": x - 6, "y": y + 4, "class": "tick", "text-anchor": "end"}, text)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A field of a heat map: `same`, `differs`, `unknown`, and its strength from 0 to 4."""

    kind: str
    strength: int = 4
    about: str = ""
    first: bool = False


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """Rows by columns."""

    title: str
    columns: Sequence[str]
    rows: Sequence[str]
    cells: Sequence[Sequence[Cell]]
    """By row."""
    about: str = ""
    groups: Sequence[str] = field(default_factory=tuple)


def heat(chart: HeatMap) -> Markup:
    """A field for each row and column; the marked one has a frame and a sign of its own."""
    left, top = 190, 20
    wide = max(4.0, min(26.0, 720 / max(1, len(chart.columns))))
    tall = 18
    drawn: list[Markup] = []
    for row, (name, cells) in enumerate(zip(chart.rows, chart.cells, strict=True)):
        y = top + row * tall
        place = {"x": left - 8, "y": y + 13, "class": "tick", "text-anchor": "end"}
        drawn.append(element("text", place, _short(name, 28), element("title", {}, name)))
        drawn += [
            _field(cell, left + column * wide, y, wide, tall) for column, cell in enumerate(cells)
        ]
    bottom = top + len(chart.rows) * tall
    every = math.ceil(34 / wide)
    for number, name in enumerate(chart.columns):
        if number % every == 0:
            place = {"x": left + (number + 0.5) * wide, "y": bottom + 16, "text-anchor": "middle"}
            drawn.append(element("text", {**place, "class": "tick"}, name))
    width = left + wide * len(chart.columns) + 16
    return _chart(chart.title, chart.about, drawn, width=max(width, 320), height=bottom + 28)


def _field(cell: Cell, x: float, y: float, wide: float, tall: float) -> Markup:
    kind = f"field {cell.kind} strength{cell.strength}" + (" first" if cell.first else "")
    rect = {"x": x, "y": y, "width": max(1.0, wide - 1), "height": tall - 1, "class": kind}
    return element("rect", rect, element("title", {}, cell.about))


def bars(title: str, edges: Sequence[float], counts: Sequence[int]) -> Markup:
    """A histogram: one more edge than counts."""
    width, height = 320, 120
    across = Scale(low=edges[0], high=edges[-1], start=8, end=width - 8)
    top = max([*counts, 1])
    drawn = []
    for count, (low, high) in zip(counts, itertools.pairwise(edges), strict=True):
        x, end = across.place(low), across.place(high)
        tall = round((height - 34) * count / top, 2)
        place = {"x": x, "y": height - 24 - tall, "width": max(1.0, end - x - 1), "height": tall}
        about = f"{low:.4g} to {high:.4g}: {count:,}"
        drawn.append(element("rect", {**place, "class": "bar"}, element("title", {}, about)))
    for value, anchor, x in ((edges[0], "start", 8), (edges[-1], "end", width - 8)):
        label: dict[str, object] = {"x": x, "y": height - 8, "class": "tick"}
        drawn.append(element("text", {**label, "text-anchor": anchor}, tick_text(value)))
    about = f"{sum(counts):,} values from {edges[0]:.4g} to {edges[-1]:.4g}"
    return _chart(title, about, drawn, width=width, height=height, kind="chart small")


@dataclass(frozen=True, kw_only=True)
class Node:
    """A box of a tree."""

    label: str
    about: str = ""
    link: str = ""
    colour: str = ""
    here: bool = False
    children: Sequence[Node] = ()


_BOX, _TALL, _GAP, _STEP = 210, 40, 10, 270


def tree(title: str, top: Node) -> Markup:
    """Boxes from left to right, each joined to those that came from it."""
    drawn: list[Markup] = []
    height, depth, count = _branch(drawn, top, 0, 0.0)
    width = depth * _STEP + _BOX + 4
    return _chart(title, f"{count} boxes", drawn, width=width, height=height, kind="chart tree")


def _branch(drawn: list[Markup], node: Node, depth: int, y: float) -> tuple[float, int, int]:
    """Draws a node and all below it from a height on; the height after it, depth and count."""
    below, deepest, count = y, depth, 1
    middles = []
    for child in node.children:
        middles.append(below + _TALL / 2)
        below, deep, many = _branch(drawn, child, depth + 1, below)
        deepest, count = max(deepest, deep), count + many
    x, middle = 2 + depth * _STEP, y + _TALL / 2
    for other in middles:
        start, end = x + _BOX, x + _STEP
        half = (start + end) / 2
        path = f"M{start:g} {middle:g}C{half:g} {middle:g} {half:g} {other:g} {end:g} {other:g}"
        drawn.append(element("path", {"d": path, "class": "edge"}))
    drawn.append(_box(node, x, y))
    return max(below, y + _TALL + _GAP), deepest, count


def _box(node: Node, x: float, y: float) -> Markup:
    kind = " ".join(filter(None, ("node", node.colour, "here" if node.here else "")))
    frame = {"x": x, "y": y + 2, "width": _BOX, "height": _TALL - 4, "rx": 5, "class": kind}
    parts = Markup("").join(
        [
            element("rect", frame),
            element("text", {"x": x + 10, "y": y + 17, "class": "name"}, _short(node.label, 30)),
            element("text", {"x": x + 10, "y": y + 31, "class": "tick"}, _short(node.about, 34)),
        ]
    )
    return _linked(parts, node.link, f"{node.label}, {node.about}")


def _axes(across: Scale, up: Scale, x: str, y: str) -> Iterator[Markup]:
    for tick in up.ticks():
        at = up.place(tick)
        grid = {"x1": _LEFT, "x2": _WIDTH - _RIGHT, "y1": at, "y2": at, "class": "grid"}
        yield element("line", grid)
        place = {"x": _LEFT - 8, "y": at + 4, "class": "tick", "text-anchor": "end"}
        yield element("text", place, tick_text(tick))
    for tick in across.ticks():
        place = {"x": across.place(tick), "y": _HEIGHT - _BOTTOM + 16, "text-anchor": "middle"}
        yield element("text", {**place, "class": "tick"}, tick_text(tick))
    below = {"x": _WIDTH - _RIGHT, "y": _HEIGHT - 6, "class": "name", "text-anchor": "end"}
    yield element("text", below, _short(x, 40))
    if y:
        yield element("text", {"x": 4, "y": _HEIGHT - 6, "class": "name"}, _short(y, 40))


def _chart(
    title: str,
    about: str,
    inside: Sequence[Markup],
    *,
    width: float = _WIDTH,
    height: float = _HEIGHT,
    kind: str = "chart",
) -> Markup:
    name = f"chart{next(_number)}"
    own = {"width": round(width), "height": round(height)} if "tree" in kind else {}
    return element(
        "svg",
        {
            **own,
            "viewBox": f"0 0 {width:g} {height:g}",
            "class": kind,
            # An image has no parts that can be reached, so one with links is a group.
            "role": "group" if any("<a " in part for part in inside) else "img",
            "aria-labelledby": f"{name}t {name}d",
        },
        element("title", {"id": f"{name}t"}, title),
        element("desc", {"id": f"{name}d"}, about),
        *inside,
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
