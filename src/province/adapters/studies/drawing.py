"""The layers of an outcome as shapes that a page and a printed report can draw: no tiles, no script."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

import msgspec
import shapely
from shapely.geometry.base import BaseGeometry

from province.model.label import Label
from province.model.study import Feature, Layer, Mark, Outcome, Tone
from province.pack import StudyKind, StudyMark

WIDTH: Final = 900.0
_MARGIN: Final = 18.0
_FINE: Final = 0.4
"""Corners closer than this many units of the drawing are not told apart."""
_AROUND: Final = 0.35
"""So much of its size is shown around one park."""
_NEAR: Final = 0.004
"""And at least so many degrees, around a point."""
_TALLEST: Final = 1.2
_FAR: Final = 2.4
_LINE: Final = 24.0
"""Height of a line of the legend."""
_TYPE: Final = ' font-family="sans-serif" font-size="15"'
_CLOSE: Final = 6.0
"""Radius of a site."""
_FEW: Final = 100
"""So many points are drawn as large in the whole frame as in a close one."""
COLOURS: Final[Mapping[str, str]] = {
    "good": "#3f8f5f", "fair": "#d9b44a", "poor": "#d7a39b", "new": "#b3480a", "shared": "#0a5c8a",
    "existing": "#4c5d67",
}  # fmt: skip
"""Tones of what is printed; pages have their own style sheet."""
_FAINT: Final[Mapping[str, float]] = {"existing": 0.22}
"""Surfaces of these tones are ground for the others."""
_LEFT: Final = {"area": "#999", "line": "#b9c3c9", "point": "#999"}


@dataclass(frozen=True, slots=True)
class Shape:
    """A surface, an outline or a line. tone: its colour's name; empty: none."""

    id: str
    tone: str
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A point with its sectors. rays: of an SVG path, one line per sector."""

    id: str
    tone: str
    name: str
    x: float
    y: float
    rays: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything in one frame. scale_m: metres that `scale` units stand for."""

    width: float
    height: float
    surfaces: tuple[Shape, ...]
    outlines: tuple[Shape, ...]
    lines: tuple[Shape, ...]
    spots: tuple[Spot, ...]
    dot: float
    scale_m: int
    scale: float


def drawable(outcome: Outcome, kind: StudyKind | None) -> bool:
    """Whether there is something to draw."""
    marks = [mark for mark in kind.marks if mark.by or mark.layer == kind.focus] if kind else []
    layers = [layer for mark in marks if (layer := outcome.layer(mark.layer)) is not None]
    return any(feature.geometry is not None for layer in layers for feature in layer.features)


def draw(outcome: Outcome, kind: StudyKind | None, *, around: str = "") -> Drawing | None:
    """The drawing; None when nothing has a place, or nobody says how it is drawn. around: id of a feature of the
    layer in focus to look at closely."""
    if kind is None:
        return None
    layers = [(mark, _shapes(layer)) for mark in kind.marks if (layer := outcome.layer(mark.layer)) is not None]
    focus = [one for mark, found in layers if mark.layer == kind.focus for one in found]
    chosen = [shape for feature, shape in focus if feature.id == around]
    toned = [shape for mark, found in layers if mark.by for _, shape in found]
    frame = chosen or ([shape for _, shape in focus] + toned)
    if not frame:
        return None
    west, south, east, north = (float(v) for v in shapely.total_bounds(frame))
    if chosen:
        wide, high = max((east - west) * _AROUND, _NEAR), max((north - south) * _AROUND, _NEAR)
        west, south, east, north = west - wide, south - high, east + wide, north + high
    shrink = math.cos(math.radians((south + north) / 2))
    across, up = max((east - west) * shrink, 1e-5), max(north - south, 1e-5)
    unit = min((WIDTH - 2 * _MARGIN) / across, (WIDTH * _TALLEST - 2 * _MARGIN) / up)
    height = up * unit + 2 * _MARGIN
    left = (WIDTH - across * unit) / 2

    def place(lon: float, lat: float) -> tuple[float, float]:
        return left + (lon - west) * shrink * unit, _MARGIN + (north - lat) * unit

    window = shapely.box(*(
        (west - _MARGIN / unit / shrink, south - _MARGIN / unit, east + _MARGIN / unit / shrink, north + _MARGIN / unit)
    ))  # fmt: skip

    def shapes(what: str, toned: bool) -> tuple[Shape, ...]:
        return tuple(
            shape
            for mark, found in layers
            if mark.mark == what and bool(mark.by) == toned
            for shape in _drawn(found, mark, place, window, unit)
        )

    points = sum(len(found) for mark, found in layers if mark.mark == "point")
    dot = _CLOSE if chosen or points <= _FEW else _FAR
    step = _round_length(110_600 / unit * WIDTH / 5)
    return Drawing(
        width=WIDTH,
        height=round(height, 1),
        surfaces=shapes("area", True),
        outlines=shapes("area", False),
        lines=(*shapes("line", False), *shapes("line", True)),
        spots=tuple(
            _spot(f, s, mark, place, 4 * dot)
            for mark, found in layers
            if mark.mark == "point"
            for f, s in found
            if window.intersects(s)
        ),
        dot=dot,
        scale_m=step,
        scale=round(step / 110_600 * unit, 1),
    )


