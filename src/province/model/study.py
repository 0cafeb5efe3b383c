"""What a planning study is given and what comes of it, as plain values: they cross the border of a process as JSON.

    Problem   layers of features, assumptions with unit and source, a budget          what a kind of study solves
    Outcome   layers, tables, a bill of materials, figures, remarks, a certificate    what it answers

Geometries are GeoJSON in WGS 84. Every number that a person reads has a unit (UN/CEFACT code).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from province.errors import InvalidInput
from province.model.geometry import Geometry, bounds
from province.model.label import Label

_VIETNAM: Final = (101.0, 7.0, 118.5, 24.0)
"""West, south, east, north, with its islands."""


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """One thing on a layer. id: of an entity, or of a row of a file.  geometry: None: its place is not known."""

    id: str
    geometry: Geometry | None = None
    properties: Mapping[str, Any] = {}

    @property
    def name(self) -> str:
        """What it is called; its id, when it has no name."""
        return str(self.properties.get("name") or self.id)


def some(names: Sequence[str], most: int = 5) -> str:
    """The first names, and a sign when there are more: for a remark."""
    return ", ".join((*names[:most], *(("…",) if len(names) > most else ())))


def require_in_vietnam(feature: Feature, layer: str) -> None:
    """Raises: InvalidInput for a place elsewhere: it was read in the wrong system."""
    assert feature.geometry is not None
    west, south, east, north = bounds(feature.geometry)
    if west < _VIETNAM[0] or south < _VIETNAM[1] or east > _VIETNAM[2] or north > _VIETNAM[3]:
        raise InvalidInput(
            f"{feature.name} lies at {west:.4f}, {south:.4f}, outside Vietnam.",
            field=f"layers.{layer}",
            remedy="Name the coordinate system of the file, such as VN-2000 TM-3 105°45' or EPSG:4326,"
            " and check which column is the longitude.",
        )


def read_amount(feature: Feature, column: str, layer: str, *, below: float = 1e15) -> float | None:
    """A number ≥ 0 of a feature; None: not given. Raises: InvalidInput naming the feature and the column."""
    given = feature.properties.get(column)
    if given is None or given == "":
        return None
    try:
        found = float(given)
    except (TypeError, ValueError):
        found = -1.0
    if not 0 <= found < below:
        raise InvalidInput(
            f"{feature.name} has the {column} {str(given)[:40]!r}.",
            field=f"layers.{layer}",
            remedy=f"Give a number ≥ 0 in the column `{column}`, or leave it empty.",
        )
    return found


class Assumed(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a study stands on. source: law, standard, datasheet, or who says so.  given: by the planner."""

    name: str
    value: float | str
    unit: str = ""
    source: str = ""
    since: str = ""
    given: bool = False


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What a study is to solve. unit: of the budget: VND, C62 (a number of sites) or MTR.

    credits: what the licences of the layers want said beside every map and file that is made of them.
    seconds: of wall time for the search.  seed: same seed, same plan, where the search is counted and not timed.
    """

    layers: Mapping[str, tuple[Feature, ...]]
    assumptions: Mapping[str, Assumed]
    budget: float
    unit: str
    seconds: float = 20.0
    seed: int = 0
    credits: tuple[str, ...] = ()

    def number(self, name: str, *, remedy: str = "") -> float:
        """An assumption that is a number. Raises: InvalidInput naming it when it is missing."""
        found = self.assumptions.get(name)
        if found is None or isinstance(found.value, str):
            raise InvalidInput(f"the assumption {name!r} has no value.", field=f"assumptions.{name}", remedy=remedy)
        return float(found.value)

    def word(self, name: str) -> str:
        """An assumption that is a word. Raises: InvalidInput naming it when it is missing."""
        found = self.assumptions.get(name)
        if found is None:
            raise InvalidInput(f"the assumption {name!r} has no value.", field=f"assumptions.{name}")
        return str(found.value)


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of an outcome. value: None: it cannot be known."""

    name: str
    label: Label
    value: float | None
    unit: str


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a table. unit: of its numbers; empty: text."""

    name: str
    label: Label
    unit: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of plain values in the order of the columns; None: not known."""

    name: str
    title: Label
    columns: tuple[Column, ...]
    rows: tuple[tuple[str | float | None, ...], ...]


