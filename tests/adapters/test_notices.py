from __future__ import annotations

from uuid import uuid4

import pytest

from province.adapters import notices
from province.errors import InvalidInput, NotFound
from province.identity.audit import Connection
from province.model.actor import Actor
from province.model.label import Label
from province.pack import Notice


async def _account(conn: Connection, tenant: str, agency: str | None) -> Actor:
    made = uuid4()
    await conn.execute(
        """INSERT INTO account (tenant, id, login, login_folded, name, kind, agency)
           VALUES ($1, $2, $3, $3, 'An', 'person', $4)""",
        tenant,
        made,
        made.hex,
        agency,
    )
    return Actor(tenant=tenant, id=str(made), kind="person")


def _notice(to: str, subject: str = "Phản ánh mới") -> Notice:
    return Notice(to=to, subject=Label(subject, "New report"), body=Label("Nội dung", "Body"), about="urn:r:1")


async def test_an_event_delivers_once(conn: Connection, tenant: str) -> None:
    an = await _account(conn, tenant, None)
    assert await notices.deliver(conn, tenant, _notice(an.id), "e1/rule/0")
    assert not await notices.deliver(conn, tenant, _notice(an.id), "e1/rule/0")
    (one,) = await notices.inbox(conn, an)
    assert (one.subject.vi, one.about, one.read_at) == ("Phản ánh mới", "urn:r:1", None)


async def test_a_desk_shares_its_notices(conn: Connection, tenant: str) -> None:
    first, second = await _account(conn, tenant, "sx"), await _account(conn, tenant, "sx")
    other = await _account(conn, tenant, "sy")
    await notices.deliver(conn, tenant, _notice("sx"), "e1")
    await notices.deliver(conn, tenant, _notice(first.id), "e2")
    assert [n.recipient for n in await notices.inbox(conn, first)] == [first.id, "sx"]
    assert [n.recipient for n in await notices.inbox(conn, second)] == ["sx"]
    assert await notices.inbox(conn, other) == ()
    assert await notices.unread_count(conn, first) == 2


async def test_reading(conn: Connection, tenant: str) -> None:
    an, other = await _account(conn, tenant, None), await _account(conn, tenant, None)
    for n in range(5):
        await notices.deliver(conn, tenant, _notice(an.id, f"Số {n}"), f"e{n}")
    newest = (await notices.inbox(conn, an, limit=2))[0]
    assert newest.subject.vi == "Số 4"
    with pytest.raises(NotFound):
        await notices.mark_read(conn, other, newest.id)
    await notices.mark_read(conn, an, newest.id)
    await notices.mark_read(conn, an, newest.id)
    assert await notices.unread_count(conn, an) == 4
    assert [n.subject.vi for n in await notices.inbox(conn, an, unread=True, limit=2)] == ["Số 3", "Số 2"]
    assert len(await notices.inbox(conn, an, before=newest.id)) == 4


async def test_tenants_are_apart(conn: Connection, tenant: str) -> None:
    an = await _account(conn, tenant, None)
    await notices.deliver(conn, "elsewhere", _notice(an.id), "e1")
    assert await notices.inbox(conn, an) == ()


async def test_senseless_notices_are_refused(conn: Connection, tenant: str) -> None:
    for bad in (_notice(""), _notice("a", ""), _notice("a", "x" * 201), _notice("a", "x\0"), _notice("a", "\ud800")):
        with pytest.raises(InvalidInput):
            await notices.deliver(conn, tenant, bad, "e1")
