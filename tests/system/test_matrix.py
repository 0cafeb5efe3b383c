"""Every role × action and type × door: whoever lacks a right meets the same refusal at each door, and nothing changes.

Actions, types, fields and roles are those that are declared: a new one is tried here without anybody thinking of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import quote

import click.testing
import httpx
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from province.api.errors import STATUS
from province.cli.client import Client
from province.cli.main import build
from province.errors import NotAllowed, NotFound, NotSignedIn
from province.history.lake import Span
from province.model.schema import EntityType
from tests.product import Product, running_product, until
from tests.system import callers
from tests.system.callers import ACTIONS, CANARY, MINE, REFUSED, ROLES, TYPES, UNSIGNED, Matrix, expected

pytestmark = [pytest.mark.slow, pytest.mark.beside(3)]
REFUSALS = tuple(STATUS[kind] for kind in (NotSignedIn, NotAllowed, NotFound))
UNFIT = {"inputs": {"no such input": 1}}
"""What an action refuses after it has looked at rights, so that nothing happens to whoever holds them."""
AT_ONCE = 8


@pytest.fixture(scope="module")
async def matrix() -> AsyncIterator[Matrix]:
    with running_product(outbound_allow="127.0.0.1", trusted_proxies="127.0.0.1") as product:
        made = await callers.prepare(product)
        yield made
        await callers.close(made)


async def each(cells: Iterable[Any], knock: Callable[..., Awaitable[str | None]]) -> None:
    """Try all cells, some at a time, and fail with everything that was wrong."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(cell: Any) -> str | None:
        async with gate:
            wrong = await knock(*cell)
            return f"{' · '.join(str(c) for c in cell)}: {wrong}" if wrong else None

    found = [wrong for wrong in await asyncio.gather(*(one(c) for c in cells)) if wrong]
    assert not found, f"{len(found)} cells, such as:\n" + "\n".join(found[:40])


# --- actions --------------------------------------------------------------------------------------------------------

WHO = (*REFUSED, *ROLES)


def _judge(caller: str, action: str, refused: bool, rights: bool, told: str) -> str | None:
    """rights: the refusal is one of rights; else of the unfit input."""
    spec = ACTIONS[action]
    may = spec.public or expected(caller, spec.needs, creates=spec.creates)
    if caller == "revoked token":
        may = False
    if not refused:
        return f"was carried out with an input that does not exist: {told}"
    return None if rights != may else f"{'may' if may else 'may not'}, and was told {told}"


async def test_actions_by_the_api(matrix: Matrix) -> None:
    answers: dict[tuple[str, str], tuple[int, str]] = {}

    async def knock(who: str, name: str) -> str | None:
        action = ACTIONS[name]
        body = {} if action.creates else {"id": matrix.target(action.record.TYPE.name, who)}  # type: ignore[attr-defined]
        answer = await matrix.callers[who].api.post(f"/api/actions/{name}", json={**UNFIT, **body})
        answers[name, who] = (answer.status_code, answer.json().get("title", ""))
        if CANARY in answer.text.replace(body.get("id", CANARY), ""):
            return f"tells what it hides: {answer.text}"
        rights = answer.status_code in REFUSALS
        return _judge(who, name, answer.is_error, rights, answer.text[:200])

    await each(((w, a) for a in ACTIONS for w in WHO), knock)
    for name, action in ACTIONS.items():
        if not action.creates:
            same = {answers[name, who] for who in REFUSED if who not in UNSIGNED}
            assert len(same) == 1, (name, same)


def _group(client: Client) -> click.Group:
    class Here:
        def client(self) -> Client:
            return client

    return build(Here)  # type: ignore[arg-type]


