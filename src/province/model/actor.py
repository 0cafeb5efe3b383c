"""Who acts. Doors make an Actor once per request; everything below receives it as an argument."""

from __future__ import annotations

from typing import Literal

import msgspec

ActorKind = Literal["person", "service", "device", "system", "anonymous"]


class Grant(msgspec.Struct, frozen=True):
    """A role's permissions over an agency (None: all agencies of the tenant) and areas (empty: all).

    permissions: `noun.verb` or patterns `noun.*`, `*.verb`, `*`.  entities: not empty: these ids and nothing else.
    """

    role: str
    permissions: frozenset[str]
    agency: str | None = None
    areas: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """The caller of one request.

    id: stable account, device or job name.  purpose: why, as said by the caller.  request: id that ties log lines.
    address: where the request came from, for rate limits and the audit.
    """

    tenant: str
    id: str
    kind: ActorKind
    name: str = ""
    grants: tuple[Grant, ...] = ()
    purpose: str = ""
    request: str = ""
    address: str = ""
    session: str = ""


def system(tenant: str, name: str, *, cause: str = "") -> Actor:
    """The product itself at work: a rule, a job, an import started by the operator."""
    everything = Grant("system", frozenset(("*",)))
    return Actor(tenant=tenant, id=f"system:{name}", kind="system", name=name, grants=(everything,), request=cause)


def anonymous(tenant: str, *, address: str = "", request: str = "") -> Actor:
    """Somebody who has not signed in: sees what is marked public and nothing else."""
    return Actor(tenant=tenant, id="anonymous", kind="anonymous", address=address, request=request)
