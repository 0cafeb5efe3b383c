"""Saved views: one's own, one's agency's, nobody else's."""

from __future__ import annotations

from uuid import uuid4

import pytest

from province.adapters import views
from province.errors import InvalidInput, NotFound, TooLarge
from province.identity.audit import Connection
from province.model.actor import Actor


async def account(conn: Connection, tenant: str, agency: str | None) -> Actor:
    made = uuid4()
    await conn.execute(
        """INSERT INTO account (tenant, id, login, login_folded, name, kind, agency)
           VALUES ($1, $2, $3, $3, 'An', 'person', $4)""",
        tenant, made, made.hex, agency,
    )  # fmt: skip
    return Actor(tenant=tenant, id=str(made), kind="person")


async def names(conn: Connection, actor: Actor) -> list[str]:
    return [v.name for v in await views.views(conn, actor, "Report")]


async def test_an_agency_shares_and_others_see_nothing(conn: Connection, tenant: str) -> None:
    an, binh = await account(conn, tenant, "urn:a:1"), await account(conn, tenant, "urn:a:1")
    chi, free = await account(conn, tenant, "urn:a:2"), await account(conn, tenant, None)
    await views.save(conn, an, "Report", "Của tôi", "status=new", share=False)
    await views.save(conn, an, "Report", "Chung", "status=assigned", share=True)
    assert await names(conn, an) == ["Chung", "Của tôi"]
    assert await names(conn, binh) == ["Chung"]
    assert await names(conn, chi) == await names(conn, free) == []
    (shared,) = await views.views(conn, binh, "Report")
    assert (shared.mine, shared.shared, shared.query) == (False, True, "status=assigned")
    assert await views.views(conn, an, "Device") == ()


async def test_only_the_owner_removes(conn: Connection, tenant: str) -> None:
    an, binh = await account(conn, tenant, "urn:a:1"), await account(conn, tenant, "urn:a:1")
    made = await views.save(conn, an, "Report", "Chung", "", share=True)
    with pytest.raises(NotFound):
        await views.remove(conn, binh, made)
    await views.remove(conn, an, made)
    assert await names(conn, binh) == []


async def test_the_same_name_is_replaced(conn: Connection, tenant: str) -> None:
    an = await account(conn, tenant, None)
    await views.save(conn, an, "Report", "Mới", "a=1", share=False)
    await views.save(conn, an, "Report", " Mới ", "a=2", share=False)
    (only,) = await views.views(conn, an, "Report")
    assert only.query == "a=2"


@pytest.mark.parametrize(("name", "query"), [("", ""), ("x" * 81, ""), ("a\x00b", ""), ("a", "q" * 4001)])
async def test_what_cannot_be_kept_is_refused(conn: Connection, tenant: str, name: str, query: str) -> None:
    an = await account(conn, tenant, None)
    with pytest.raises(InvalidInput):
        await views.save(conn, an, "Report", name, query, share=False)


async def test_without_an_agency_there_is_nobody_to_share_with(conn: Connection, tenant: str) -> None:
    with pytest.raises(InvalidInput, match="no agency"):
        await views.save(conn, await account(conn, tenant, None), "Report", "Chung", "", share=True)


async def test_there_is_an_end(conn: Connection, tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST", 2)
    an = await account(conn, tenant, None)
    for name in ("a", "b"):
        await views.save(conn, an, "Report", name, "", share=False)
    with pytest.raises(TooLarge):
        await views.save(conn, an, "Report", "c", "", share=False)
    await views.save(conn, an, "Report", "a", "again=1", share=False)
