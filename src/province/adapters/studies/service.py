"""Planning studies: layers from files, the problem put together with the caller's own rights, and what came of it.

The problem is kept as a file of its own when a run is asked for: what was computed can be computed again anywhere, and
nobody's study sees more than they may.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from province.adapters import raster
from province.adapters.files import FileStore
from province.adapters.openstreetmap import ATTRIBUTION
from province.adapters.tables import features
from province.broker.door import Acts
from province.errors import InvalidInput, NotFound, Unsupported
from province.identity import policy
from province.identity.audit import Pool
from province.model.actor import Actor
from province.model.entity import Entity
from province.model.goal import Achieved, Measured
from province.model.label import Label
from province.model.parameters import Parameter
from province.model.query import Query, Where, pages
from province.model.record import to_record
from province.model.study import Assumed, Feature, Outcome, Problem, Spread
from province.model.time import Instant, now
from province.model.unit import convert
from province.pack import Adoption, Indicator, StudyKind, StudyLayer
from province.vocab.sensitivity import Sensitivity
from province.vocab.study import BUDGET_UNITS, COMPUTED, Study

PROBLEM: Final = "application/vnd.province.problem+json"
OUTCOME: Final = "application/vnd.province.outcome+json"
LAYER: Final = "application/geo+json"
"""Media types that no upload is ever found to have: these files are of our own making."""
SPREAD: Final = "application/vnd.province.sensitivity+json"
_PAGE: Final = 1_000
_RUNS: Final = 5
_OFFERED: Final = 20
Constant = Callable[[str, str, Instant], Parameter | None]
"""(pack, name, when) → the dated constant that held, or None."""
Measure = Callable[[Indicator, str], Awaitable[Measured]]
"""(indicator, tenant) → what it is over everything, whoever asks."""


def missing(kind: StudyKind) -> tuple[str, ...]:
    """What must be installed before it can be solved."""
    return tuple(name for name in kind.needs if importlib.util.find_spec(name) is None)


def require_installed(kind: StudyKind) -> None:
    """Raises: Unsupported that says what to install."""
    absent = missing(kind)
    if absent:
        raise Unsupported(
            f"planning needs {', '.join(absent)}, which this installation lacks.", field="kind",
            remedy="Install the extra: pip install 'province[planning]', and start again.",
        )  # fmt: skip


def achieved(adoption: Adoption, measured: Measured, planned: float) -> Achieved:
    """What stands of a plan that builds `planned`. Nothing built yet is 0, for every entry has its size."""
    label: Label = adoption.of.TYPE.label  # type: ignore[attr-defined]
    return Achieved(
        done=measured.value or 0.0, planned=planned, unit=adoption.unit, at=measured.at, register=label
    )  # fmt: skip


class Studies:
    """The studies of one installation."""

    def __init__(
        self, door: Acts, pool: Pool, files: FileStore, kinds: Mapping[str, tuple[str, StudyKind]], constant: Constant,
        measure: Measure | None = None,
    ) -> None:  # fmt: skip
        """kinds: name → (pack, kind).  measure: None: nothing is measured here."""
        self._measure = measure
        self._door = door
        self._pool = pool
        self._files = files
        self.kinds = kinds
        self._constant = constant

    def kind(self, name: str) -> tuple[str, StudyKind]:
        """(pack, kind). Raises: InvalidInput."""
        found = self.kinds.get(name)
        if found is None:
            known = ", ".join(self.kinds) or "none"
            raise InvalidInput(f"there is no kind of study {name[:40]!r}.", field="kind", remedy=f"Known: {known}.")
        return found

    def kind_of(self, study: Study) -> StudyKind | None:
        """The kind of a study; None: no pack declares it any more."""
        return self.kinds.get(study.kind, ("", None))[1]

    def require_budget(self, kind: str, unit: str) -> None:
        """Raises: InvalidInput for a unit in which this kind has no budget, or a kind that there is not."""
        _, declared = self.kind(kind)
        allowed = declared.budgets
        if unit not in allowed:
            names = {code: label.en for code, label in BUDGET_UNITS} | {"C62": declared.counted.en}
            raise InvalidInput(
                f"{kind} has no budget in {names.get(unit, unit)}.", field="budget_unit",
                remedy=f"One of: {', '.join(names[u] for u in allowed)}.",
            )  # fmt: skip

    async def get(self, id: str, actor: Actor) -> Study:
        """A study that the actor may read. Raises: NotFound, NotAllowed."""
        return to_record(Study, await self._door.get(id, actor, type="Study", latest=False))

    def assumed(self, study: Study) -> dict[str, Assumed]:
        """Every assumption as it holds for a study: the planner's own, else the dated constant of the pack.

        Raises: InvalidInput for one that the kind does not know, or whose unit does not fit.
        """
        pack, kind = self.kind(study.kind)
        found = self.defaults(pack, kind)
        for name, given in (study.assumptions or {}).items():
            if name not in kind.assumptions and name not in kind.prices:
                raise InvalidInput(
                    f"{study.kind} knows no assumption {name!r}.", field=f"assumptions.{name}",
                    remedy=f"Known: {', '.join((*kind.prices, *kind.assumptions))}.",
                )  # fmt: skip
            unit = found[name].unit if name in found else "VND" if name in kind.prices else ""
            found[name] = _given(name, given, unit)
        return found

    def standing(self, study: Study) -> dict[str, Assumed]:
        """The same for showing: without what its kind does not know, which only a run refuses."""
        if study.kind not in self.kinds:
            return {}
        try:
            return self.assumed(study)
        except InvalidInput:
            return self.defaults(*self.kinds[study.kind])

    def defaults(self, pack: str, kind: StudyKind) -> dict[str, Assumed]:
        """The dated constants that a kind of study stands on today."""
        constants = {name: self._constant(pack, name, now()) for name in kind.assumptions}
        return {
            name: Assumed(
                name=name, value=c.value, unit=c.unit, source=c.source.strip(), since=c.valid_from.isoformat()
            )
            for name, c in constants.items()
            if c is not None
        }

    async def attach(
        self, actor: Actor, id: str, layer: str, name: str, chunks: AsyncIterator[bytes], *, crs: str = ""
    ) -> tuple[Study, features.Layer]:
        """Read a file, keep it in our own form, and let it stand for a layer. Raises: what reading and rights raise."""
        study = await self.get(id, actor)
        policy.require_somewhere(actor, "study.change")
        declared = self._layer(study, layer)
        async with self._files.receive(chunks) as (path, _, _):
            if declared.raster:
                grid = msgspec.structs.replace(await raster.read(path, crs=crs), id=layer)
                read = features.Layer((grid,), "EPSG:4326", (), _told_of(grid))
            else:
                read = await features.read(path, name, crs=crs, columns=declared.columns, placed=declared.placed)
        content = msgspec.json.encode(collection(read.features))
        stored = await self._files.store(actor, _once(content), name=f"{layer}.geojson", known=LAYER)
        inputs = {"layer": layer, "file": stored.sha256, "name": name, "rows": len(read.features),
                  "credit": read.credit}  # fmt: skip
        await self._door.act("study.attach", actor, id=id, inputs=inputs)
        return await self.get(id, actor), read

    async def start(self, actor: Actor, id: str) -> Study:
        """Put the problem together with the actor's own rights and let it be computed.

        Raises: Unsupported without the extra `planning`; Conflict when it runs or is computed; InvalidInput.
        """
        study = await self.get(id, actor)
        _, kind = self.kind(study.kind)
        require_installed(kind)
        self.require_budget(study.kind, study.budget["unitCode"])
        problem = await self._problem(study, kind, actor)
        content = msgspec.json.encode(problem)
        stored = await self._files.store(actor, _once(content), name="problem.json", known=PROBLEM)
        await self._door.act("study.run", actor, id=id, inputs={"problem": stored.sha256})
        return await self.get(id, actor)

    async def outcome(self, actor: Actor, id: str) -> tuple[Study, Outcome]:
        """What came of a study. Raises: NotFound when nothing did."""
        study = await self.get(id, actor)
        if study.outcome is None:
            raise NotFound("the study has no plan yet.", field="status", remedy="Let it be computed first.")
        outcome = msgspec.json.decode(await self.content(actor.tenant, study.outcome, OUTCOME), type=Outcome)
        # A plan that was computed before credits were kept still has the names of its files.
        return study, outcome if outcome.credits else msgspec.structs.replace(outcome, credits=_credits(study, {}))

    async def built(self, actor: Actor, study: Study) -> Achieved | None:
        """How much of an adopted plan stands; None when it is not adopted, or the actor may not see the number."""
        adoption = self.kinds[study.kind][1].adoption if study.kind in self.kinds else None
        if adoption is None or self._measure is None or (study.adoption or {}).get("state") != "adopted":
            return None
        noun = adoption.of.TYPE.name.lower()  # type: ignore[attr-defined]
        if not adoption.public and not policy.scope(actor, f"{noun}.read").all:
            return None
        measured = await self._measure(adoption.measure(study.id), actor.tenant)
        return achieved(adoption, measured, float((study.adoption or {})["planned"]["value"]))

    async def vary(self, actor: Actor, id: str, varied: str) -> str:
        """Let variants of a computed study be computed. Returns the id of the run.

        Raises: InvalidInput for what its problem does not know; Unsupported without the extra `planning`.
        """
        study, _ = await self.outcome(actor, id)
        require_installed(self.kind(study.kind)[1])
        done = await self._door.act("study.vary", actor, id=id, inputs={"varied": varied})
        return done.changed[0].id

    async def runs(self, actor: Actor, study: str) -> list[Sensitivity]:
        """The runs over variants of a study, the newest first."""
        where = (Where("study", "==", study),)
        query = Query(types=("Sensitivity",), where=where, order="-modified", limit=_RUNS, latest=False)
        return [to_record(Sensitivity, e) for e in (await self._door.query(query, actor)).items]

    async def run_of(self, actor: Actor, id: str) -> Sensitivity:
        """A run over variants. Raises: NotFound."""
        return to_record(Sensitivity, await self._door.get(id, actor, type="Sensitivity", latest=False))

    async def spread(self, actor: Actor, id: str) -> tuple[Sensitivity, Spread]:
        """What came of a run over variants. Raises: NotFound when nothing did."""
        run = await self.run_of(actor, id)
        if run.outcome is None:
            raise NotFound("the run has no outcome.", field="status", remedy="Wait for its end, or begin another.")
        return run, msgspec.json.decode(await self.content(actor.tenant, run.outcome, SPREAD), type=Spread)

    async def offers(self, actor: Actor, study: Study) -> list[Study]:
        """Computed studies that the actor may read, whose findings this one may take over; the newest first."""
        names = tuple(name for name, (_, kind) in self.kinds.items() if kind.yields == study.kind)
        if not names:
            return []
        where = (Where("kind", "in", names), Where("status", "in", COMPUTED), Where("isChecked", "==", True))
        query = Query(types=("Study",), where=where, order="-modified", limit=_OFFERED, latest=False)
        return [to_record(Study, e) for e in (await self._door.query(query, actor)).items]

    async def take(self, actor: Actor, id: str, source: str) -> None:
        """Let what one study found be assumptions of another, with its source. Raises: InvalidInput, Conflict."""
        study = await self.get(id, actor)
        giver, outcome = await self.outcome(actor, source)
        if self.kind(giver.kind)[1].yields != study.kind:
            raise InvalidInput(f"a study of the kind {giver.kind} finds nothing for {study.kind}.", field="source",
                               remedy="Choose one that the page of the study offers.")  # fmt: skip
        if not outcome.assumptions:
            raise InvalidInput("that study found no values to take over.", field="source",
                               remedy="Its page says why.")  # fmt: skip
        for one in outcome.assumptions:
            said = f"{giver.title}: {one.source} ({giver.id})"
            inputs = {"name": one.name, "value": str(one.value), "unit": one.unit, "source": said}
            await self._door.act("study.assume", actor, id=id, inputs=inputs)

    async def content(self, tenant: str, sha256: str, media: str) -> bytes:
        """The bytes of a file of our own making. Raises: NotFound, InvalidInput for a file of anybody else's."""
        async with self._pool.acquire() as connection:
            file = await self._files.find(connection, tenant, sha256)
        if file.media_type != media:
            raise InvalidInput("the file is not of a study's making.", field="file", remedy="Send it to the study.")
        return await asyncio.to_thread(self._files.path(file).read_bytes)

    async def keep(self, actor: Actor, content: bytes, name: str, media: str) -> str:
        """Store bytes of our own making. Returns their hash."""
        return (await self._files.store(actor, _once(content), name=name, known=media)).sha256

    def _layer(self, study: Study, name: str) -> StudyLayer:
        _, kind = self.kind(study.kind)
        found = next((one for one in kind.layers if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in kind.layers)
            raise InvalidInput(f"{study.kind} has no layer {name[:40]!r}.", field="layer", remedy=f"Known: {known}.")
        return found

    async def _problem(self, study: Study, kind: StudyKind, actor: Actor) -> Problem:
        layers: dict[str, tuple[Feature, ...]] = {}
        for layer in kind.layers:
            given = (study.layers or {}).get(layer.name)
            if given is not None:
                layers[layer.name] = _features(await self.content(actor.tenant, given["file"], LAYER))
            elif layer.of is not None:
                layers[layer.name] = await self._entities(layer, actor)
            if layer.required and not layers.get(layer.name):
                raise InvalidInput(
                    f"the layer {layer.name} is empty.", field=f"layers.{layer.name}",
                    remedy="Attach a file, or import the entities that it holds.",
                )  # fmt: skip
        return Problem(
            layers=layers, assumptions=self.assumed(study), budget=float(study.budget["value"]),
            unit=study.budget["unitCode"], seconds=study.seconds, credits=_credits(study, layers),
        )  # fmt: skip

    async def _entities(self, layer: StudyLayer, actor: Actor) -> tuple[Feature, ...]:
        assert layer.of is not None
        name: str = layer.of.TYPE.name  # type: ignore[attr-defined]
        place: str = layer.of.TYPE.place  # type: ignore[attr-defined]
        found: list[Feature] = []
        async for page in pages(self._door.query, Query(types=(name,), limit=_PAGE, latest=False), actor):
            found += [_feature(entity, place) for entity in page.items]
            if len(found) > features.MOST:
                raise InvalidInput(f"there are more than {features.MOST:,} of {name}.", field=f"layers.{layer.name}",
                                   remedy="Attach a file with those of the area.")  # fmt: skip
        return tuple(found)


def _credits(study: Study, layers: Mapping[str, Sequence[Feature]]) -> tuple[str, ...]:
    """What the licences of the layers want said: of files as they say, of a register as the sources of its entries."""
    found = [credit_of(given) for given in (study.layers or {}).values()]
    cited = {str(f.properties.get("source") or "").lower() for layer in layers.values() for f in layer}
    if any("openstreetmap" in source for source in cited) and not any(ATTRIBUTION in one for one in found):
        found.append(ATTRIBUTION)
    return tuple(dict.fromkeys(one for one in found if one))


def credit_of(given: Mapping[str, Any]) -> str:
    """What the licence of a layer wants said; empty: nothing is known of it."""
    extract = str(given.get("name") or "").lower().endswith((".pbf", ".osm"))
    return str(given.get("credit") or (ATTRIBUTION if extract else ""))


def _told_of(grid: Feature) -> tuple[Label, ...]:
    """What was read of a picture, for whoever sent it."""
    g = grid.properties
    size, span, holes = (
        f"{g['columns']} × {g['rows']}",
        f"{g['least']:.0f} … {g['most']:.0f} m",
        f"{100 * g['holes']:.1f}%",
    )
    return (Label(f"{size} ô, {span}, {holes} ô không có giá trị.", f"{size} cells, {span}, {holes} without a value."),)


def _given(name: str, given: Mapping[str, Any], unit: str) -> Assumed:
    value = given["value"]
    own = str(given.get("unit") or "")
    if isinstance(value, str):
        if unit:
            raise InvalidInput(f"{value[:40]!r} is no number.", field=f"assumptions.{name}", remedy=f"Give {unit}.")
        return Assumed(name=name, value=value, source=str(given.get("source") or ""), given=True)
    if unit and own != unit:
        value = convert(float(value), own, unit, field=f"assumptions.{name}")
    return Assumed(name=name, value=float(value), unit=unit or own, source=str(given.get("source") or ""), given=True)


def _feature(entity: Entity, place: str) -> Feature:
    values = {name: a.value for name, a in entity.attrs.items() if name != place and "@" not in name}
    shape = entity.value(place) if place else None
    return Feature(id=entity.id, geometry=shape if isinstance(shape, dict) else None, properties=values)


def _features(content: bytes) -> tuple[Feature, ...]:
    rows = msgspec.json.decode(content)["features"]
    return tuple(Feature(id=r["id"], geometry=r["geometry"], properties=r["properties"]) for r in rows)


def collection(found: Sequence[Feature], credits: Sequence[str] = ()) -> dict[str, Any]:
    """GeoJSON of features, with what the licences of its data want said."""
    return {
        "type": "FeatureCollection",
        **({"attribution": "; ".join(credits)} if credits else {}),
        "features": [
            {"type": "Feature", "id": f.id, "geometry": f.geometry, "properties": dict(f.properties)} for f in found
        ],
    }


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