PRICE: Final = Column(name="price", label=Label("Đơn giá", "Price"), unit="VND")
AMOUNT: Final = Column(name="amount", label=Label("Thành tiền", "Amount"), unit="VND")
_ITEMS: Final = (
    Column(name="item", label=Label("Hạng mục", "Item (Vietnamese)")),
    Column(name="item_en", label=Label("Hạng mục (tiếng Anh)", "Item")),
)
_MATERIALS: Final = Label("Khối lượng", "Bill of materials")


def bill(*columns: Column, rows: Iterable[tuple[str | float | None, ...]], title: Label = _MATERIALS) -> Table:
    """The bill of materials of a plan. A row: the item in Vietnamese and in English, then what `columns` name."""
    return Table(name="materials", title=title, columns=(*_ITEMS, *columns), rows=tuple(rows))


Mark = Literal["point", "area", "line"]
Sense = Literal["most", "least", "all"]
"""A plan gathers as much as it can, or costs as little as it can; or every plan that no other beats is asked for."""
Tone = Literal["good", "fair", "poor", "new", "shared", "existing"]
"""Colour of what is drawn: how well something is served, or what is built."""


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """Features to draw and to export. colour_by: property whose words or numbers colour them."""

    name: str
    title: Label
    features: tuple[Feature, ...]
    colour_by: str = ""


def cost_label(unit: str) -> Label:
    """What an amount of the budget is called: in metres or sites nothing costs anything, and yet it counts."""
    return Label("Chi phí", "Cost") if unit == "VND" else Label("Tính vào ngân sách", "Of the budget")


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan claims, and what other code made of it.

    objective: as recomputed by the checker.  bound: no plan within the budget does better; bound_source: why. None: no
    bound of such plans is known, and bound_source says what it was compared with.
    gap: |bound − objective| / objective.  checked: the checker found every condition to hold.
    verdict: in its words.  versions: of what computed it.  inputs: SHA-256 of the problem.
    """

    objective: float
    objective_unit: str
    objective_label: Label
    bound: float | None
    bound_source: Label
    gap: float | None
    spent: float
    budget: float
    budget_unit: str
    checked: bool
    verdict: Label
    seed: int
    versions: Mapping[str, str] = {}
    inputs: str = ""
    sense: Sense = "most"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a study. partial: why it answers less than was asked; None: it answers all of it.

    assumptions: values that a study of another kind may take over, with their source.
    credits: as of the problem.
    """

    figures: tuple[Quantity, ...]
    tables: tuple[Table, ...]
    layers: tuple[Layer, ...]
    certificate: Certificate
    remarks: tuple[Label, ...] = ()
    partial: Label | None = None
    assumptions: tuple[Assumed, ...] = ()
    credits: tuple[str, ...] = ()

    def table(self, name: str) -> Table | None:
        """The table of that name."""
        return next((t for t in self.tables if t.name == name), None)

    def layer(self, name: str) -> Layer | None:
        """The layer of that name."""
        return next((one for one in self.layers if one.name == name), None)


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A study computed with one value changed. name: of the assumption, or `budget`.  base: what it was.

    objective: None: it could not be computed, and failure says why.
    kept: which items of the plan it chooses too, by their places among the picks of the spread.
    """

    name: str
    value: float | str
    unit: str
    base: float | str
    objective: float | None = None
    gap: float | None = None
    figures: tuple[Quantity, ...] = ()
    partial: bool = False
    failure: str = ""
    remedy: str = ""
    kept: tuple[int, ...] = ()


class Pick(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the plan. kept: in so many variants it is chosen too."""

    id: str
    name: str
    kept: int


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """What variants of a study tell together. computed: so many of them have a plan.

    asked: so many variants were asked for; more than there are when the run was stopped.
    """

    objective: float
    objective_unit: str
    objective_label: Label
    sense: Sense
    gap: float | None
    figures: tuple[Quantity, ...]
    seed: int
    variants: tuple[Variant, ...]
    computed: int
    picks: tuple[Pick, ...]
    asked: int = 0

    def swing(self, name: str) -> float:
        """How far the objective moves between the variants of an assumption and the plan as it is."""
        told = [v.objective for v in self.variants if v.name == name and v.objective is not None]
        return max([self.objective, *told]) - min([self.objective, *told])


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run is. share: 0 to 1.  objective, bound: of the best plan so far."""

    share: float
    stage: Label
    objective: float | None = None
    bound: float | None = None


Tell = Callable[[Progress], None]
