"""Settings: environment variables named PROVINCE_*, read once at start. Nothing else reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from province.errors import ConfigurationError


def _default_home() -> Path:
    return Path(os.environ.get("PROVINCE_HOME", "var")).absolute()


@dataclass(frozen=True, slots=True)
class Settings:
    """All that differs between one installation and another. Paths are absolute; an empty string means embedded."""

    home: Path = field(default_factory=_default_home)
    database: str = ""
    """PROVINCE_DATABASE: PostgreSQL DSN of an external server; empty starts the embedded one."""
    nats: str = ""
    """PROVINCE_NATS: nats:// or tls:// URL(s), comma separated; empty starts the embedded one."""
    lake: str = ""
    """PROVINCE_LAKE: folder or s3:// URL of the lake; empty means `home/lake`."""
    host: str = "127.0.0.1"
    port: int = 8800
    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = 1883
    tls_certificate: str = ""
    """PROVINCE_TLS_CERTIFICATE and PROVINCE_TLS_KEY: PEM files; with both set, HTTP and MQTT speak TLS."""
    tls_key: str = ""
    tenant: str = "binh-duong"
    """PROVINCE_TENANT: the tenant of requests that name none."""
    anonymous_tenant: str = ""
    """PROVINCE_ANONYMOUS_TENANT: one tenant whose entities programs may use without an account; loopback only."""
    public_url: str = ""
    """PROVINCE_PUBLIC_URL: the address that users type, when a proxy stands before the server."""
    trusted_proxies: str = ""
    """PROVINCE_TRUSTED_PROXIES: comma-separated addresses whose X-Forwarded-For is believed."""
    outbound_allow: str = ""
    """PROVINCE_OUTBOUND_ALLOW: comma-separated hosts or networks that outbound calls may reach though private."""
    smtp: str = field(default="", repr=False)
    """PROVINCE_SMTP: mail server, `smtp+starttls://name:password@host:587`, `smtps://…` or `smtp://…` (no TLS)."""
    mail_sender: str = ""
    """PROVINCE_MAIL_SENDER: `Name <address>` that mail comes from; needed with PROVINCE_SMTP."""
    sms: str = ""
    """PROVINCE_SMS: URL of an SMS gateway, or `simulator`: then SMS are written down and never leave."""
    sms_token: str = field(default="", repr=False)
    """PROVINCE_SMS_TOKEN: what the gateway knows us by."""
    zalo_app: str = ""
    """PROVINCE_ZALO_APP: app id at Zalo; with it and the secret, what people write to the Official Account comes in."""
    zalo_secret: str = field(default="", repr=False)
    """PROVINCE_ZALO_SECRET: secret key of the Official Account, by which its webhooks are signed."""
    audit_heads: str = ""
    """PROVINCE_AUDIT_HEADS: folder, or s3:// URL, of signed heads of the audit, best on another machine; empty:
    `home/audit/heads`."""
    contexts: str = ""
    """PROVINCE_CONTEXTS: JSON file of `{address: document}`: JSON-LD contexts that are never fetched."""
    synchronous_commit: str = "on"
    """PROVINCE_SYNCHRONOUS_COMMIT: PostgreSQL durability of records (`on` or `off`)."""
    stream_sync: str = "always"
    """PROVINCE_STREAM_SYNC: how often JetStream flushes to disk (`always` or a duration such as `1s`)."""
    stream_max_bytes: int = 8 * 1024**3
    """PROVINCE_STREAM_MAX_BYTES: room for observations that wait for the lake; full means refused, never dropped."""
    serve_processes: int = 1
    """PROVINCE_SERVE_PROCESSES: processes that answer HTTP on the one port; useful up to the number of cores."""
    max_body_bytes: int = 16 * 1024**2
    file_quota_bytes: int = 20 * 1024**3
    temporal_instances: int = 10_000
    """PROVINCE_TEMPORAL_INSTANCES: instances of one attribute in one temporal answer; more come in parts (206)."""
    calls_per_second: int = 5_000
    """PROVINCE_CALLS_PER_SECOND: calls of one account or token that one server process lets through."""
    example: str = ""
    """PROVINCE_EXAMPLE: not empty: load the Bình Dương example at start (`province run` sets it); a civil day:
    as it was known on that day."""
    log_level: str = "INFO"
    url: str = ""
    """PROVINCE_URL: the server that command-line calls speak to; empty means the one of this home."""
    token: str = field(default="", repr=False)
    """PROVINCE_TOKEN: the access token of command-line calls."""

    @property
    def lake_uri(self) -> str:
        """Where the Delta tables stand."""
        return self.lake or str(self.home / "lake")

    @property
    def audit_heads_folder(self) -> Path:
        """Where signed heads of the audit go, when that is a folder."""
        return Path(self.audit_heads).absolute() if self.audit_heads else self.home / "audit" / "heads"

    @property
    def audit_heads_location(self) -> str:
        """Where signed heads of the audit go: a folder, or an s3:// URL."""
        return self.audit_heads if self.audit_heads.startswith("s3://") else str(self.audit_heads_folder)

    @property
    def secrets(self) -> Path:
        """Folder (0700) of generated secrets, each file 0600."""
        return self.home / "secrets"


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """Read PROVINCE_* variables. Raises ConfigurationError for an unknown or malformed one."""
    environ = os.environ if environ is None else environ
    known = Settings.__dataclass_fields__
    values: dict[str, object] = {}
    for name, text in environ.items():
        if not name.startswith("PROVINCE_"):
            continue
        key = name.removeprefix("PROVINCE_").lower()
        if key not in known:
            hint = ", ".join(sorted("PROVINCE_" + k.upper() for k in known))
            raise ConfigurationError(f"unknown setting {name}.", field=name, remedy=f"Known settings: {hint}.")
        kind = known[key].type
        if kind == "int":
            try:
                values[key] = int(text)
            except ValueError:
                raise ConfigurationError(f"{text!r} is not a whole number.", field=name) from None
        elif kind == "Path":
            values[key] = Path(text).absolute()
        else:
            values[key] = text
    return Settings(**values)  # type: ignore[arg-type]