async def test_actions_by_the_command_line(matrix: Matrix) -> None:
    def clients() -> dict[str, Client]:
        settings = matrix.product.settings
        return {w: Client(matrix.product.address, matrix.callers[w].token, tenant=settings.tenant) for w in WHO}

    known = clients()
    groups = {who: _group(client) for who, client in known.items()}
    runner = click.testing.CliRunner()

    def knock(who: str, name: str) -> str | None:
        action = ACTIONS[name]
        words = [] if action.creates else [matrix.target(action.record.TYPE.name, who)]  # type: ignore[attr-defined]
        done = runner.invoke(groups[who], ["act", name, *words, "--set", "no such input=1"], prog_name="province")
        unfit = "no input 'no such input'" in done.stderr
        return _judge(who, name, done.exit_code != 0, not unfit, done.stderr[:200])

    def walk() -> list[str]:
        # One after the other: the runner of commands catches what the whole process prints.
        return [f"{who} · {name}: {wrong}" for name in ACTIONS for who in WHO if (wrong := knock(who, name))]

    wrong = await asyncio.to_thread(walk)
    for client in known.values():
        client.close()
    assert not wrong, "\n".join(wrong[:40])


async def test_actions_by_the_console(matrix: Matrix) -> None:
    """The console offers fewer actions than the API (the state decides too): nobody may do more there."""

    async def knock(who: str, name: str) -> str | None:
        action, caller = ACTIONS[name], matrix.callers[who]
        id = "" if action.creates else matrix.target(action.record.TYPE.name, who)  # type: ignore[attr-defined]
        path = f"/entity/{id}/act/{name}" if id else f"/new/{name}"
        may = expected(who, action.needs, creates=action.creates)
        if may or action.public:
            return None
        answer = await caller.console.post(path, data={"csrf": caller.csrf, "key": ""})
        to_door = answer.is_redirect and answer.headers["location"].startswith("/sign-in")
        if answer.status_code not in REFUSALS and not to_door:
            return f"{answer.status_code} {answer.headers.get('location', '')}"
        return "tells what it hides" if CANARY in _without(answer.text, path, id) else None

    await each(((w, a) for a in ACTIONS for w in WHO), knock)


# --- reading --------------------------------------------------------------------------------------------------------


def hidden(kind: EntityType) -> list[str]:
    """Declared fields that a stranger may not see."""
    return [n for n, s in kind.fields.items() if s.field.concealed or not (kind.info.public and s.field.public)]


def reads(kind: EntityType, id: str) -> list[tuple[str, str, dict[str, str]]]:
    """(door, path, parameters) of everything that shows entities of a type, also asked by what is hidden."""
    found = [
        ("get", f"/ngsi-ld/v1/entities/{id}", {}),
        ("list", "/ngsi-ld/v1/entities", {"type": kind.name, "count": "true", "limit": "1000"}),
        ("temporal", f"/ngsi-ld/v1/temporal/entities/{id}", {}),
        ("temporal list", "/ngsi-ld/v1/temporal/entities", {"type": kind.name}),
        ("type", f"/ngsi-ld/v1/types/{kind.name}", {}),
        ("words", f"/api/export/{kind.name}.jsonld", {"text": CANARY, "purpose": "thử"}),
        *((f"export {f}", f"/api/export/{kind.name}.{f}", {"purpose": "thử"}) for f in ("csv", "jsonld", "geojson")),
    ]
    for name in hidden(kind):
        spec = kind.fields[name]
        if not spec.field.observed:
            found.append((f"q {name}", "/ngsi-ld/v1/entities", {"type": kind.name, "q": name, "count": "true"}))
        if spec.field.indexed and not spec.field.observed:
            found.append((f"order {name}", f"/api/export/{kind.name}.csv", {"orderBy": name, "purpose": "thử"}))
            found.append((f"order {name}", "/ngsi-ld/v1/entities", {"type": kind.name, "orderBy": name}))
    for spec in kind.observed:
        path = "/api/observations/area-hours"
        hours = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z"}
        found.append((f"hours {spec.name}", path, {"type": kind.name, "attribute": spec.name, **hours}))
    if kind.info.place:
        near = {"georel": "near;maxDistance==5000", "geometry": "Point", "coordinates": "[106.65,11.05]"}
        found.append(("near", "/ngsi-ld/v1/entities", {"type": kind.name, "count": "true", **near}))
    return found


