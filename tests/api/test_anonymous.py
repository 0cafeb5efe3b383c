"""Access without an account: one tenant, and only where nobody else can connect."""

from __future__ import annotations

import pytest

from province.app import anonymous
from province.errors import ConfigurationError
from province.identity import policy
from province.model.actor import anonymous as stranger
from province.settings import Settings


@pytest.mark.parametrize(
    "change",
    [{"host": "0.0.0.0"}, {"host": "10.1.2.3"}, {"mqtt_host": "::"}, {"trusted_proxies": "10.0.0.1"},
     {"public_url": "https://x.example"}],
)  # fmt: skip
def test_it_is_refused_where_others_can_connect(change: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        anonymous.check(Settings(anonymous_tenant="trial", **change))  # type: ignore[arg-type]
    assert caught.value.field == "PROVINCE_ANONYMOUS_TENANT"
    anonymous.check(Settings(**change))  # type: ignore[arg-type]


def test_it_opens_one_tenant_and_its_entities_only() -> None:
    settings = Settings(anonymous_tenant="trial")
    anonymous.check(settings)
    admitted = anonymous.admit(stranger("trial"), settings)
    assert policy.allows(admitted, "thing.create")
    assert policy.allows(admitted, "subscription.create")
    for guarded in ("account.read", "token.create", "role.change", "audit.read", "key.create"):
        assert not policy.allows(admitted, guarded)
    assert anonymous.admit(stranger("other"), settings).kind == "anonymous"
    assert anonymous.admit(stranger("trial"), Settings()).kind == "anonymous"