def keys(kind: StudyKind | None) -> tuple[tuple[Mark, Tone, Label], ...]:
    """What the tones of a drawing say."""
    return tuple((mark.mark, *told) for mark in (kind.marks if kind else ()) for told in mark.tones.values())


def svg(
    drawing: Drawing, legend: Sequence[tuple[Mark, Tone, Label]] = (), credits: Sequence[str] = ()
) -> str:  # fmt: skip
    """A picture for print, with its scale. legend, credits: written below, for a picture that stands alone."""
    whole = drawing.height + _LINE * (len(legend) + len(credits))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width:g} {whole:g}"{_TYPE}>',
        f'<rect width="{drawing.width:g}" height="{drawing.height:g}" fill="#f4f6f7"/>',
        *(
            f'<path d={quoteattr(s.path)} fill={_colour(s.tone, "area")} fill-opacity="{_FAINT.get(s.tone, 1):g}"'
            ' fill-rule="evenodd"/>'
            for s in drawing.surfaces
        ),
        *(f'<path d={quoteattr(s.path)} fill="none" stroke="#16242c" stroke-width="0.8"/>' for s in drawing.outlines),
        *(
            f'<path d={quoteattr(s.path)} fill="none" stroke={_colour(s.tone, "line")}'
            f' stroke-width="{2.4 if s.tone else 0.7}"/>'
            for s in drawing.lines
        ),
    ]
    for spot in drawing.spots:
        colour = _colour(spot.tone, "point")
        parts.append(f'<path d={quoteattr(spot.rays)} stroke={colour} stroke-width="1.4" fill="none"/>')
        parts.append(f'<circle cx="{spot.x:g}" cy="{spot.y:g}" r="{drawing.dot:g}" fill={colour}/>')
    parts.append(_ruler(drawing))
    for row, (mark, tone, label) in enumerate(legend):
        y = drawing.height + (row + 0.5) * _LINE
        parts.append(_sample(mark, tone, y))
        parts.append(
            f'<text x="{3 * _LINE:g}" y="{y + 5:g}" fill="#16242c">{escape(f"{label.vi} / {label.en}")}</text>'
        )
    for row, credit in enumerate(credits, len(legend)):
        y = drawing.height + (row + 0.5) * _LINE
        parts.append(f'<text x="{_MARGIN:g}" y="{y + 5:g}" fill="#4c5d67">{escape(credit)}</text>')
    return "".join((*parts, "</svg>"))


def sample(mark: Mark, tone: Tone) -> str:
    """What a key looks like, as a picture of its own."""
    wide = 3.4 * _LINE
    shown = _sample(mark, tone, _LINE / 2)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {_LINE:g}">{shown}</svg>'