def pages(kind: EntityType, id: str) -> list[tuple[str, str, dict[str, str]]]:
    """The same for pages of the console."""
    found = [
        ("page", f"/entity/{id}", {}),
        ("list", f"/list/{kind.name}", {"count": "1"}),
        ("search", "/search", {"q": CANARY}),
        ("pick", f"/console/pick/{kind.name}", {"q": CANARY}),
        ("marks", f"/console/map/{kind.name}.json", {}),
        ("shapes", f"/console/map/{kind.name}.geojson", {}),
        ("popup", "/console/map/popup", {"id": id}),
        ("export", f"/export/{kind.name}.csv", {"purpose": "thử"}),
    ]
    found += [(f"series {s.name}", f"/console/series/{id}/{s.name}.json", {}) for s in kind.observed]
    return found


def _without(text: str, *asked: str) -> str:
    """An answer without what the question said itself: an error names what was asked for."""
    for one in asked:
        for echo in (one, quote(one), quote(one, safe=""), one.replace("&", "&amp;")):
            text = text.replace(echo, "") if echo else text
    return text


def _leak(answer: httpx.Response, kind: EntityType, id: str, params: dict[str, str]) -> str | None:
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:300]}"
    said = _without(answer.text, id, *(v for k, v in params.items() if k in ("q", "text")))
    if CANARY in said:
        at = said.index(CANARY)
        return f"{answer.status_code} shows {said[max(0, at - 200) : at + 80]!r}"
    number = int(answer.headers.get("ngsild-results-count", "0"))
    if answer.is_success and number and not kind.info.public:
        return f"counts {number}"
    return None


@pytest.mark.parametrize("door", ["api", "console"])
async def test_reading_shows_nothing_hidden(matrix: Matrix, door: str) -> None:
    async def knock(who: str, kind_name: str) -> str | None:
        kind, caller = TYPES[kind_name], matrix.callers[who]
        id = matrix.target(kind_name, who)
        wrong = []
        # The others hold as little as a stranger and a neighbour: a few doors show that they do.
        some = slice(None) if who in ("stranger", "neighbour") else slice(4 if door == "api" else 2)
        asked = reads(kind, id) if door == "api" else pages(kind, id)
        for what, path, params in asked[some]:
            answer = await (caller.api if door == "api" else caller.console).get(path, params=params)
            found = _leak(answer, kind, id, params)
            if found is None and what.startswith(("q ", "order ")) and answer.is_success and kind.info.public:
                # A public type may be asked, and not by what is hidden.
                empty = answer.text in ("[]", "[]\n") or len(answer.text.splitlines()) <= 1
                found = None if empty else "a hidden field was asked by"
            if found:
                wrong.append(f"{what}: {found}")
        return "; ".join(wrong) or None

    await each(((w, t) for t in TYPES for w in REFUSED), knock)


async def test_roles_read_what_they_hold(matrix: Matrix) -> None:
    """The control of the test above: whoever holds the right is shown it, and personal fields only with theirs."""

    async def knock(who: str, kind_name: str) -> str | None:
        kind, id = TYPES[kind_name], matrix.targets[kind_name, MINE]
        answer = await matrix.callers[who].api.get(f"/ngsi-ld/v1/entities/{id}")
        may = expected(who, f"{kind.noun}.read")
        if answer.is_success != (may or (kind.info.public and kind.info.public_where is None)):
            return f"{answer.status_code}, {'may' if may else 'may not'} read"
        personal = {n for n, s in kind.fields.items() if s.field.personal}
        shown = personal & answer.json().keys() if answer.is_success else set()
        if shown and not expected(who, f"{kind.noun}.personal"):
            return f"sees {sorted(shown)}"
        if shown & {n for n, s in kind.fields.items() if s.field.concealed}:
            return "sees what is concealed"
        wrong = []
        for name in personal:
            asked = await matrix.callers[who].api.get(
                "/ngsi-ld/v1/entities", params={"type": kind_name, "q": name, "count": "true"}
            )
            allowed = expected(who, f"{kind.noun}.personal") and not kind.fields[name].field.concealed
            if asked.is_success and not allowed and asked.headers.get("ngsild-results-count") != "0":
                wrong.append(f"may ask by {name}")
        words = await matrix.callers[who].api.get(
            f"/api/export/{kind_name}.csv", params={"text": CANARY, "purpose": "thử"}
        )
        searched = [n for n, s in kind.fields.items() if s.field.search and not (kind.info.public and s.field.public)]
        only_personal = bool(searched) and all(kind.fields[n].field.personal for n in searched)
        if words.is_success and only_personal and not expected(who, f"{kind.noun}.personal"):
            wrong += [f"finds by personal words {searched}"] if id in words.text else []
        return "; ".join(wrong) or None

    await each(((w, t) for t in TYPES for w in ROLES), knock)


