"""Who knocks at the doors of the rights matrix, and what they knock for: everything is made from the declarations.

A target is one entity of a declared type. Every text that strangers may not see holds `CANARY`, and so does its id
where the type has no public view: what a door says to somebody must not hold it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx

from province.app.declarations import declarations
from province.broker.database import Connection
from province.identity import accounts, policy, roles, sessions, tokens
from province.identity.passwords import Passwords
from province.identity.roles import CORE
from province.model.actor import system
from province.model.schema import EntityType, FieldSpec
from province.model.time import CIVIL_ZONE, now
from tests.product import Product, form_token

CANARY: Final = "sơncakhuất"
PLACE: Final = {"type": "Point", "coordinates": [106.65, 11.05]}
MINE, NEXT, GONE = (f"urn:ngsi-ld:Agency:owner-{name}" for name in ("mine", "next", "gone"))
REFUSED: Final = ("stranger", "neighbour", "expired role", "revoked token", "dissolved agency")
"""Those who hold every permission somewhere or once, and none here and now."""
UNSIGNED: Final = ("stranger", "revoked token")
TYPES: Final[Mapping[str, EntityType]] = declarations().types
ACTIONS: Final = {a.name: a for p in declarations().packs for a in p.actions}
ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    name: (*given, *declarations().roles.get(name, ())) for name, (_, given) in CORE.items()
}


@dataclass(slots=True, repr=False)
class Caller:
    """Somebody with a token for programs and a cookie of the console; "" for none."""

    name: str
    token: str = ""
    cookie: str = ""
    account: str = ""
    api: httpx.AsyncClient = field(init=False)
    console: httpx.AsyncClient = field(init=False)
    csrf: str = ""


@dataclass(slots=True, repr=False)
class Matrix:
    """A running product with callers and targets. targets: by (type, agency)."""

    product: Product
    callers: dict[str, Caller] = field(default_factory=dict)
    targets: dict[tuple[str, str], str] = field(default_factory=dict)

    def target(self, type: str, caller: str) -> str:
        """What the caller reaches for: what belongs to the agency in which they held, or hold, their rights."""
        return self.targets[type, GONE if caller == "dissolved agency" else MINE]


def expected(caller: str, permission: str, *, creates: bool = False) -> bool:
    """May the caller do it to what belongs to MINE (or, creating, to something of the own agency)?"""
    if caller in ROLES:
        return any(policy.matches(pattern, permission) for pattern in ROLES[caller])
    return creates and caller == "neighbour"


def body_of(kind: EntityType, agency: str) -> dict[str, Any]:
    """An entity of a type as NGSI-LD, with every field that a caller may write and no machine measures."""
    mark = agency.rpartition("-")[2]
    hidden = "" if kind.info.public else f"-{CANARY}"
    body: dict[str, Any] = {"id": f"urn:ngsi-ld:{kind.name}:matrix-{mark}{hidden}", "type": kind.name}
    workflow = kind.info.workflow.attribute if kind.info.workflow else ""
    for name, spec in kind.fields.items():
        if spec.field.observed or spec.field.concealed or name == workflow:
            continue
        value = value_of(spec, mark)
        if kind.info.public_where is not None and kind.info.public_where[0] == name:
            value = None  # it is not published
        if value is not None:
            body[name] = value
    return body


def value_of(spec: FieldSpec, mark: str) -> Any:
    """A value that fits the declaration; None where none is made."""
    if spec.many and not spec.required:
        return None
    made: Any
    if spec.value == "relationship":
        return {"type": "Relationship", "object": f"urn:ngsi-ld:{spec.field.ref}:matrix-none"}
    if spec.value == "geometry":
        return {"type": "GeoProperty", "value": PLACE}
    if spec.value == "json":
        return None if not spec.required else {"type": "JsonProperty", "json": {}}
    if spec.value == "boolean":
        made = False
    elif spec.value == "instant":
        made = {"@type": "DateTime", "@value": "2026-11-01T00:00:00Z"}
    elif spec.value in ("number", "integer"):
        least = spec.field.minimum if spec.field.minimum is not None else 1
        made = int(least) + 1 if spec.field.maximum is None or least + 1 <= spec.field.maximum else least
        made += mark == "gone" and (spec.field.maximum is None or made + 1 <= spec.field.maximum)
    elif spec.field.values:
        made = spec.field.values[0]
    elif "valid" in spec.name.lower() or "date" in spec.name.lower() or spec.name in ("effective", "since"):
        made = "2026-11-01" if spec.required else None
    else:
        made = f"matrix {mark}" if spec.field.public else f"{CANARY} {mark}"
    if made is None:
        return None
    return {"type": "Property", "value": [made] if spec.many else made}


async def prepare(product: Product) -> Matrix:
    """Agencies, callers and targets."""
    matrix = Matrix(product)
    actor = system(product.settings.tenant, "matrix")
    tenant = product.settings.tenant
    today = now().astimezone(CIVIL_ZONE).date()
    async with product.http() as client:
        for id in (MINE, NEXT, GONE):
            ended = {"validTo": (today - timedelta(days=2)).isoformat()} if id == GONE else {}
            made = await client.post("/ngsi-ld/v1/entities", json={
                "id": id, "type": "Agency", "identifier": id[-20:], "name": id[-20:], "kind": "other",
                "validFrom": "2025-07-01", **ended,
            })  # fmt: skip
            assert made.status_code == 201, made.text
        for kind in TYPES.values():
            for agency in (MINE, GONE):
                body = body_of(kind, agency)
                if kind.info.by_actions:  # nobody may write it as it is: it comes as another type, and is renamed below
                    body = {**body, "type": SEED}
                made = await client.post("/ngsi-ld/v1/entities", json=body)
                assert made.status_code == 201, (kind.name, made.text)
                matrix.targets[kind.name, agency] = body["id"]

    hasher = Passwords()

    async def write(connection: Connection) -> None:
        for (name, agency), id in matrix.targets.items():
            await connection.execute("UPDATE entity SET agency = $1, type = $3 WHERE id = $2", agency, id, name)

        async def make(name: str, role: str, agency: str | None, **validity: Any) -> None:
            login = f"matrix-{name}".replace(" ", "-")
            account = await accounts.create(connection, actor, hasher, login=login, name=name, agency=agency)
            await roles.grant(connection, actor, account.id, role, agency=agency, **validity)
            token = await tokens.create(connection, actor, account.id, name=login)
            opened = await sessions.open_session(connection, tenant, account.id)
            matrix.callers[name] = Caller(name, token, opened.cookie, account.id)

        matrix.callers["stranger"] = Caller("stranger")
        await make("neighbour", "administrator", NEXT)
        long_ago = {"since": now() - timedelta(days=3), "until": now() - timedelta(days=1)}
        await make("expired role", "administrator", None, **long_ago)
        await make("dissolved agency", "administrator", GONE)
        await make("revoked token", "administrator", None)
        for table in ("token", "session"):
            await connection.execute(
                f"UPDATE {table} SET revoked_at = now() WHERE account::text = $1",
                matrix.callers["revoked token"].account,
            )
        for name in ROLES:
            await make(name, name, MINE)

    try:
        await product.database(write)
    finally:
        hasher.close()
    # Every call of a stranger comes from another address, as a proxy tells it: what is limited is each address. And a
    # connection that lies idle is not used again, for the server may be about to close it.
    options: dict[str, Any] = {
        "limits": httpx.Limits(keepalive_expiry=1.0), "event_hooks": {"request": [_from_elsewhere]}, "timeout": 60,
    }  # fmt: skip
    for caller in matrix.callers.values():
        caller.api = product.http(caller.token, **options)
        caller.console = product.http("", cookies={"session": caller.cookie} if caller.cookie else {}, **options)
        page = await caller.console.get("/report")
        caller.csrf = form_token(page.text)
    return matrix


SEED = "MatrixSeed"
_addresses = itertools.count()


async def _from_elsewhere(request: httpx.Request) -> None:
    n = next(_addresses)
    request.headers["X-Forwarded-For"] = f"198.18.{n // 256 % 256}.{n % 256}"


async def close(matrix: Matrix) -> None:
    """Hang up."""
    await asyncio.gather(*(c.aclose() for one in matrix.callers.values() for c in (one.api, one.console)))
