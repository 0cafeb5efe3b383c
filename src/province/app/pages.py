"""The console's services: each page's question, answered by the rooms that know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pyarrow as pa
from starlette.requests import Request

from province.adapters import notices, views
from province.adapters.files import FileStore
from province.adapters.pdf import Printer
from province.adapters.photo import Photos
from province.adapters.studies.service import Studies
from province.adapters.tables.exports import Exports
from province.adapters.tables.imports import Imports
from province.app import alerting, boards, inspection, keeping, letters, messaging, posts, privacy
from province.app.annex import Annex
from province.app.core import Core
from province.app.declarations import TITLE_EN, TITLE_VI
from province.app.recent import Recent
from province.broker import amendments
from province.broker.broker import Acted
from province.broker.erasure import Erasures
from province.broker.history import Instance
from province.broker.land import Land
from province.broker.marks import Layers, Marks
from province.broker.trends import Trends
from province.console import services as console
from province.errors import NotAllowed, NotFound, NotSignedIn, ProvinceError
from province.identity import accounts, policy, roles, tokens
from province.identity.authenticate import Authenticator, Caller
from province.identity.limits import Limiter, address_key
from province.identity.passwords import Passwords, generate
from province.ingest import credentials
from province.model.actor import Actor, system
from province.model.entity import Attribute
from province.model.label import Label
from province.model.observation import Acknowledged
from province.model.query import Query, Where
from province.model.schema import describe
from province.model.time import now


class Door:
    """The broker as the doors see it: records and what was measured in one."""

    def __init__(self, core: Core) -> None:
        self.types = core.broker.types
        self.packs = core.broker.packs
        self.act = core.broker.act
        self.get = core.broker.get
        self.departed = core.broker.departed
        self.query = core.broker.query
        self.ask = core.broker.ask
        self.shown = core.broker.shown
        self.type_counts = core.broker.type_counts
        self.counts = Recent(partial(core.broker.type_counts, names=False))
        self.indicators = Recent(core.broker.indicators)
        self.attribute_use = core.broker.attribute_use
        self.history = core.measured.history
        self.aggregates = core.measured.aggregates
        self.series = core.measured.series
        self.silent = core.measured.silent
        self.area_hours = core.measured.area_hours
        self.correct = core.corrections.correct
        self.erase = core.corrections.erase
        self._layers = Layers(core.broker)
        self._reads = core.broker.reads
        self.trends = Trends(core.broker).since
        self.apply = core.broker.apply
        self.apply_each = core.broker.apply_each
        self.actions = core.broker.actions
        self.require_change = core.broker.require_change
        self._pool = core.pool
        self._observer = core.observer

    async def marks(self, type_name: str, field: str, where: tuple[Where, ...], actor: Actor) -> Marks:
        """The marks of a layer; who saw how many is counted."""
        found = await self._layers.marks(type_name, field, where, actor)
        self._reads.count(actor, type_name, len(found.ids))
        return found

    async def instances(self, id: str, names: Sequence[str], actor: Actor) -> list[Instance]:
        """The instances of record attributes as they are shown. The caller has read the entity."""
        return await amendments.instances_of(self._pool, actor.tenant, id, names)

    async def withdraw(self, id: str, instances: Sequence[Instance], actor: Actor) -> None:
        """Show instances no more. The caller has checked the right."""
        if instances:
            await amendments.withdraw(self._pool, id, instances, actor)

    async def amend(self, id: str, instance: Instance, attribute: Attribute, actor: Actor) -> None:
        """Show another value in place of an instance. The caller has checked the right."""
        await amendments.correct(self._pool, id, instance, attribute, actor)

    async def observe(
        self, table: pa.Table, actor: Actor, *, key: str | None = None, source: str = "http"
    ) -> Acknowledged:
        """Take in observations."""
        return await self._observer.observe(table, actor, key=key, source=source)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the services share."""

    core: Core
    authenticator: Authenticator
    hasher: Passwords
    files: FileStore
    photos: Photos
    reports: Limiter
    """Public reports and look-ups by secret, per address."""
    annex: Annex
    printer: Printer
    erasures: Erasures
    imports: Imports | None = None
    land: Land | None = None
    studies: Studies | None = None


