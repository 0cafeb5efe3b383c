"""The database and the message bus of an installation, embedded or external: settings decide, callers do not know."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit, urlunsplit

from province.engines.command import Command
from province.engines.nats import Nats
from province.engines.postgres import Postgres
from province.engines.secret import read_secret
from province.settings import Settings


class Engines:
    """PostgreSQL and NATS of these settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.postgres = None if settings.database else Postgres(settings)
        """The embedded PostgreSQL, None when an external one is set."""
        self.nats = None if settings.nats else Nats(settings)
        """The embedded NATS, None when an external one is set."""

    def commands(self) -> list[Command]:
        """The embedded engines' commands, for the supervisor; empty when both are external."""
        return [engine.command() for engine in (self.postgres, self.nats) if engine is not None]

    def database_dsn(self) -> str:
        """PostgreSQL DSN, with the password: never log it."""
        return self.postgres.dsn() if self.postgres else self._settings.database

    def nats_url(self) -> list[str]:
        """Addresses of the NATS servers, without user and password."""
        if self.nats:
            return [self.nats.url()]
        return [_without_user(url) for url in self._external()]

    def nats_options(self) -> dict[str, object]:
        """Further keyword arguments of `nats.connect`: the proof of who we are.

        For an external server: user and password of the first URL, or the nkey seed in the secret `nats-service` when
        the URLs name no user and that file exists.
        """
        if self.nats:
            return self.nats.options()
        first = urlsplit(self._external()[0])
        if first.username:
            return {"user": unquote(first.username), "password": unquote(first.password or "")}
        if (self._settings.secrets / "nats-service").exists():
            return {"nkeys_seed_str": read_secret(self._settings.secrets, "nats-service")}
        return {}

    def callout_seed(self) -> str:
        """The account seed that signs callout answers; for an external server the secret `nats-callout`."""
        return read_secret(self._settings.secrets, "nats-callout")

    def _external(self) -> list[str]:
        return [url.strip() for url in self._settings.nats.split(",") if url.strip()]


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
