"""Which subscriptions may be concerned by an entity: looked up by id, type and attribute, never by a scan of all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from province.broker.subscriptions.store import Kept
from province.model.entity import split_key


@dataclass(slots=True)
class _Shelves:
    """Subscriptions of a tenant by what they select."""

    by_id: dict[str, dict[str, Kept]] = field(default_factory=lambda: defaultdict(dict))
    by_type: dict[str, dict[str, Kept]] = field(default_factory=lambda: defaultdict(dict))
    by_attribute: dict[str, dict[str, Kept]] = field(default_factory=lambda: defaultdict(dict))
    rest: dict[str, Kept] = field(default_factory=dict)


class Index:
    """All subscriptions of all tenants. A selector with ids stands under its ids, else under its types; a
    subscription without selectors under its watched attributes."""

    def __init__(self) -> None:
        self._tenants: dict[str, _Shelves] = defaultdict(_Shelves)
        self._kept: dict[tuple[str, str], Kept] = {}
        self._periodic: dict[tuple[str, str], Kept] = {}

    def periodic(self) -> list[Kept]:
        """Those that are told at intervals."""
        return list(self._periodic.values())

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._kept.values())

    def get(self, tenant: str, id: str) -> Kept | None:
        """One subscription."""
        return self._kept.get((tenant, id))

    def put(self, kept: Kept) -> None:
        """Add a subscription, or put a changed one in place of the older."""
        self.remove(kept.tenant, kept.id)
        self._kept[kept.tenant, kept.id] = kept
        if kept.subscription.interval_s:
            self._periodic[kept.tenant, kept.id] = kept
            return
        for shelf, key in self._places(kept):
            shelf[key][kept.id] = kept
        if (not kept.subscription.selectors and not kept.subscription.watched) or any(
            s.types is None and not s.ids for s in kept.subscription.selectors
        ):
            self._tenants[kept.tenant].rest[kept.id] = kept

    def remove(self, tenant: str, id: str) -> None:
        """Forget a subscription, if it is known."""
        kept = self._kept.pop((tenant, id), None)
        if kept is None or self._periodic.pop((tenant, id), None) is not None:
            return
        self._tenants[tenant].rest.pop(id, None)
        for shelf, key in self._places(kept):
            shelf[key].pop(id, None)
            if not shelf[key]:
                del shelf[key]

    def _places(self, kept: Kept) -> Iterator[tuple[dict[str, dict[str, Kept]], str]]:
        shelves, subscription = self._tenants[kept.tenant], kept.subscription
        for selector in subscription.selectors:
            if selector.ids:
                for id in selector.ids:
                    yield shelves.by_id, id
            elif selector.types is not None:
                for name in {group[0] for group in selector.types.groups}:
                    yield shelves.by_type, name
        if not subscription.selectors:
            for name in subscription.watched:
                yield shelves.by_attribute, name

    def concerned(self, tenant: str, id: str, types: Iterable[str], keys: Iterable[str]) -> list[Kept]:
        """Candidates for a change of the attribute instances `keys` of an entity; each must still be checked."""
        shelves = self._tenants.get(tenant)
        if shelves is None:
            return []
        found: dict[str, Kept] = dict(shelves.rest)
        found.update(shelves.by_id.get(id, {}))
        for name in types:
            found.update(shelves.by_type.get(name, {}))
        if shelves.by_attribute:
            for name in {split_key(k)[0] for k in keys}:
                found.update(shelves.by_attribute.get(name, {}))
        return list(found.values())
