"""What the HTTP door needs from the rest of the product, injected by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
from starlette.requests import Request

from province.adapters.studies.service import Studies
from province.adapters.tables.exports import Exports
from province.adapters.tables.imports import Imports
from province.api.contexts import Contexts
from province.broker.contexts import ContextStore
from province.broker.corrections import Said
from province.broker.departed import Departed
from province.broker.door import Acts, Remembers
from province.broker.entitymaps import EntityMaps
from province.broker.erasure import Erasures
from province.broker.feeds import Feeds
from province.broker.history import Instance
from province.broker.land import Land
from province.broker.measured import AreaHour
from province.broker.registrations import Registrations
from province.broker.snapshots import Snapshots
from province.broker.subscriptions.store import Store
from province.broker.withdrawals import Withdrawals
from province.errors import ProvinceError
from province.history import correction
from province.history.aggregate import Figures, Periods
from province.model.actor import Actor
from province.model.annex import AnnexView, ReportView
from province.model.change import Change, Changed
from province.model.entity import Attribute, Entity, Json, Kind, Origin
from province.model.evolution import TimeProperty
from province.model.observation import Acknowledged
from province.model.query import Page, Query
from province.model.schema import EntityType
from province.model.time import Instant
from province.pack import Action, Pack


class Door(Acts, Remembers, Protocol):
    """The part of the broker that this door uses. Every method checks the actor."""

    @property
    def types(self) -> Mapping[str, EntityType]: ...
    @property
    def actions(self) -> Mapping[str, tuple[Pack, Action]]: ...
    async def ask(self, query: Query, actor: Actor) -> Page: ...
    async def shown(self, entities: Sequence[Entity], actor: Actor) -> None: ...
    async def apply(
        self, changes: Sequence[Change], actor: Actor, *, key: str | None = None
    ) -> tuple[Changed, ...]: ...
    async def apply_each(self, changes: Sequence[Change], actor: Actor) -> list[Changed | ProvinceError]: ...
    async def aggregates(
        self,
        id: str,
        actor: Actor,
        periods: Periods,
        *,
        measured: Sequence[str],
        recorded: Sequence[str] | None,
        time_property: TimeProperty = "observedAt",
        datasets: Collection[str | None] = (),
        of: Departed | None = None,
    ) -> dict[str, tuple[Kind, Figures]]: ...
    async def departed(self, id: str, actor: Actor) -> Departed: ...
    async def observe(
        self, table: pa.Table, actor: Actor, *, key: str | None = None, source: str = "http"
    ) -> Acknowledged: ...
    async def instances(self, id: str, names: Sequence[str], actor: Actor) -> list[Instance]: ...
    async def withdraw(self, id: str, instances: Sequence[Instance], actor: Actor) -> None: ...
    async def amend(self, id: str, instance: Instance, attribute: Attribute, actor: Actor) -> None: ...
    async def require_change(self, entity: Entity, actor: Actor) -> None: ...
    async def attribute_use(self, name: str, actor: Actor, type: str = "") -> tuple[int, set[str]]: ...
    async def area_hours(
        self,
        type: str,
        attr: str,
        actor: Actor,
        *,
        start: Instant,
        end: Instant,
        origins: Collection[Origin] | None = None,
        stored: bool = True,
    ) -> Sequence[AreaHour]: ...
    async def correct(
        self,
        id: str,
        attribute: str | None,
        actor: Actor,
        *,
        kind: correction.Kind,
        at: Instant,
        until: Instant | None = None,
        dataset: str | None = "",
        value: Json = None,
        reason: str,
    ) -> Said: ...
    async def erase(self, id: str, actor: Actor, *, reason: str) -> Said: ...
    async def type_counts(self, actor: Actor) -> list[tuple[str, int, tuple[str, ...]]]: ...


@dataclass(frozen=True, slots=True)
class Annex:
    """Questions about the plan. day: a civil day, or empty for today. Every callable looks at the actor it is given."""

    view: Callable[[Actor, str], Awaitable[AnnexView]]
    report: Callable[[Actor, int], Awaitable[ReportView]]
    print: Callable[[ReportView, str], Awaitable[bytes]]
    """(report, language) → PDF."""


ReadObservations = Callable[[bytes, str], pa.Table]
"""(body, media type) → columns of `model.observation.SCHEMA`. Raises: DecodeError, TooLarge. It may run in a thread."""


@dataclass(frozen=True, slots=True)
class Services:
    """authenticate: who calls; raises NotSignedIn, RateLimited.

    contexts: of callers; built on a fetch that raises Unavailable with `field="@context"`.
    require_public: refuses a host of our own as the target of notifications.
    read_observations: decoder of `POST /api/observations`; observation_media: what it reads.
    """

    broker: Door
    authenticate: Callable[[Request], Awaitable[Actor]]
    contexts: Contexts
    context_store: ContextStore
    subscriptions: Store
    source_subscriptions: Store
    registrations: Registrations
    entity_maps: EntityMaps
    snapshots: Snapshots
    require_public: Callable[[str], Awaitable[None]]
    read_observations: ReadObservations
    feeds: Feeds
    imports: Imports | None = None
    exports: Exports | None = None
    studies: Studies | None = None
    observation_media: tuple[str, ...] = ("application/json",)
    max_body_bytes: int = 16 * 1024**2
    temporal_instances: int = 10_000
    public_url: str = ""
    source_id: str = "urn:ngsi-ld:ContextSource:province"
    zalo: Callable[[bytes, str, Actor], Actor] | None = None
    """(body, signature, stranger) → who acts for Zalo. Raises: NotAllowed, InvalidInput. None: not connected."""
    annex: Annex | None = None
    """None: the plan is not installed."""
    erasures: Erasures | None = None
    """None: a door without erasures."""
    withdrawals: Withdrawals | None = None
    """None: a door without consents."""
    territory: Land | None = None
    """None: a door without orders."""