def _ruler(drawing: Drawing) -> str:
    """The scale, in the lower left corner."""
    x, y = _MARGIN, drawing.height - 10
    told = f"{drawing.scale_m / 1000:g} km" if drawing.scale_m >= 1000 else f"{drawing.scale_m} m"
    return (
        f'<path d="M{x:g} {y - 5:g}V{y:g}H{x + drawing.scale:g}V{y - 5:g}" fill="none" stroke="#16242c"'
        f' stroke-width="1.2"/><text x="{x + drawing.scale + 6:g}" y="{y:g}" fill="#16242c">{told}</text>'
    )


def _sample(mark: Mark, tone: Tone, y: float) -> str:
    """What a key of the legend looks like on the picture."""
    colour = _colour(tone, mark)
    if mark == "point":
        return f'<circle cx="{1.7 * _LINE:g}" cy="{y:g}" r="{_CLOSE:g}" fill={colour}/>'
    if mark == "line":
        return f'<path d="M{_LINE:g} {y:g}h{1.4 * _LINE:g}" stroke={colour} stroke-width="2.4"/>'
    return (
        f'<rect x="{_LINE:g}" y="{y - 7:g}" width="{1.4 * _LINE:g}" height="14" fill={colour}'
        f' fill-opacity="{_FAINT.get(tone, 1):g}"/>'
    )


def _colour(tone: str, mark: Mark) -> str:
    return quoteattr(COLOURS.get(tone, _LEFT[mark]))


def _shapes(layer: Layer) -> list[tuple[Feature, BaseGeometry]]:
    return [
        (feature, shapely.from_geojson(msgspec.json.encode(feature.geometry)))
        for feature in layer.features
        if feature.geometry is not None
    ]


def _drawn(
    found: Sequence[tuple[Feature, BaseGeometry]], mark: StudyMark, place: Callable[[float, float], Any],
    window: BaseGeometry, unit: float,
) -> Iterator[Shape]:  # fmt: skip
    for feature, shape in found:
        if not window.intersects(shape):
            continue
        seen = shapely.intersection(shape, window) if mark.mark == "line" else shape
        path = _path(shapely.simplify(seen, _FINE / unit), place)
        if path:
            yield Shape(feature.id, _tone(feature, mark), str(feature.properties.get(mark.name, "")), path)


def _spot(
    feature: Feature, shape: BaseGeometry, mark: StudyMark, place: Callable[[float, float], tuple[float, float]],
    ray: float,
) -> Spot:  # fmt: skip
    middle = shape.centroid
    x, y = place(middle.x, middle.y)
    rays = []
    for text in str(feature.properties.get("azimuths", "")).split():
        turn = math.radians(float(text))
        rays.append(f"M{x:.1f} {y:.1f}L{x + ray * math.sin(turn):.1f} {y - ray * math.cos(turn):.1f}")
    name = str(feature.properties.get(mark.name, ""))
    return Spot(feature.id, _tone(feature, mark), name, round(x, 1), round(y, 1), "".join(rays))


def _tone(feature: Feature, mark: StudyMark) -> str:
    found = mark.tones.get(str(feature.properties.get(mark.by, ""))) if mark.by else None
    return found[0] if found else ""


def _path(shape: BaseGeometry, place: Callable[[float, float], tuple[float, float]]) -> str:
    rings: list[tuple[Any, str]] = []
    for part in getattr(shape, "geoms", [shape]):
        if part.is_empty:
            continue
        if part.geom_type == "Polygon":
            rings += [(part.exterior.coords, "Z"), *((hole.coords, "Z") for hole in part.interiors)]
        elif part.geom_type == "LineString":
            rings.append((part.coords, ""))
    return "".join(
        f"M{'L'.join(f'{x:.1f} {y:.1f}' for x, y in (place(p[0], p[1]) for p in ring))}{end}" for ring, end in rings
    )


def _round_length(metres: float) -> int:
    """The largest of 1, 2, 5, 10, … that is not longer."""
    power = 10 ** math.floor(math.log10(max(metres, 1.0)))
    return int(max(f * power for f in (1, 2, 5) if f * power <= max(metres, 1.0)))