# --- writing --------------------------------------------------------------------------------------------------------


def writes(kind: EntityType, id: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(verb, method, path, options) of what changes an entity that exists; each of it is refused for another reason
    to whoever may do it, or changes nothing."""
    return [
        ("change", "PATCH", f"/ngsi-ld/v1/entities/{id}/attrs", {"json": {"ghiChu": 1}}),
        ("change", "PATCH", f"/ngsi-ld/v1/entities/{id}", {"json": {"ghiChu": 1}}),
        ("change", "PUT", f"/ngsi-ld/v1/entities/{id}", {"json": {"id": id, "type": kind.name}}),
        ("change", "DELETE", f"/ngsi-ld/v1/entities/{id}/attrs/{next(iter(kind.fields))}", {}),
        ("delete", "DELETE", f"/ngsi-ld/v1/entities/{id}", {}),
    ]


async def test_writing_is_refused(matrix: Matrix) -> None:
    before = await _versions(matrix.product)

    async def knock(who: str, kind_name: str) -> str | None:
        kind, caller, id = TYPES[kind_name], matrix.callers[who], matrix.target(kind_name, who)
        wrong = []
        for verb, method, path, options in writes(kind, id):
            answer = await caller.api.request(method, path, **options)
            if answer.status_code not in REFUSALS:
                wrong.append(f"{verb} {method}: {answer.status_code} {answer.text[:120]}")
        body = {**callers.body_of(kind, MINE), "id": f"urn:ngsi-ld:{kind_name}:matrix-new-{who.replace(' ', '-')}"}
        if who != "neighbour":  # who may make something of the own agency's
            made = await caller.api.post("/ngsi-ld/v1/entities", json=body)
            if made.status_code not in REFUSALS:
                wrong.append(f"create: {made.status_code} {made.text[:120]}")
        for spec in kind.observed[:1]:
            value: Any = spec.field.values[0] if spec.field.values else 1 if spec.value != "text" else "x"
            batch = {"type": kind_name, "attribute": spec.name, "entity": [id], "value": [value],
                     "observedAt": ["2026-11-01T00:00:00Z"]}  # fmt: skip
            sent = await caller.api.post("/api/observations", json=batch)
            if sent.status_code not in REFUSALS and sent.json().get("accepted", 0):
                wrong.append(f"observe: {sent.status_code} {sent.text[:120]}")
        return "; ".join(wrong) or None

    await each(((w, t) for t in TYPES for w in REFUSED), knock)
    for role in ROLES:
        for kind in list(TYPES.values()):
            if not expected(role, f"{kind.noun}.delete"):
                answer = await matrix.callers[role].api.delete(
                    f"/ngsi-ld/v1/entities/{matrix.targets[kind.name, MINE]}"
                )
                assert answer.status_code in REFUSALS, (role, kind.name, answer.text)
    assert await _versions(matrix.product) == before


async def _versions(product: Product) -> dict[str, int]:
    async def ask(connection: Any) -> dict[str, int]:
        rows = await connection.fetch("SELECT id, version FROM entity WHERE id LIKE '%matrix-%'")
        return {row["id"]: row["version"] for row in rows}

    return await product.database(ask)


async def test_an_import_writes_no_more_than_its_caller_may(matrix: Matrix) -> None:
    """A file that would change what belongs to another agency: refused as a whole, or row by row."""
    before = await _versions(matrix.product)

    async def knock(who: str, kind_name: str) -> str | None:
        kind, caller = TYPES[kind_name], matrix.callers[who]
        field = next((n for n, s in kind.fields.items() if s.value == "text" and not s.field.values
                      and not s.field.observed and not s.field.concealed and not s.many), None)  # fmt: skip
        if field is None:
            return None
        id = matrix.target(kind_name, who)
        sent = await caller.api.post("/api/imports", params={"name": "x.csv", "type": kind_name},
                                     content=f"id,ten\n{id},đổi\n".encode())  # fmt: skip
        if sent.status_code in REFUSALS:
            return None
        if sent.status_code != 201:
            return f"{sent.status_code} {sent.text[:200]}"
        mapping = {"type": kind_name, "format": "csv", "id": {"column": "id"}, "fields": {field: {"column": "ten"}}}
        number = sent.json()["id"]
        set_ = await caller.api.put(f"/api/imports/{number}/mapping", json=mapping)
        if set_.is_success:
            await caller.api.post(f"/api/imports/{number}/start")
            for _ in range(100):
                state = (await caller.api.get(f"/api/imports/{number}")).json()
                if not state.get("running"):
                    break
                await asyncio.sleep(0.05)
        return None

    some = ("Report", "Device", "Person")
    cells = [(w, t) for t in TYPES for w in REFUSED if w == "neighbour" or t in some]
    await each(cells, knock)
    assert await _versions(matrix.product) == before


# --- subscriptions --------------------------------------------------------------------------------------------------


class _Ear(BaseHTTPRequestHandler):
    heard: list[tuple[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append((self.path, json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


async def test_subscribers_are_told_no_more(matrix: Matrix) -> None:
    """Everybody subscribes to every type, and by every hidden field; then everything changes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Ear)
    server.heard = []  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    ear = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        async with matrix.product.http() as root:

            async def subscribe(who: str, client: httpx.AsyncClient, type: str, **more: Any) -> int:
                told = {"endpoint": {"uri": f"{ear}/{who.replace(' ', '-')}/{type}"}}
                body = {"type": "Subscription", "entities": [{"type": type}], "notification": told, **more}
                return (await client.post("/ngsi-ld/v1/subscriptions", json=body)).status_code

            async def all_of(who: str, kind_name: str) -> str | None:
                kind, caller = TYPES[kind_name], matrix.callers[who]
                status = await subscribe(who, caller.api, kind_name)
                for name in hidden(kind)[:3] if who in ("neighbour", "viewer") else ():
                    await subscribe(who, caller.api, kind_name, q=name)
                    await subscribe(who, caller.api, kind_name, watchedAttributes=[name])
                return f"{status}" if who in UNSIGNED and status < 400 else None

            await each(((w, t) for t in TYPES for w in (*REFUSED, "viewer")), all_of)
            for type in TYPES:
                assert await subscribe("control", root, type) == 201
            # What actions alone may write is written by nobody here.
            targets = [
                (t, id) for (t, agency), id in matrix.targets.items() if agency == MINE and not TYPES[t].info.by_actions
            ]
            for type, id in targets:
                kind = TYPES[type]
                body = callers.body_of(kind, MINE)
                changed = _other({n: v for n, v in body.items() if n in hidden(kind)}) or {
                    "ghiChu": {"type": "Property", "value": f"{CANARY} mới"}
                }
                answer = await root.post(f"/ngsi-ld/v1/entities/{id}/attrs", json=changed)
                assert answer.status_code in (204, 207), (type, answer.text)
            wanted = {f"/control/{type}" for type, _ in targets}
            try:
                await until(lambda: wanted <= {p for p, _ in server.heard}, "all are told", timeout_s=60)  # type: ignore[attr-defined]
            except TimeoutError:
                raise AssertionError(sorted(wanted - {p for p, _ in server.heard})) from None  # type: ignore[attr-defined]
            await asyncio.sleep(1)
    finally:
        server.shutdown()
        server.server_close()
    for path, body in server.heard:  # type: ignore[attr-defined]
        who, type = path.split("/")[1:3]
        said = json.dumps(body, ensure_ascii=False)
        if who == "viewer":
            personal = {n for n, s in TYPES[type].fields.items() if s.field.personal}
            assert not personal & {n for one in body["data"] for n in one}, (path, said)
        elif who != "control":
            assert CANARY not in said, (path, said)
            assert TYPES[type].info.public, (path, said)


