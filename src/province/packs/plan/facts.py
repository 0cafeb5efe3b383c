"""The plan's facts as tables of plain rows, read into records. Where a table comes from is the caller's business."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from province.errors import ConfigurationError
from province.model.change import Change
from province.model.goal import Goal
from province.model.record import attributes
from province.model.schema import Record, describe
from province.model.unit import lookup
from province.packs.plan.types import (
    Commitment,
    PlanLine,
    PlanOwner,
    PlanPlace,
    PlanTarget,
    TransformationIndex,
)
from province.vocab.agency import Agency, agency_id
from province.vocab.area import area_id

Row = Mapping[str, str]
TABLES: Final = ("lines", "commitments", "targets", "owners", "places", "dti")


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """A source by its key: its words, its day, and whether it was read in public."""

    source: str
    source_en: str
    date: str
    confirmed: bool


def records(
    tables: Mapping[str, Sequence[Row]], credits: Mapping[str, Credit], agencies: Iterable[Agency]
) -> list[Record]:
    """All records of the plan. Raises: ConfigurationError naming table and row: no source, an agency not alive."""
    alive = {a.id: a for a in agencies}
    made: list[Record] = []
    for n, row in enumerate(tables["lines"], 1):
        made.append(_line(row, _credit(row, credits, f"lines[{n}]")))
    for n, row in enumerate(tables["commitments"], 1):
        made.append(_commitment(row, _credit(row, credits, f"commitments[{n}]")))
    codes = {r.code for r in made if isinstance(r, PlanLine | Commitment)}
    for n, row in enumerate(tables["targets"], 1):
        made.append(_target(n, row, _credit(row, credits, f"targets[{n}]")))
    for n, row in enumerate(tables["owners"], 1):
        made += _owners(row, _credit(row, credits, f"owners[{n}]"), alive, f"owners[{n}]")
    for n, row in enumerate(tables["places"], 1):
        made += _places(row, _credit(row, credits, f"places[{n}]"))
    for n, row in enumerate(tables["dti"], 1):
        made.append(_index(row, _credit(row, credits, f"dti[{n}]")))
    for record in made:
        line = getattr(record, "line", None)
        if line is not None and line not in codes:
            raise ConfigurationError(f"{record.id} names the line {line!r}, which is none.", field="line")
    return made


def changes(found: Iterable[Record]) -> list[Change]:
    """The changes that bring facts in, again and again with the same outcome."""
    return [
        Change(op="upsert", id=r.id, type=describe(type(r)).name, attrs=attributes(r, origin="imported")) for r in found
    ]


def _credit(row: Row, credits: Mapping[str, Credit], place: str) -> Credit:
    found = credits.get(row["source"])
    if found is None:
        raise ConfigurationError(f"source {row['source']!r} is unknown.", field=place)
    return found


def _line(row: Row, said: Credit) -> PlanLine:
    return PlanLine(
        id=f"urn:ngsi-ld:PlanLine:{row['code']}",
        code=row["code"],
        position=int(row["position"]),
        row=row["row"],
        chapter=row["chapter"],
        chapterName=row["chapter_name"],
        chapterNameEn=row["chapter_name_en"],
        number=row["number"],
        category=row["category"],
        categoryEn=row["category_en"],
        text=row["text"],
        textEn=row["text_en"],
        source=said.source,
        sourceEn=said.source_en,
        sourceDate=said.date,
    )


def _commitment(row: Row, said: Credit) -> Commitment:
    return Commitment(
        id=f"urn:ngsi-ld:Commitment:{row['code']}",
        code=row["code"],
        position=int(row["position"]),
        row=row["row"],
        paragraph=int(row["paragraph"]),
        text=row["text"],
        textEn=row["text_en"],
        source=said.source,
        sourceEn=said.source_en,
        sourceDate=said.date,
    )


def _target(position: int, row: Row, said: Credit) -> PlanTarget:
    goal: dict[str, Any] = {
        "comparator": row["comparator"],
        "value": float(row["value"]),
        "unit": lookup(row["unit"]).code,
    }
    try:
        msgspec.convert({**goal, "indicator": row["indicator"], "due_year": int(row["due_year"])}, Goal)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{row['code']}: {error}", field="targets") from None
    return PlanTarget(
        id=f"urn:ngsi-ld:PlanTarget:{row['code']}",
        code=row["code"],
        position=position,
        line=row["line"],
        title=row["title"],
        titleEn=row["title_en"],
        indicator=row["indicator"],
        goal=goal,
        dueYear=int(row["due_year"]),
        edition=row["edition"],
        fromPlan=row["from_plan"] == "yes",
        confirmed=said.confirmed,
        source=said.source,
        sourceEn=said.source_en,
        sourceDate=said.date,
    )


def _owners(row: Row, said: Credit, alive: Mapping[str, Agency], place: str) -> list[Record]:
    identifier, _, since = row["agency"].partition(":")
    agency = alive.get(agency_id(identifier, since))
    until = row["valid_to"] or None
    if agency is None:
        raise ConfigurationError(f"there is no agency {row['agency']}.", field=place, remedy="See agencies.csv.")
    if row["valid_from"] < agency.validFrom or (
        agency.validTo is not None and (until is None or until > agency.validTo)
    ):
        raise ConfigurationError(f"{agency.name} does not exist from {row['valid_from']} to {until}.", field=place)
    return [
        PlanOwner(
            id=f"urn:ngsi-ld:PlanOwner:{line}:{identifier}:{row['valid_from']}",
            line=line,
            agency=agency.id,
            role=row["role"],
            validFrom=row["valid_from"],
            validTo=until,
            confirmed=said.confirmed,
            source=said.source,
            sourceEn=said.source_en,
            sourceDate=said.date,
        )
        for line in row["lines"].split()
    ]


def _places(row: Row, said: Credit) -> list[Record]:
    code, _, since = row["area"].partition(":")
    key = row["key"]
    return [
        PlanPlace(
            id=f"urn:ngsi-ld:PlanPlace:{line}:{key}:{row['valid_from']}",
            line=line,
            name=row["place"],
            area=area_id(code, since) if code else None,
            succeeds=row["succeeds"],
            validFrom=row["valid_from"],
            validTo=row["valid_to"] or None,
            confirmed=said.confirmed,
            source=said.source,
            sourceEn=said.source_en,
            sourceDate=said.date,
        )
        for line in row["lines"].split()
    ]


def _index(row: Row, said: Credit) -> TransformationIndex:
    return TransformationIndex(
        id=f"urn:ngsi-ld:TransformationIndex:{row['edition']}:{row['year']}",
        edition=row["edition"],
        units=int(row["units"]),
        year=int(row["year"]),
        score=float(row["score"]),
        rank=int(row["rank"]),
        leader=row["leader"] or None,
        leaderScore=float(row["leader_score"]) if row["leader_score"] else None,
        source=said.source,
        sourceEn=said.source_en,
        sourceDate=said.date,
    )