def build(desk: Desk, *, status: Callable[[ProvinceError], int], address: Callable[[Request], str]) -> console.Services:
    """All services of the console."""
    core = desk.core
    settings = core.settings
    signing = alerting.Signing(core)

    async def session(cookie: str, stranger: Actor) -> console.Session | None:
        caller: Caller = await desk.authenticator.identify(
            stranger.tenant, cookie=cookie, address=stranger.address, request=stranger.request
        )
        return console.Session(caller.actor, caller.must_change) if caller.actor.session else None

    async def sign_in(login: str, password: str, stranger: Actor, former: str, agent: str) -> str:
        opened = await desk.authenticator.sign_in(
            stranger.tenant, login, password, address=stranger.address, user_agent=agent, request=stranger.request,
            cookie=former or None,
        )  # fmt: skip
        return opened.cookie

    def check_csrf(key: str, given: str) -> None:
        if not core.keys.verify("csrf", key.encode(), given):
            raise NotAllowed(
                "the form is not from this page.", field="csrf", remedy="Reload the page and send it again."
            )

    return console.Services(
        tenant=settings.tenant,
        title=Label(TITLE_VI, TITLE_EN),
        broker=Door(core),
        status=status,
        address=address,
        may=lambda actor, permission: not policy.scope(actor, permission).nothing,
        sign_in=sign_in,
        session=session,
        sign_out=lambda one: desk.authenticator.sign_out(one.actor),
        change_password=lambda one, old, new: desk.authenticator.change_password(one.actor, old, new),
        csrf_token=lambda key: core.keys.sign("csrf", key.encode()),
        check_csrf=check_csrf,
        people=_people(core),
        events=_events(core),
        engines=_engines(core),
        inbox=_inbox(core),
        mark_read=_mark_read(core),
        store_file=_store_file(desk),
        read_file=_read_file(desk),
        submit=_submit(desk),
        follow=_follow(desk),
        disagree=_disagree(desk),
        rate=_rate(desk),
        messages=messaging.listed(core),
        print=desk.printer.print,
        accounts=_accounts(desk),
        tokens=_tokens(desk),
        dead_letters=letters.build(core),
        boards=boards.build(core),
        signed_alert=signing.document,
        alert_certificate=signing.certificate,
        alert_tones=lambda: alerting.tones(now()),
        land=desk.land,
        posts=posts.build(core, desk.authenticator),
        keeping=keeping.build(core),
        views=_views(core),
        inspecting=inspection.build(core, desk.authenticator.forget),
        protecting=privacy.build(core, desk.erasures),
        imports=desk.imports,
        exports=Exports(Door(core), core.pool),
        studies=desk.studies,
        annex=console.Annex(desk.annex.view, desk.annex.report, desk.annex.print),
        public_url=settings.public_url,
        secure_cookies=settings.public_url.startswith("https:") or bool(settings.tls_certificate),
    )


def _people(core: Core) -> Callable[[Actor, Sequence[str]], Awaitable[Mapping[str, str]]]:
    async def people(actor: Actor, ids: Sequence[str]) -> Mapping[str, str]:
        scope = policy.scope(actor, "account.read")
        async with core.pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT id::text AS id, name FROM account WHERE tenant = $1 AND id::text = ANY($2::text[])"
                " AND ($3 OR agency = ANY($4::text[]) OR id::text = $5)",
                actor.tenant,
                list(ids),
                scope.all,
                sorted(scope.agencies),
                actor.id,
            )
        return {row["id"]: row["name"] for row in rows}

    return people


def _events(core: Core) -> Callable[[Actor, int], Awaitable[Sequence[console.Happening]]]:
    async def events(actor: Actor, limit: int) -> Sequence[console.Happening]:
        async with core.pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT name, entity, type, at, actor FROM outbox WHERE tenant = $1 AND kind = 'event'"
                " ORDER BY seq DESC LIMIT $2",
                actor.tenant,
                min(limit * 5, 500),
            )
        ids = tuple(dict.fromkeys(row["entity"] for row in rows))
        if not ids:
            return ()
        page = await core.broker.ask(Query(ids=ids, limit=1000, latest=False), actor)
        seen = {e.id: e for e in page.items}
        found = []
        for row in rows:
            entity = seen.get(row["entity"])
            if entity is None:
                continue
            entity_type = core.broker.types.get(entity.type)
            title = entity.value(entity_type.info.title) if entity_type and entity_type.info.title else None
            found.append(console.Happening(
                row["name"], entity.id, str(title or entity.id), entity.type, row["at"], row["actor"]
            ))  # fmt: skip
        listed = {happening.entity for happening in found[:limit]}
        await core.broker.shown([e for e in page.items if e.id in listed], actor)
        return found[:limit]

    return events


