from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from province.identity import commitment
from province.model.entity import Attribute

SALT = b"s" * 16
SAFE = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=9)
NUMBERS = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), SAFE, NUMBERS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(SAFE, inner, max_size=3)),
    max_leaves=8,
)


def test_it_tells_nothing_and_fits_one_value_only() -> None:
    text = commitment.text_of(Attribute(value="0901234567"))
    made = commitment.commit(SALT, "phone", text)
    assert "0901234567" not in made
    assert commitment.holds(made, SALT, "phone", text.decode())
    assert not commitment.holds(made, SALT, "name", text.decode())
    assert not commitment.holds(made, b"t" * 16, "phone", text.decode())
    assert not commitment.holds(made, SALT, "phone", text.decode().replace("567", "568"))


@given(JSON)
def test_it_holds_however_the_database_orders_names_and_writes_numbers(value: object) -> None:
    """jsonb sorts names its own way, and writes 1e+16 as 10000000000000000."""
    text = commitment.text_of(Attribute(value=value))
    made = commitment.commit(SALT, "a", text)

    def turned(one: object) -> object:
        if isinstance(one, dict):
            return {k: turned(one[k]) for k in sorted(one, key=lambda k: (len(k), k), reverse=True)}
        if isinstance(one, list):
            return [turned(x) for x in one]
        if isinstance(one, float) and one.is_integer() and abs(one) >= 1e16 and abs(one) < 2**63:
            return int(Decimal(repr(one)))
        return 0.0 if one == 0.0 and isinstance(one, float) else one

    stored = msgspec.json.encode(turned(msgspec.json.decode(text))).decode()
    assert commitment.holds(made, SALT, "a", stored)
