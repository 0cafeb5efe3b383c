"""Every address of the console. The composition root mounts them with its services."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from province.console import (
    administration,
    alerts,
    annex,
    boards,
    bulk,
    centres,
    creating,
    emergency,
    entity,
    exports,
    guidance,
    imports,
    incidents,
    inspection,
    letters,
    lineage,
    lists,
    maps,
    messages,
    orders,
    outcomes,
    overview,
    posts,
    printing,
    protection,
    quality,
    readings,
    reporting,
    search,
    series,
    signin,
    silence,
    studies,
    territory,
    tour,
    upkeep,
    views,
    wall,
    warnings,
    work,
)
from province.console.render import STATIC
from province.console.services import Services
from province.console.visit import Handler, Visit, door
from province.errors import NotFound, ProvinceError


def routes(services: Services) -> list[BaseRoute]:
    """Pages, the JSON that islands read, and static files."""

    def at(path: str, handler: Handler, *methods: str, public: bool = False, largest: int = 0) -> Route:
        return Route(path, door(services, handler, public=public, largest=largest), methods=list(methods) or ["GET"])

    plan = [
        at(annex.HOME, annex.plan, public=True),
        at(annex.HOME + "/bao-cao/{year:int}.pdf", annex.report_pdf, public=True),
        at(annex.HOME + "/bao-cao/{year:int}", annex.report, public=True),
        at(annex.HOME + "/{code}", annex.line, public=True),
    ]
    return [
        Mount("/static", _Static(directory=STATIC), name="static"),
        at("/", overview.overview, public=True),
        *(plan if services.annex is not None else ()),
        at(creating.HOME + "/{action}", creating.create, "GET", "POST"),
        at("/inbox/{notice}/read", overview.mark_read, "POST"),
        at("/sign-in", signin.sign_in, "GET", "POST", public=True),
        at("/sign-out", signin.sign_out, "POST", public=True),
        at("/account/password", signin.password, "GET", "POST"),
        at("/language/{language}", signin.choose_language, public=True),
        at("/theme/{theme}", signin.choose_theme, public=True),
        at("/tour/{step}", tour.go, public=True),
        at("/wall", wall.wall, public=True),
        at("/search", search.search, public=True),
        at("/console/pick/{type}", search.pick, public=True),
        at("/help", guidance.index, public=True),
        at("/help/{type}", guidance.of_type, public=True),
        at("/list/{type}/views", views.save, "POST"),
        at("/list/{type}/views/{view}/remove", views.remove, "POST"),
        at("/list/{type}/choose", bulk.choose, "POST"),
        at("/list/{type}/act", bulk.act, "POST"),
        at("/list/{type}", lists.entities, public=True),
        at("/entity/{id:path}/act/{action}", entity.act, "POST"),
        at("/entity/{id:path}/file/{hash}", entity.file, public=True),
        at("/entity/{id:path}/print.pdf", printing.pdf),
        at("/entity/{id:path}", entity.entity, public=True),
        at("/map", maps.map_page, public=True),
        at("/console/areas.geojson", maps.areas, public=True),
        at("/console/map/popup", maps.popup, public=True),
        at("/console/map/find", maps.find, public=True),
        at("/console/map/{layer}.json", maps.marks, public=True),
        at("/console/map/{layer}.geojson", maps.shapes, public=True),
        at("/console/series/{entity:path}/{attr}.json", series.series, public=True),
        at("/silent", silence.silent),
        at("/imports", imports.overview),
        at("/imports", imports.receive, "POST", largest=imports.LARGEST),
        at("/imports/{id}", imports.one),
        at("/imports/{id}/mapping", imports.describe, "POST"),
        at("/imports/{id}/start", imports.start, "POST"),
        at("/imports/{id}/undo", imports.undo, "POST"),
        at("/imports/{id}/refused", imports.refused),
        at("/export/{file}", exports.export),
        at(outcomes.HOME, studies.overview),
        at(outcomes.HOME, studies.create, "POST"),
        at(outcomes.HOME + "/compare", outcomes.compare),
        at(outcomes.HOME + "/{id}/layers", studies.attach, "POST", largest=studies.LARGEST),
        at(outcomes.HOME + "/{id}/assume", studies.assume, "POST"),
        at(outcomes.HOME + "/{id}/start", studies.start, "POST"),
        at(outcomes.HOME + "/{id}/take", studies.take, "POST"),
        at(outcomes.HOME + "/{id}/sensitivity", studies.vary, "POST"),
        at(outcomes.HOME + "/{id}/sensitivity/{run}.csv", studies.varied),
        at(outcomes.HOME + "/{id}/report.pdf", outcomes.report_pdf),
        at(outcomes.HOME + "/{id}/files/{name}", outcomes.file),
        at(outcomes.HOME + "/{id}", studies.study),
        at("/boards", boards.overview),
        at("/boards/{domain}", boards.board),
        at(warnings.FEED, warnings.feed, public=True),
        at("/alerts/certificate.pem", warnings.certificate, public=True),
        at("/alerts/cap/{id:path}", warnings.document, public=True),
        at(warnings.HOME, warnings.warnings, public=True),
        at(warnings.HOME + "/{id:path}", warnings.warning, public=True),
        at("/alerts", alerts.alerts, public=True),
        at("/alerts/{id:path}", alerts.alert),
        at(centres.HOME, centres.centres),
        at(centres.HOME + "/{area:path}", centres.centre),
        at(incidents.HOME + "/{id:path}/report.pdf", incidents.report_pdf),
        at(incidents.HOME + "/{id:path}/report", incidents.report),
        at(incidents.HOME + "/{id:path}", incidents.incident),
        at("/quality", quality.quality),
        at("/quality/{kind}", quality.sources),
        at("/quality/{kind}/{source:path}", quality.source),
        at("/readings/{entity:path}/{attr}/correct", readings.correct, "POST"),
        at("/readings/{entity:path}/{attr}", readings.readings),
        at("/lineage", lineage.lineage),
        at("/lineage.json", lineage.as_json),
        at("/lake", upkeep.lake),
        at("/lake/plan", upkeep.plan),
        at("/lake/retention", upkeep.declare, "POST"),
        at("/dead-letters", letters.letters),
        at("/dead-letters/{id}", letters.letter),
        at("/dead-letters/{id}/retry", letters.retry, "POST"),
        at("/dead-letters/{id}/dismiss", letters.dismiss, "POST"),
        at("/audit", inspection.search),
        at("/audit.csv", inspection.export),
        at("/my-data", inspection.mine),
        at("/my-data/consent", protection.consents, "POST"),
        at(protection.HOME, protection.overview, public=True),
        at(protection.ERASURES, protection.erasures, "GET", "POST"),
        at("/access", inspection.explain),
        at("/break-glass", inspection.glass, "GET", "POST"),
        at("/break-glass/{id}/close", inspection.close, "POST"),
        at("/admin", _to_accounts),
        at("/admin/accounts", administration.accounts),
        at("/admin/accounts/new", administration.create_account, "POST"),
        at("/admin/accounts/{id}", administration.change_account, "POST"),
        at(posts.ORGANISATIONS, posts.organisations),
        at(posts.PEOPLE, posts.people),
        at(posts.PEOPLE + "/change", posts.change, "POST"),
        at(orders.HOME, territory.overview),
        at(orders.HOME + "/new/{kind}", orders.new),
        at(orders.HOME + "/preview", territory.preview, "POST"),
        at(orders.HOME + "/decide", territory.decide, "POST"),
        at(orders.HOME + "/{id:path}/withdraw", territory.withdraw, "POST"),
        at("/addresses", territory.address, public=True),
        at("/admin/tokens", administration.tokens),
        at("/admin/tokens/new", administration.create_token, "POST"),
        at("/admin/tokens/{id}/revoke", administration.revoke_token, "POST"),
        at("/admin/credentials/new", administration.create_credential, "POST"),
        at("/admin/credentials/{id}/revoke", administration.revoke_credential, "POST"),
        at(work.HOME, work.work),
        at(messages.HOME, messages.messages),
        at(emergency.HOME, emergency.sos, public=True),
        at("/report", reporting.report, "GET", "POST", public=True),
        at("/r/{secret}", reporting.progress, "GET", "POST", public=True),
        at("/r/{secret}/rate", reporting.rate, "POST", public=True),
        at("/r/{secret}/photo/{index:int}", reporting.photo, public=True),
    ]


async def _to_accounts(visit: Visit) -> Response:
    return RedirectResponse("/admin/accounts", status_code=303)


async def _missing(visit: Visit) -> Response:
    raise NotFound(f"there is no page {visit.request.url.path[:80]}.", remedy="Begin at the start page.")


async def not_found(services: Services, request: Request) -> Response:
    """The page for an address that no route knows; for the composition root's fallback."""
    return await door(services, _missing, public=True)(request)


async def failed(services: Services, request: Request, error: ProvinceError) -> Response:
    """The page of an error that no handler turned into one; for the composition root."""

    async def tell(visit: Visit) -> Response:
        raise error

    return await door(services, tell, public=True)(request)


class _Static(StaticFiles):
    """Static files: their addresses carry a mark of the content, so browsers may keep them for a year."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        response.headers["x-content-type-options"] = "nosniff"
        return response