def _engines(core: Core) -> Callable[[], Awaitable[Sequence[console.EngineState]]]:
    async def engines() -> Sequence[console.EngineState]:
        at = now()
        states = []
        async with core.pool.acquire() as connection:
            version = await connection.fetchval("SHOW server_version")
            row = await connection.fetchrow("SELECT max(sequence) AS sequence, max(at) AS at FROM lake_position")
        states.append(console.EngineState("PostgreSQL", True, str(version), at))
        connected = core.nats.is_connected
        info = core.nats.connected_server_version
        states.append(console.EngineState("NATS", connected, str(info) if connected else "", at))
        if connected:
            stream = await core.nats.jetstream().stream_info("OBS")
            waiting = stream.state.messages
            detail = f"{waiting} messages wait; written up to {row['sequence'] if row else None}"
            states.append(console.EngineState("Lake", waiting < 10_000, detail, row["at"] if row and row["at"] else at))
        return states

    return engines


def _inbox(core: Core) -> Callable[[Actor, int], Awaitable[Sequence[console.InboxNotice]]]:
    async def inbox(actor: Actor, limit: int) -> Sequence[console.InboxNotice]:
        async with core.pool.acquire() as connection:
            found = await notices.inbox(connection, actor, limit=limit)
        shown = [
            console.InboxNotice(str(n.id), n.subject, n.body, n.about or "", n.at, n.read_at is not None) for n in found
        ]
        return sorted(shown, key=lambda n: n.read)

    return inbox


def _mark_read(core: Core) -> Callable[[Actor, str], Awaitable[None]]:
    async def mark_read(actor: Actor, notice: str) -> None:
        if not notice.isdecimal() or len(notice) > 18:
            raise NotFound("there is no such notice.", field="notice")
        async with core.pool.acquire() as connection:
            await notices.mark_read(connection, actor, int(notice))

    return mark_read


def _store_file(desk: Desk) -> Callable[[bytes, str, Actor], Awaitable[str]]:
    async def store_file(content: bytes, name: str, actor: Actor) -> str:
        public = actor.kind == "anonymous"
        if public:
            desk.reports.take(address_key(actor.address), what="uploads")

        async def once() -> Any:
            yield content

        stored = await desk.photos.store(desk.files, actor, once(), name=name, public=public)
        return stored.full.sha256

    return store_file


def _read_file(desk: Desk) -> Callable[[str, bool], Awaitable[tuple[bytes, str]]]:
    async def read_file(sha256: str, small: bool) -> tuple[bytes, str]:
        async with desk.core.pool.acquire() as connection:
            file = await desk.files.find(connection, desk.core.settings.tenant, sha256)
        if small and file.media_type.startswith("image/"):
            return await desk.photos.preview(desk.files, file), "image/jpeg"
        return await asyncio.to_thread(desk.files.path(file).read_bytes), file.media_type

    return read_file


def _submit(desk: Desk) -> Callable[[Mapping[str, Any], tuple[str, ...], Actor, str], Awaitable[console.Receipt]]:
    async def submit(inputs: Mapping[str, Any], photos: tuple[str, ...], actor: Actor, key: str) -> console.Receipt:
        if actor.kind == "anonymous":
            desk.reports.take(address_key(actor.address), what="reports")
        acted: Acted = await desk.core.broker.act("report.submit", actor, inputs=inputs, files=photos, key=key or None)
        code = acted.changed[0].filled.get("code", "")
        made = await desk.core.broker.get(acted.changed[0].id, system(actor.tenant, "receipt"), latest=False)
        matter = str(made.value("matter") or "")
        secret = next((a.value for a in acted.answers if a.value), "")
        danger = matter == "emergency" or bool(made.value("suspected"))
        return console.Receipt(code, secret, "" if matter == "report" else matter, danger)

    return submit


