"""Foreign messages by way of a pack's feed: decoded by pure pack code, applied change by change, readings observed.

A message that cannot be decoded, a part that is not understood, and every change that is refused, is kept as a dead
letter; the rest goes on.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from province.broker import deadletter
from province.broker.broker import Broker, ParametersAt
from province.broker.observe import Observer
from province.errors import DecodeError, NotFound, ProvinceError, TooLarge, Unsupported
from province.identity import policy
from province.model.actor import Actor, system
from province.model.change import Change, Changed
from province.model.observation import Acknowledged
from province.model.time import now
from province.pack import Context, Decoded, Feed, Pack

MAX_CHANGES = 10_000


@dataclass(frozen=True, slots=True)
class Refused:
    """A change that was not carried out, or a part that was not understood (id: empty): it is a dead letter."""

    id: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one message. observed: None when it brought no readings."""

    changed: tuple[Changed, ...]
    refused: tuple[Refused, ...]
    observed: Acknowledged | None = None


class Feeds:
    """All feeds of all packs, by name."""

    def __init__(self, broker: Broker, observer: Observer, packs: Sequence[Pack], parameters: ParametersAt) -> None:
        self._broker = broker
        self._observer = observer
        self._parameters = parameters
        self.by_name: Mapping[str, tuple[Pack, Feed]] = {f.name: (p, f) for p in packs for f in p.feeds}

    async def take(self, name: str, payload: bytes, media_type: str, actor: Actor, *, key: str | None = None) -> Taken:
        """Take in one message. key: idempotency key; the same message sent again with it changes nothing.

        Raises: NotFound, NotSignedIn, NotAllowed, Unsupported (media type), DecodeError (the message is kept),
        TooLarge, Unavailable.
        """
        found = self.by_name.get(name)
        if found is None:
            raise NotFound(f"there is no feed {name[:60]!r}.", field="feed")
        pack, feed = found
        policy.require_somewhere(actor, feed.needs)
        if media_type not in feed.media_types:
            raise Unsupported(
                f"{media_type[:80]!r} is not read by {name}.", remedy=f"Send {' or '.join(feed.media_types)}."
            )
        at = now()
        agency = next((g.agency for g in actor.grants if g.agency), None)
        context = Context(
            now=at, params=self._parameters(pack.name, at), actor=actor.id, agency=agency, nonce=secrets.token_hex(32)
        )
        try:
            decoded = _decode(feed, payload, context)
        except DecodeError as error:
            await self._bury(actor, name, media_type, payload, error)
            raise
        if len(decoded.changes) > MAX_CHANGES:
            raise TooLarge(f"{len(decoded.changes)} changes in one message.", remedy=f"At most {MAX_CHANGES}.")
        # The right to use the feed is the right to what it brings; the sender stays in the audit as the cause.
        sender = msgspec.structs.replace(
            system(actor.tenant, f"feed {name}"), id=actor.id, purpose=actor.purpose, request=actor.request,
            address=actor.address,
        )  # fmt: skip
        changed: list[Changed] = []
        refused: list[Refused] = []
        for part in decoded.unread:
            why = DecodeError(part.reason, field=part.field)
            refused.append(Refused("", part.field, str(why)))
            await self._bury(actor, name, media_type, part.payload, why)
        for change, answer in zip(
            decoded.changes, await self._broker.apply_each(decoded.changes, sender, key=key), strict=True
        ):
            if isinstance(answer, ProvinceError):
                refused.append(Refused(change.id, answer.field or "", str(answer)))
                await self._bury(actor, name, "application/json", _shown(change), answer)
            else:
                changed.append(answer)
        observed = None
        if decoded.observations is not None and decoded.observations.num_rows:
            observed = await self._observer.observe(decoded.observations, sender, source=f"feed-{name}", key=key)
        return Taken(tuple(changed), tuple(refused), observed)

    async def _bury(self, actor: Actor, name: str, media_type: str, payload: bytes, error: ProvinceError) -> None:
        letter = deadletter.Letter(
            tenant=actor.tenant,
            door=f"feed {name}",
            source=actor.id,
            media_type=media_type,
            payload=payload,
            field=error.field or "",
            reason=str(error),
        )
        await deadletter.bury(self._broker.pool, [letter])


def _decode(feed: Feed, payload: bytes, context: Context) -> Decoded:
    try:
        return feed.decode(payload, context=context)
    except RecursionError:  # any format that nests can do this to any decoder
        raise DecodeError("the message is nested too deeply.", field="body", remedy="Flatten it.") from None


def _shown(change: Change) -> bytes:
    return msgspec.json.encode(change)
