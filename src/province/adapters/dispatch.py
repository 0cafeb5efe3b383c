"""The outbox of mail and SMS: what notices send out of the house, each message once as far as the protocols permit.

A message is a row before it is anything else, so no killed process loses one. A process takes a row for a while, hands
it to the carrier and writes down what came of it; if it dies in between, another takes the row when that while is over
and sends it again with the same identity. Then the counterpart decides: an SMS gateway that honours `Idempotency-Key`
sends it once; of mail, SMTP cannot exclude a second copy when we died between the server's answer and our note, and
the copies carry one `Message-ID` by which mail readers know them for the same.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources
from string import Template
from typing import Final, Literal, Protocol

import asyncpg

from province.broker.database import LOST, Connection, Pool
from province.broker.subscriptions.delivery import Refused
from province.errors import NotFound, ProvinceError
from province.model.label import Label
from province.model.text import nfc
from province.pack import Notice

log = logging.getLogger(__name__)

Way = Literal["mail", "sms"]
WAYS: Final[tuple[Way, ...]] = ("mail", "sms")
DIRECT: Final[Mapping[str, Way]] = {"mailto": "mail", "tel": "sms"}
"""Schemes of a notice's `to` that name an address instead of an inbox."""
ATTEMPTS: Final = 8
FIRST_PAUSE: Final = timedelta(seconds=20)
LEASE: Final = timedelta(minutes=2)
"""How long a message belongs to the process that took it; longer than any carrier waits."""
STALE: Final = timedelta(days=7)
"""A message that had no carrier for so long is given up: its news is old."""
EVERY_S: Final = 1.0
SMS_LONGEST: Final = 400
_AT_ONCE: Final = 8
_ADDRESSES: Final = 50
_SPACE: Final = uuid.UUID("0b6d7c1e-5d0d-4b7e-8a56-3c0f2f8f6c55")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message ready to leave. id: its identity at the counterpart."""

    id: uuid.UUID
    address: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What the carrier says of a message that it took. simulated: nothing left the house."""

    reference: str = ""
    simulated: bool = False


class Carrier(Protocol):
    """A way out. Raises: Refused for good; Unavailable, or another of our errors, to be tried again."""

    async def send(self, message: Outgoing) -> Taken: ...


async def enqueue(connection: Connection, tenant: str, notice: Notice, event_id: str) -> int:
    """Put the messages of a notice into the outbox; those that are there already stay. Returns how many are new."""
    found = await _addresses(connection, tenant, notice)
    if not found:
        return 0
    rows = await connection.fetch(
        "INSERT INTO dispatch (tenant, id, way, address, recipient, subject_vi, subject_en, body_vi, body_en, language,"
        " about) SELECT $1, u.id, u.way, u.address, $5, $6, $7, $8, $9, $10, $11"
        " FROM unnest($2::uuid[], $3::text[], $4::text[]) AS u (id, way, address)"
        " ON CONFLICT (tenant, id) DO NOTHING RETURNING id",
        tenant,
        [uuid.uuid5(_SPACE, f"{tenant} {event_id} {way} {address}") for way, address in found],
        [way for way, _ in found],
        [address for _, address in found],
        "" if notice.to.partition(":")[0] in DIRECT else notice.to,
        nfc(notice.subject.vi),
        nfc(notice.subject.en),
        nfc(notice.body.vi),
        nfc(notice.body.en),
        notice.language,
        notice.about,
    )
    return len(rows)


async def _addresses(connection: Connection, tenant: str, notice: Notice) -> list[tuple[Way, str]]:
    scheme, _, address = notice.to.partition(":")
    if scheme in DIRECT:
        return [(DIRECT[scheme], address.strip())]
    wanted = [way for way in WAYS if way in notice.channels]
    if not wanted:
        return []
    rows = await connection.fetch(
        "SELECT email, phone FROM account WHERE tenant = $1 AND (id::text = $2 OR agency = $2)"
        " AND disabled_at IS NULL AND kind = 'person' ORDER BY login_folded LIMIT $3",
        tenant,
        notice.to,
        _ADDRESSES,
    )
    columns: Mapping[Way, str] = {"mail": "email", "sms": "phone"}
    return list(dict.fromkeys((way, row[columns[way]]) for way in wanted for row in rows if row[columns[way]]))


