"""Access without an account: one setting names ONE tenant, for trials and conformance suites on the same machine."""

from __future__ import annotations

import ipaddress
from typing import Final

import msgspec

from province.errors import ConfigurationError
from province.model.actor import Actor, Grant
from province.settings import Settings

EVERYBODY: Final = "service:anonymous"
"""Actor id in the audit of whatever was written without an account."""
_RIGHTS: Final = Grant("anonymous", frozenset(("*.*", "subscription.*", "registration.*", "context.*")))
"""What NGSI-LD is about; not accounts, roles, keys, tokens or the audit, which `*.*` leaves out."""


def check(settings: Settings) -> None:
    """Raises: ConfigurationError when PROVINCE_ANONYMOUS_TENANT is set and others than this machine can connect."""
    if not settings.anonymous_tenant:
        return
    for name, host in (("PROVINCE_HOST", settings.host), ("PROVINCE_MQTT_HOST", settings.mqtt_host)):
        if not is_loopback(host):
            raise ConfigurationError(
                f"the tenant {settings.anonymous_tenant!r} is open to everybody, and {name} is {host}.",
                field="PROVINCE_ANONYMOUS_TENANT",
                remedy="Listen on 127.0.0.1, or unset PROVINCE_ANONYMOUS_TENANT and give each system a token.",
            )
    if settings.trusted_proxies or settings.public_url:
        raise ConfigurationError(
            "a proxy would make the open tenant reachable from outside.",
            field="PROVINCE_ANONYMOUS_TENANT",
            remedy="Unset PROVINCE_TRUSTED_PROXIES and PROVINCE_PUBLIC_URL, or PROVINCE_ANONYMOUS_TENANT.",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener of that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def admit(actor: Actor, settings: Settings) -> Actor:
    """The caller, with rights over entities when it has no account and its tenant is the open one."""
    if actor.kind != "anonymous" or not settings.anonymous_tenant or actor.tenant != settings.anonymous_tenant:
        return actor
    return msgspec.structs.replace(actor, id=EVERYBODY, kind="service", name="anonymous", grants=(_RIGHTS,))
