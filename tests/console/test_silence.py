"""Silent devices: what they share, and how many there really are."""

from __future__ import annotations

import msgspec

from province.console.silence import CUT, count_of
from tests.console.conftest import Open
from tests.console.memory import Group
from tests.console.world import World


async def test_groups_name_the_shared_value_and_flag_a_wholly_silent_one(browse: Open, small: World) -> None:
    for id in ("urn:ngsi-ld:Station:00000", "urn:ngsi-ld:Station:00005", "urn:ngsi-ld:Station:00010"):
        found = small.broker.entities[id]
        attrs = {k: v for k, v in found.attrs.items() if k != "pm25"}
        small.broker.entities[id] = msgspec.structs.replace(found, attrs=attrs)
    async with browse(small, language="en") as client:
        answer = await client.get("/silent")
    assert '<span class="soft">Gateway:</span> GW-0' in answer.text
    assert '3 / 3 (100%) <span class="badge bad">all of them</span>' in answer.text
    assert '<span class="badge warn">4</span>' in answer.text, "each silent station counts once, whatever it shares"
    assert "never sent a reading" in answer.text


def test_a_number_that_nobody_counted_is_not_shown() -> None:
    few = [Group((f"g{i}", None), 2, 3, ()) for i in range(3)] + [Group((None, "m"), 6, 9, ())]
    many = [Group((f"g{i}", None), 1, 1, ()) for i in range(CUT)]
    assert count_of(few, 2) == 6
    assert count_of(many, 2) is None
    assert count_of([], 2) == 0
