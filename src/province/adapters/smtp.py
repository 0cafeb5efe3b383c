"""Mail out by SMTP (RFC 5321), with TLS as the setting says and nothing weaker.

The setting is one address: `smtp://host:25` without TLS, for a relay on a network of one's own; `smtp+starttls://` with
STARTTLS, which must succeed; `smtps://` with TLS from the first byte. A name and password in it sign in.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from province.adapters.dispatch import Outgoing, Taken
from province.broker.subscriptions.delivery import Refused
from province.errors import ConfigurationError, Unavailable

TIMEOUT_S: Final = 30.0
Security = Literal["none", "starttls", "tls"]
_SCHEMES: Final[dict[str, tuple[Security, int]]] = {
    "smtp": ("none", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server."""

    host: str
    port: int
    security: Security
    login: str = ""
    password: str = field(default="", repr=False)


def read_server(url: str) -> Server:
    """The server that a setting names. Raises: ConfigurationError, which never repeats the password."""
    parts = urlsplit(url)
    try:
        security, usual = _SCHEMES[parts.scheme]
        port = parts.port or usual
    except (KeyError, ValueError):
        raise ConfigurationError(
            "the address of the mail server is not understood.",
            field="PROVINCE_SMTP",
            remedy=f"Write smtp+starttls://name:password@host:587; schemes: {', '.join(_SCHEMES)}.",
        ) from None
    if not parts.hostname:
        raise ConfigurationError("the mail server has no host.", field="PROVINCE_SMTP")
    login, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (login + password).isascii():  # the standard library signs in with ASCII alone
        raise ConfigurationError(
            "name and password of the mail server must be ASCII.", field="PROVINCE_SMTP", remedy="Choose others."
        )
    return Server(parts.hostname, port, security, login, password)


class Smtp:
    """Sends mail through one server. sender: `Name <address>`."""

    def __init__(self, server: Server, sender: str, *, context: ssl.SSLContext | None = None) -> None:
        """context: whom TLS trusts; None: the system's authorities. Raises: ConfigurationError."""
        _, address = parseaddr(sender)
        if "@" not in address:
            raise ConfigurationError(
                f"{sender[:80]!r} is no sender of mail.", field="PROVINCE_MAIL_SENDER", remedy="Give an address."
            )
        self._server = server
        self._sender = sender
        self._domain = address.rpartition("@")[2]
        self._context = context or ssl.create_default_context()

    async def send(self, message: Outgoing) -> Taken:
        """Returns when the server took it. Raises: Refused (5xx), Unavailable."""
        mail = EmailMessage()
        try:
            mail["From"], mail["To"], mail["Subject"] = self._sender, message.address, message.subject
        except ValueError as error:
            raise Refused(f"the address or the subject cannot stand in a mail: {error}.", field="to") from None
        mail["Date"] = formatdate(localtime=False)
        mail["Message-ID"] = f"<{message.id}@{self._domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        await asyncio.to_thread(self._deliver, mail)
        return Taken(str(mail["Message-ID"]))

    def _deliver(self, mail: EmailMessage) -> None:
        server = self._server
        try:
            with self._connect() as session:
                if server.security == "starttls":
                    session.starttls(context=self._context)
                if server.login:
                    session.login(server.login, server.password)
                session.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise _refusal(code, said) from None
        except smtplib.SMTPAuthenticationError as error:  # a wrong setting, not a wrong message
            raise Unavailable(f"the mail server refuses our sign-in ({error.smtp_code}).") from None
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPNotSupportedError as error:
            raise Unavailable(f"the mail server cannot do what is set: {error}.") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(f"the mail server does not answer ({type(error).__name__}: {error}).") from None

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.security == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=self._context)
        return smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)


def _refusal(code: int, said: bytes | str) -> Refused | Unavailable:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    kind = Refused if 500 <= code < 600 else Unavailable
    return kind(f"the mail server answered {code}: {text[:300]}")