async def _by_secret(desk: Desk, secret: str, actor: Actor) -> Any:
    desk.reports.take(address_key(actor.address), what="look-ups")
    declared = next((pack.secret for pack in desk.core.declared.packs if pack.secret is not None), None)
    if declared is None:
        raise NotFound("nothing is followed by a secret here.", field="secret")
    where = (Where(declared.field, "==", declared.digest(secret)),)
    query = Query(types=(describe(declared.of).name,), where=where, limit=1)
    page = await desk.core.broker.query(query, system(actor.tenant, "follow"))
    if not page.items:
        raise NotFound("there is no report with this secret.", field="secret", remedy="Check the link you were given.")
    return page.items[0]


def _follow(desk: Desk) -> Callable[[str, Actor], Awaitable[console.Followed]]:
    async def follow(secret: str, actor: Actor) -> console.Followed:
        entity = await _by_secret(desk, secret, actor)
        past = await desk.core.measured.history(entity.id, system(actor.tenant, "follow"), attrs=("status",))
        steps = []
        for record in past.records:
            if record.attribute is None:
                continue
            note = record.attribute.meta.get("note")
            steps.append((str(record.attribute.value), record.at, str(getattr(note, "value", "") or "")))
        workflow = desk.core.broker.types["Report"].info.workflow
        state = str(entity.value("status"))
        disputable = workflow is not None and any(e.target == "disputed" for e in workflow.edges_from(state))
        first = str(entity.value("duplicateOf") or "")
        shared = await _states(desk, first, actor) if state == "linked" and first else []
        rateable = state in ("resolved", "closed") and entity.value("answer") is not None
        return console.Followed(entity, steps, disputable, rateable, shared)

    return follow


async def _states(desk: Desk, id: str, actor: Actor) -> list[tuple[str, Any]]:
    """The states of another report, without what was said: its author is somebody else."""
    past = await desk.core.measured.history(id, system(actor.tenant, "follow"), attrs=("status",))
    return [(str(r.attribute.value), r.at) for r in past.records if r.attribute is not None]


def _rate(desk: Desk) -> Callable[[str, int, str, Actor], Awaitable[None]]:
    async def rate(secret: str, stars: int, note: str, actor: Actor) -> None:
        entity = await _by_secret(desk, secret, actor)
        inputs = {"secret": secret, "stars": stars, "note": note}
        await desk.core.broker.act("report.rate", actor, id=entity.id, inputs=inputs)

    return rate


def _disagree(desk: Desk) -> Callable[[str, str, Actor], Awaitable[None]]:
    async def disagree(secret: str, reason: str, actor: Actor) -> None:
        entity = await _by_secret(desk, secret, actor)
        inputs = {"secret": secret, "reason": reason}
        await desk.core.broker.act("report.dispute", actor, id=entity.id, inputs=inputs)

    return disagree


def _accounts(desk: Desk) -> console.Accounts:
    pool = desk.core.pool

    async def listed(actor: Actor, after: str) -> Sequence[console.AccountRow]:
        policy.require_somewhere(actor, "account.read")
        rows = []
        async with pool.acquire() as connection:
            for one in await accounts.list_page(connection, actor, after=after):
                grants = await roles.granted(connection, actor, one.id)
                current = tuple((g.id, g.role, g.agency) for g in grants if g.until is None or g.until > now())
                rows.append(console.AccountRow(
                    one.id, one.login, one.name, one.kind, one.agency, one.disabled_at is not None, one.created_at,
                    current,
                ))  # fmt: skip
        return rows

    async def names(actor: Actor) -> Sequence[console.RoleRow]:
        async with pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT name, label_vi, label_en FROM role WHERE tenant = $1 ORDER BY name", actor.tenant
            )
        return [console.RoleRow(r["name"], Label(r["label_vi"], r["label_en"])) for r in rows]

    async def create(actor: Actor, login: str, name: str, agency: str | None) -> tuple[str, str]:
        password = generate()
        async with pool.acquire() as connection:
            made = await accounts.create(
                connection, actor, desk.hasher, login=login, name=name, password=password, agency=agency,
                must_change=True,
            )  # fmt: skip
        return made.id, password

    async def reset(actor: Actor, account: str) -> str:
        async with pool.acquire() as connection:
            return await accounts.reset_password(connection, actor, desk.hasher, account)

    async def disable(actor: Actor, account: str, disabled: bool) -> None:
        async with pool.acquire() as connection:
            await (accounts.disable if disabled else accounts.enable)(connection, actor, account)
        desk.authenticator.forget(actor.tenant, account)

    async def grant(actor: Actor, account: str, role: str, agency: str | None) -> None:
        async with pool.acquire() as connection:
            await roles.grant(connection, actor, account, role, agency=agency)
        desk.authenticator.forget(actor.tenant, account)

    async def withdraw(actor: Actor, grant_id: str) -> None:
        async with pool.acquire() as connection:
            await roles.withdraw(connection, actor, grant_id)

    return console.Accounts(listed, names, create, reset, disable, grant, withdraw)


