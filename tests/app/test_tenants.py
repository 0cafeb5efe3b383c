"""Strangers learn of a tenant that there is none of that name."""

from __future__ import annotations

import pytest

from province.app.tenants import Tenants
from province.errors import NotFound


async def test_a_tenant_that_does_not_exist_is_refused_and_the_list_is_read_now_and_then() -> None:
    reads = 0

    async def read() -> list[str]:
        nonlocal reads
        reads += 1
        return ["here"]

    tenants = Tenants(read)
    for _ in range(3):
        await tenants.require("here")
        with pytest.raises(NotFound) as refused:
            await tenants.require("nowhere")
        assert refused.value.field == "NGSILD-Tenant"
    assert reads == 1
