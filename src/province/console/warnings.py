"""Alerts to the public, for everybody: the page, the Atom feed, each alert as signed CAP XML, our certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from lxml import etree
from starlette.responses import Response

from province.console.display import show, title_of
from province.console.lists import titles_of
from province.console.visit import Visit
from province.errors import NotFound
from province.model.cap.message import MEDIA_TYPE, Info, Message, info_in
from province.model.entity import Entity
from province.model.query import Query, Where
from province.model.time import Instant, format_instant, now, parse_instant
from province.vocab.alert import SEVERITIES
from province.vocab.public_alert import message_of

HOME: Final = "/alerts/public"
FEED: Final = "/alerts/feed.atom"
PAST: Final = timedelta(days=7)
"""For so long the page and the feed show what is over."""
SHOWN: Final = 200
_ATOM: Final = "http://www.w3.org/2005/Atom"
_RANK: Final = {name: n for n, (name, _) in enumerate(SEVERITIES)}


@dataclass(frozen=True, slots=True)
class Line:
    """An alert as the page shows it. tone: colour of its level, or "".  over: not in force any more."""

    id: str
    href: str
    title: str
    severity: str
    shade: str
    state: str
    level: str
    tone: str
    sender: str
    sent: Instant
    ends: Instant | None
    over: bool
    areas: tuple[str, ...]
    info: Info | None
    kind: str


async def warnings(visit: Visit) -> Response:
    """What is in force, the gravest first; below it what was over within the week."""
    current, past = await _lines(visit)
    return visit.page("warnings.html", {"current": current, "past": past, "feed": FEED})


async def warning(visit: Visit) -> Response:
    """One alert, whole."""
    found = await visit.services.broker.get(visit.request.path_params["id"], visit.actor, type="PublicAlert")
    message = message_of(found.value("message"))
    kind = visit.services.broker.types["PublicAlert"]
    titles = await titles_of(visit, (found,), [kind.fields["areas"], kind.fields["replaces"]])
    line = _line(visit, found, message, titles)
    names = ("severity", "urgency", "certainty", "category", "scale", "messageType", "population", "sender", "sentAt",
             "effectiveAt", "endsAt")  # fmt: skip
    specs = [kind.fields[n] for n in names if found.value(n) is not None]
    facts = [
        (visit.words.label(spec.field.label), show(found.attrs.get(spec.name), visit.words, spec=spec, type=kind))
        for spec in specs
    ]
    values = {
        "line": line,
        "infos": message.infos,
        "facts": facts,
        "place": found.value("location"),
        "replaces": (f"{HOME}/{found.value('replaces')}", titles.get(str(found.value("replaces")), ""))
        if found.value("replaces")
        else None,
        "bounds": visit.services.bounds,
        "xml": f"/alerts/cap/{found.id}.xml",
    }
    return visit.page("warning.html", values)


async def document(visit: Visit) -> Response:
    """The alert as signed CAP 1.2 XML."""
    id = visit.request.path_params["id"].removesuffix(".xml")
    if visit.services.signed_alert is None:
        raise NotFound("alerts are not issued here.", field="id")
    body = await visit.services.signed_alert(id, visit.actor)
    return Response(body, media_type=MEDIA_TYPE, headers={"cache-control": "public, max-age=60"})


async def certificate(visit: Visit) -> Response:
    """The certificate of the key that signs our alerts."""
    if visit.services.alert_certificate is None:
        raise NotFound("alerts are not issued here.", field="certificate")
    body = await visit.services.alert_certificate(visit.actor.tenant)
    headers = {"content-disposition": "attachment; filename=alerts.pem", "cache-control": "public, max-age=3600"}
    return Response(body, media_type="application/x-pem-file", headers=headers)


async def feed(visit: Visit) -> Response:
    """The Atom feed: every public message of the week and all in force, newest first, with a link to its XML."""
    site = (visit.services.public_url or str(visit.request.base_url)).rstrip("/")
    entries = await _entities(visit)
    newest = max((parse_instant(str(e.value("sentAt"))) for e in entries), default=now())
    root = etree.Element(f"{{{_ATOM}}}feed", nsmap={None: _ATOM})
    _put(root, "id", f"{site}{FEED}")
    _put(root, "title", visit.words.label(visit.services.title))
    _put(root, "updated", format_instant(newest))
    _put(root, "link", "", rel="self", href=f"{site}{FEED}", type="application/atom+xml")
    author = etree.SubElement(root, f"{{{_ATOM}}}author")
    _put(author, "name", visit.words.label(visit.services.title))
    for entity in sorted(entries, key=lambda e: str(e.value("sentAt")), reverse=True):
        message = message_of(entity.value("message"))
        info = info_in(message, visit.language)
        entry = etree.SubElement(root, f"{{{_ATOM}}}entry")
        _put(entry, "id", entity.id)
        _put(entry, "title", str(entity.value("title")))
        _put(entry, "updated", format_instant(parse_instant(str(entity.value("sentAt")))))
        _put(entry, "link", "", rel="alternate", href=f"{site}{HOME}/{entity.id}", type="text/html")
        _put(entry, "link", "", rel="enclosure", href=f"{site}/alerts/cap/{entity.id}.xml", type=MEDIA_TYPE)
        for term in (entity.value("messageType"), entity.value("severity"), entity.value("status")):
            _put(entry, "category", "", term=str(term))
        if info is not None:
            _put(entry, "summary", "\n\n".join(t for t in (info.headline, info.description, info.instruction) if t))
    body = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return Response(body, media_type="application/atom+xml", headers={"cache-control": "public, max-age=30"})


def _put(parent: Any, name: str, text: str, **attributes: str) -> None:
    made = etree.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    if text:
        made.text = text


async def _entities(visit: Visit) -> Sequence[Entity]:
    """Public messages in force, and those of the week that are not any more."""
    since = format_instant(now() - PAST)
    found: dict[str, Entity] = {}
    for where in (
        (Where("status", "==", "in_force"),),
        (Where("status", "in", ["replaced", "cancelled", "expired"]), Where("sentAt", ">=", since)),
    ):
        query = Query(
            types=("PublicAlert",),
            where=(*where, Where("published", "==", True)),
            order="-sentAt",
            limit=SHOWN,
            latest=False,
        )
        found |= {e.id: e for e in (await visit.services.broker.query(query, visit.actor)).items}
    return list(found.values())


async def _lines(visit: Visit) -> tuple[list[Line], list[Line]]:
    entities = await _entities(visit)
    kind = visit.services.broker.types["PublicAlert"]
    titles = await titles_of(visit, tuple(entities), [kind.fields["areas"]]) if entities else {}
    lines = [_line(visit, e, message_of(e.value("message")), titles) for e in entities]
    current = sorted(
        (x for x in lines if not x.over), key=lambda x: (_RANK.get(x.shade.title(), 9), -x.sent.timestamp())
    )
    past = sorted((x for x in lines if x.over), key=lambda x: x.sent, reverse=True)
    return current, past


def _line(visit: Visit, entity: Entity, message: Message, titles: Mapping[str, str]) -> Line:
    words = visit.words
    kind = visit.services.broker.types["PublicAlert"]

    def text(name: str) -> str:
        return show(entity.attrs.get(name), words, spec=kind.fields[name], type=kind).text

    ends = parse_instant(str(entity.value("endsAt"))) if entity.value("endsAt") else None
    info = info_in(message, visit.language)
    # The clock decides, not the state: a page never shows as in force what is over by its own word.
    over = entity.value("status") != "in_force" or (ends is not None and ends <= now())
    expired = over and entity.value("status") == "in_force"
    names = dict(kind.info.workflow.names) if kind.info.workflow else {}
    return Line(
        id=entity.id,
        href=f"{HOME}/{entity.id}",
        title=(info.headline if info and info.headline else title_of(entity, kind)),
        severity=text("severity"),
        shade=str(entity.value("severity")).lower(),
        state=words.label(names["expired"]) if expired else text("status"),
        level=text("scale") if entity.value("scale") else "",
        tone=visit.services.alert_tones().get(str(entity.value("scale") or ""), ""),
        sender=info.sender_name if info and info.sender_name else message.sender,
        sent=parse_instant(str(entity.value("sentAt"))),
        ends=ends,
        over=over,
        areas=tuple(titles.get(i, i) for i in entity.value("areas") or ()),
        info=info,
        kind=text("messageType"),
    )  # fmt: skip