def _views(core: Core) -> console.Views:
    async def listed(actor: Actor, type_name: str) -> Sequence[console.SavedView]:
        async with core.pool.acquire() as connection:
            return await views.views(connection, actor, type_name)

    async def save(actor: Actor, type_name: str, name: str, query: str, share: bool) -> None:
        async with core.pool.acquire() as connection:
            await views.save(connection, actor, type_name, name, query, share=share)

    async def remove(actor: Actor, view: int) -> None:
        async with core.pool.acquire() as connection:
            await views.remove(connection, actor, view)

    return console.Views(listed, save, remove)


def _tokens(desk: Desk) -> console.Tokens:
    pool = desk.core.pool

    def person(actor: Actor) -> Actor:
        if not actor.session:
            raise NotSignedIn("tokens belong to people who are signed in.", remedy="Sign in.")
        return actor

    async def listed(actor: Actor) -> Sequence[console.TokenRow]:
        async with pool.acquire() as connection:
            found = await tokens.list_of(connection, person(actor), actor.id)
        return [
            console.TokenRow(
                t.id,
                t.name,
                t.purpose,
                t.permissions,
                t.created_at,
                t.expires_at,
                t.last_used,
                t.revoked_at is not None,
            )
            for t in found
        ]

    async def issue(actor: Actor, name: str, purpose: str, permissions: tuple[str, ...], days: int | None) -> str:
        until = None if days is None else now() + timedelta(days=days)
        async with pool.acquire() as connection:
            return await tokens.create(
                connection, person(actor), actor.id, name=name, purpose=purpose, permissions=permissions or ("*",),
                expires_at=until,
            )  # fmt: skip

    async def revoke(actor: Actor, token: str) -> None:
        async with pool.acquire() as connection:
            await tokens.revoke(connection, actor, token)

    async def credentials_of(actor: Actor, device: str) -> Sequence[console.CredentialRow]:
        async with pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT c.login, c.device, c.created_at, c.revoked_at, e.type, e.agency, e.area"
                " FROM device_credential c JOIN entity e ON e.tenant = c.tenant AND e.id = c.device"
                " WHERE c.tenant = $1 AND ($2 = '' OR c.device = $2) ORDER BY c.created_at DESC LIMIT 1000",
                actor.tenant,
                device,
            )
        mine = [
            r for r in rows
            if policy.allows(actor, f"{r['type'].lower()}.provision", agency=r["agency"], area=r["area"],
                             entity=r["device"])
        ]  # fmt: skip
        return [
            console.CredentialRow(r["login"], r["device"], r["created_at"], None, r["revoked_at"] is not None)
            for r in mine[:100]
        ]

    async def issue_credential(actor: Actor, device: str) -> tuple[str, str]:
        await desk.core.broker.get(device, actor, latest=False)
        async with pool.acquire() as connection:
            made = await credentials.issue_credential(connection, actor, device)
        return made.login, made.secret

    async def revoke_credential(actor: Actor, login: str) -> None:
        async with pool.acquire() as connection:
            device = await connection.fetchval(
                "SELECT device FROM device_credential WHERE tenant = $1 AND login = $2", actor.tenant, login
            )
            if device is None:
                raise NotFound("there is no such credential.", field="credential")
            await credentials.revoke_credential(connection, actor, device)

    return console.Tokens(listed, issue, revoke, credentials_of, issue_credential, revoke_credential)