class Dispatcher:
    """Sends what waits. Run with `run()` until cancelled; any number of processes may."""

    def __init__(self, pool: Pool, carriers: Mapping[Way, Carrier], *, site: Label, url: str = "") -> None:
        """carriers: the ways that are set up.  site, url: name and public address of the installation."""
        self._pool = pool
        self._carriers = dict(carriers)
        self._site = site
        self._url = url.rstrip("/")

    async def run(self) -> None:
        """Send until cancelled; a lost database is waited for."""
        while True:
            try:
                if not await self.step():
                    await asyncio.sleep(EVERY_S)
            except (*LOST, asyncpg.PostgresError) as error:
                log.warning("mail and SMS wait", extra={"error": repr(error)})
                await asyncio.sleep(EVERY_S)

    async def step(self) -> int:
        """Send what is due now. Returns how many messages were tried."""
        async with self._pool.acquire() as connection:
            await connection.execute(
                "UPDATE dispatch SET state = 'open',"
                " reason = 'no way out was set up: see PROVINCE_SMTP and PROVINCE_SMS'"
                " WHERE state = 'waiting' AND way <> ALL($1::text[]) AND due < now() AND at < now() - $2::interval",
                list(self._carriers),
                STALE,
            )
            rows = await connection.fetch(
                "UPDATE dispatch d SET state = 'sending', attempts = attempts + 1, due = now() + $2::interval FROM"
                " (SELECT tenant, id FROM dispatch WHERE state IN ('waiting', 'sending') AND way = ANY($1::text[])"
                "  AND due <= now() ORDER BY due LIMIT $3 FOR UPDATE SKIP LOCKED) t"
                " WHERE d.tenant = t.tenant AND d.id = t.id RETURNING d.*",
                list(self._carriers),
                LEASE,
                _AT_ONCE,
            )
        await asyncio.gather(*(self._send(row) for row in rows))
        return len(rows)

    async def _send(self, row: asyncpg.Record) -> None:
        way: Way = row["way"]
        try:
            taken = await self._carriers[way].send(self.message(row))
        except Refused as refusal:
            await self._note(row, "open", str(refusal))
        except ProvinceError as error:
            if row["attempts"] >= ATTEMPTS:
                await self._note(row, "open", f"given up after {row['attempts']} attempts: {error}")
            else:
                await self._note(row, "waiting", str(error), pause=FIRST_PAUSE * 2 ** (row["attempts"] - 1))
        except Exception as error:
            log.exception("a message could not be made", extra={"message_id": str(row["id"])})
            await self._note(row, "open", f"{type(error).__name__}: {error}")
        else:
            await self._note(row, "simulated" if taken.simulated else "sent", "", reference=taken.reference)

    async def _note(
        self, row: asyncpg.Record, state: str, reason: str, *, pause: timedelta = timedelta(), reference: str = ""
    ) -> None:
        async with self._pool.acquire() as connection:
            # Only what is still this attempt's: a lease that ran out belongs to the next one.
            await connection.execute(
                "UPDATE dispatch SET state = $3, reason = $4, due = now() + $5::interval, reference = $6,"
                " sent_at = CASE WHEN $3 IN ('sent', 'simulated') THEN now() END"
                " WHERE tenant = $1 AND id = $2 AND state = 'sending' AND attempts = $7",
                row["tenant"],
                row["id"],
                state,
                reason[:1000],
                pause,
                reference[:200],
                row["attempts"],
            )

    def message(self, row: Mapping[str, object] | asyncpg.Record) -> Outgoing:
        """The message of a row, in its language, or in both: Vietnamese first."""
        languages = [str(row["language"])] if row["language"] in ("vi", "en") else ["vi", "en"]
        if row["way"] == "sms":
            languages = languages[:1]
        link = f"{self._url}/entity/{row['about']}" if self._url and row["about"] and row["recipient"] else ""
        parts = [
            letter(
                f"{row['way']}.{language}",
                subject=str(row[f"subject_{language}"]),
                body=str(row[f"body_{language}"]),
                link=link,
                site=self._site.in_(language),
            )
            for language in languages
        ]
        same = row["subject_vi"] == row["subject_en"]
        text = parts[0] if same else "\n\n".join(parts)
        if row["way"] == "sms":
            text = " ".join(text.split())[:SMS_LONGEST]
        subject = str(row[f"subject_{languages[0]}"])
        id = row["id"]
        assert isinstance(id, uuid.UUID)
        return Outgoing(id, str(row["address"]), _CONTROL.sub(" ", subject), text)


def letter(template: str, **texts: str) -> str:
    """A text from a template in `adapters/letters`; what people wrote is put in as it is and never read as template."""
    filled = _template(template).substitute({k: v.strip() for k, v in texts.items()})
    return re.sub(r"\n{3,}", "\n\n", filled).strip() + "\n"


@cache
def _template(name: str) -> Template:
    return Template(resources.files("province.adapters").joinpath("letters", f"{name}.txt").read_text("utf-8"))


async def retry(where: Pool | Connection, tenant: str, id: uuid.UUID) -> None:
    """Let a message that was given up leave again, now. Raises: NotFound."""
    await _settle(where, tenant, id, "waiting")


async def dismiss(where: Pool | Connection, tenant: str, id: uuid.UUID) -> None:
    """Give a message up for good. Raises: NotFound."""
    await _settle(where, tenant, id, "dismissed")


async def _settle(where: Pool | Connection, tenant: str, id: uuid.UUID, state: str) -> None:
    found = await where.fetchval(
        "UPDATE dispatch SET state = $3, attempts = 0, due = now() WHERE tenant = $1 AND id = $2 AND state = 'open'"
        " RETURNING id",
        tenant,
        id,
        state,
    )
    if found is None:
        raise NotFound(
            "there is no such open message.", remedy="List the messages again: somebody may have settled it."
        )


async def recent(
    where: Pool | Connection, tenant: str, *, about: str = "", limit: int = 100
) -> Sequence[asyncpg.Record]:
    """The newest messages with what became of them; about: only those of one entity."""
    return await where.fetch(
        "SELECT id, way, address, recipient, subject_vi, subject_en, about, state, attempts, due, reason, reference,"
        " at, sent_at FROM dispatch WHERE tenant = $1 AND ($2 = '' OR about = $2) ORDER BY at DESC, id DESC LIMIT $3",
        tenant,
        about,
        limit,
    )


async def remove_old(where: Pool | Connection, *, keep_days: int = 90) -> int:
    """Remove what left or was given up long ago: addresses are personal. Returns how many."""
    status = await where.execute(
        "DELETE FROM dispatch WHERE state IN ('sent', 'simulated', 'dismissed')"
        " AND at < now() - make_interval(days => $1)",
        keep_days,
    )
    return int(status.split()[-1])