def _other(body: dict[str, Any]) -> dict[str, Any]:
    """The same with texts that differ."""
    return {
        name: {**one, "value": f"{one['value']} mới"} for name, one in body.items()
        if isinstance(one, dict) and CANARY in str(one.get("value"))
    }  # fmt: skip


# --- devices --------------------------------------------------------------------------------------------------------


class _Knocker:
    """A client of MQTT. answer: what it was told when it connected; empty until then."""

    def __init__(self, product: Product, login: str, secret: str) -> None:
        self.answer: list[bool] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=login or "stranger")
        if login:
            self._client.username_pw_set(login, secret)
        self._client.on_connect = lambda *args: self.answer.append(not args[3].is_failure)
        self._client.connect_async(product.settings.mqtt_host, product.settings.mqtt_port, keepalive=30)
        self._client.loop_start()

    def send(self, login: str, attribute: str) -> None:
        """A reading, under the topic of a login."""
        message = json.dumps({attribute: 1, "observedAt": "2026-11-02T00:00:00Z"})
        self._client.publish(f"devices/{login}/data", message, qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def test_devices_speak_for_themselves_alone(matrix: Matrix) -> None:
    """By MQTT strangers, people's tokens and withdrawn credentials are refused; another device's name is not heard."""
    product = matrix.product
    kinds = {
        t: k.observed[0].name
        for t, k in TYPES.items()
        if k.observed
        and k.observed[0].value == "number"
        and t != "Device"
        and matrix.targets[t, MINE].isascii()  # what is not open to everybody has a name here that no device can have
    }
    mine = {t: matrix.targets[t, MINE] for t in kinds}
    given = dict(zip(kinds, await product.issue(list(mine.values())), strict=True))
    revoked, other = await product.issue([matrix.targets["Device", MINE], matrix.targets["Device", callers.GONE]])

    async def revoke(connection: Any) -> None:
        await connection.execute("UPDATE device_credential SET revoked_at = now() WHERE login = $1", revoked.login)

    await product.database(revoke)
    tokens = {w: matrix.callers[w].token for w in ("neighbour", "expired role", "revoked token", "dissolved agency")}
    knockers = {
        "stranger": _Knocker(product, "", ""),
        "withdrawn credential": _Knocker(product, revoked.login, revoked.secret),
        **{w: _Knocker(product, given["WeatherObserved"].login, t) for w, t in tokens.items()},
        "device": _Knocker(product, other.login, other.secret),
    }
    try:
        await until(lambda: all(k.answer for k in knockers.values()), "all were answered", timeout_s=60)
        assert {w for w, k in knockers.items() if k.answer[0]} == {"device"}
        for type, attribute in kinds.items():
            knockers["device"].send(given[type].login, attribute)
        honest = "WeatherObserved"
        knockers["honest"] = _Knocker(product, given[honest].login, given[honest].secret)
        await until(lambda: bool(knockers["honest"].answer), "the rightful device is answered", timeout_s=60)
        assert knockers["honest"].answer == [True]
        knockers["honest"].send(given[honest].login, kinds[honest])
        at = datetime(2026, 11, 2, tzinfo=UTC)
        span = Span(entities=list(mine.values()), start=at, end=at + timedelta(seconds=1))

        async def heard() -> list[str]:
            found = await asyncio.to_thread(product.lake.read, span)
            return list(found["entity"].to_pylist())

        async def is_heard() -> bool:
            return mine[honest] in await heard()

        await until(is_heard, "the rightful device is heard", timeout_s=60, pause_s=0.2)
        await product.written()
        assert await heard() == [mine[honest]]
    finally:
        for one in knockers.values():
            await asyncio.to_thread(one.close)
