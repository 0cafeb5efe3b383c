"""What the pages need from the rest of the product, injected by the composition root. The console reaches for nothing.

Every callable checks the actor it is given; the console only decides what to show. All may raise errors of
`province.errors`, which become pages with their status, field and remedy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.requests import Request

from province.adapters.studies.service import Studies
from province.adapters.tables.exports import Exports
from province.adapters.tables.imports import Imports
from province.broker.boards import Indexed
from province.broker.figures import Figure
from province.broker.land import Land
from province.console.appointing import Posts
from province.console.door import Door
from province.console.inspecting import Inspecting
from province.console.keeping import Keeping
from province.console.protecting import Protecting
from province.errors import ProvinceError
from province.model.actor import Actor
from province.model.annex import AnnexView, ReportView
from province.model.entity import Entity
from province.model.label import Label
from province.model.time import Instant
from province.pack import Board


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person; `actor.session` names the session. must_change: nothing but a new password is offered."""

    actor: Actor
    must_change: bool = False


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of the outbox: what happened (`report.resolved`), to which entity, when, through whom."""

    name: str
    entity: str
    title: str
    type: str
    at: Instant
    actor: str


@dataclass(frozen=True, slots=True)
class EngineState:
    """A running part of the system, as measured at `at`. detail: what it says of itself, such as its version."""

    name: str
    well: bool
    detail: str
    at: Instant


@dataclass(frozen=True, slots=True)
class InboxNotice:
    """A notice to the signed-in person or their agency's desk."""

    id: str
    subject: Label
    body: Label
    about: str
    at: Instant
    read: bool


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be taken in or carried out. payload: as received, decoded with replacement marks."""

    id: str
    source: str
    at: Instant
    error: str
    field: str
    remedy: str
    attempts: int
    size_bytes: int
    payload: str = ""
    state: str = "waiting"
    """waiting, retried or dismissed."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as the administration shows it. grants: (id of the grant, role, agency or None)."""

    id: str
    login: str
    name: str
    kind: str
    agency: str | None
    disabled: bool
    created_at: Instant
    grants: tuple[tuple[str, str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class RoleRow:
    """A role that can be given."""

    name: str
    label: Label


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token without its secret."""

    id: str
    name: str
    purpose: str
    permissions: tuple[str, ...]
    created_at: Instant
    expires_at: Instant | None
    last_used: Instant | None
    revoked: bool


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """The right of one device to send its own readings by MQTT or HTTP."""

    id: str
    device: str
    created_at: Instant
    last_used: Instant | None
    revoked: bool


@dataclass(frozen=True, slots=True)
class Accounts:
    """Administration of people. The password that `create` and `reset` return is shown once and must be changed."""

    list: Callable[[Actor, str], Awaitable[Sequence[AccountRow]]]
    """(actor, after: login of the last row seen, or "") → at most 50 rows by login."""
    roles: Callable[[Actor], Awaitable[Sequence[RoleRow]]]
    create: Callable[[Actor, str, str, str | None], Awaitable[tuple[str, str]]]
    """(actor, login, name, agency) → (account id, first password)."""
    reset: Callable[[Actor, str], Awaitable[str]]
    """(actor, account) → new first password; ends the account's sessions."""
    disable: Callable[[Actor, str, bool], Awaitable[None]]
    """(actor, account, disabled)."""
    grant: Callable[[Actor, str, str, str | None], Awaitable[None]]
    """(actor, account, role, agency)."""
    withdraw: Callable[[Actor, str], Awaitable[None]]
    """(actor, grant)."""


class SavedView(Protocol):
    """A view of a list. query: as in the address.  mine: the reader may remove it.  shared: with an agency."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def mine(self) -> bool: ...
    @property
    def shared(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Views:
    """Saved views of lists."""

    list: Callable[[Actor, str], Awaitable[Sequence[SavedView]]]
    """(actor, type) → one's own and those of one's agency."""
    save: Callable[[Actor, str, str, str, bool], Awaitable[None]]
    """(actor, type, name, query, share). Raises: InvalidInput, TooLarge."""
    remove: Callable[[Actor, int], Awaitable[None]]
    """(actor, view). Raises: NotFound."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of the signed-in person, and credentials of devices. Secrets are returned once."""

    list: Callable[[Actor], Awaitable[Sequence[TokenRow]]]
    issue: Callable[[Actor, str, str, tuple[str, ...], int | None], Awaitable[str]]
    """(actor, name, purpose, permissions, days until it ends or None) → the token."""
    revoke: Callable[[Actor, str], Awaitable[None]]
    credentials: Callable[[Actor, str], Awaitable[Sequence[CredentialRow]]]
    """(actor, device id or "" for the newest 100)."""
    issue_credential: Callable[[Actor, str], Awaitable[tuple[str, str]]]
    """(actor, device id) → (user name, password) for MQTT."""
    revoke_credential: Callable[[Actor, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Messages that a person must look at."""

    list: Callable[[Actor, str], Awaitable[tuple[Sequence[DeadLetter], str]]]
    """(actor, after token or "") → (at most 50 letters, newest first; token of the next page or "")."""
    get: Callable[[Actor, str], Awaitable[DeadLetter]]
    retry: Callable[[Actor, str], Awaitable[None]]
    dismiss: Callable[[Actor, str, str], Awaitable[None]]
    """(actor, letter, reason)."""


@dataclass(frozen=True, slots=True)
class Annex:
    """The plan. day: a civil day, or "" for today."""

    view: Callable[[Actor, str], Awaitable[AnnexView]]
    report: Callable[[Actor, int], Awaitable[ReportView]]
    """(actor, year). Raises: NotFound."""
    print: Callable[[ReportView, str], Awaitable[bytes]]
    """(report, language) → PDF. Raises: RateLimited."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A dated constant of a pack as it held on a day. unit: UN/CEFACT code."""

    name: str
    value: float
    unit: str
    source: str
    since: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading as it stands in the lake."""

    at: Instant
    value: float
    origin: str


@dataclass(frozen=True, slots=True)
class Boards:
    """Boards of the domains, and why an alert was raised."""

    all: Mapping[str, Board]
    figure: Callable[..., Awaitable[Figure | None]]
    """(indicator, actor, day of the map by whose areas it is told, left out for today) → over what the actor may read,
    what counts and what does not apart; None: nothing."""
    ranked: Callable[[Board, Actor], Awaitable[Sequence[Entity]]]
    """(board, actor) → sensors at the bad end of its field, with their latest values."""
    index: Callable[[Board, Actor], Awaitable[Sequence[Indexed]]]
    rules: Callable[[Board], tuple[str, ...]]
    """Names of the streaming rules that watch sensors of the board."""
    constant: Callable[[str, str, Instant], Constant | None]
    """(streaming rule, name of a constant of its pack, when) → the constant, or None."""
    readings: Callable[[str, str, Instant, Instant, Actor], Awaitable[Sequence[Reading]]]
    """(entity, attribute, from, until, actor) → readings, at most 500. Raises: NotFound."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the sender of a report gets, once. code: public number.  secret: opens the report's progress page.

    matter: what the text may be in law, such as an emergency or a denunciation; "" for a plain report.
    danger: somebody may be in danger by what it says.
    """

    code: str
    secret: str
    matter: str = ""
    danger: bool = False


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A mail or an SMS and what became of it. way: mail or sms."""

    id: str
    way: str
    address: str
    subject: Label
    about: str
    state: str
    attempts: int
    reason: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Followed:
    """A report as its author sees it through the secret link. steps: (state, when, note), oldest first.

    disputable: the author may disagree with the outcome now.  rateable: and may say how well it was dealt with.
    shared: steps of the first report of the same matter, with which this one is dealt with.
    """

    entity: Entity
    steps: Sequence[tuple[str, Instant, str]]
    disputable: bool
    rateable: bool = False
    shared: Sequence[tuple[str, Instant]] = ()


@dataclass(frozen=True, slots=True)
class Services:
    """Everything injected. tenant: of callers who name none.  title: name of the installation on every page."""

    tenant: str
    title: Label
    broker: Door
    status: Callable[[ProvinceError], int]
    """The one table of HTTP status codes."""
    address: Callable[[Request], str]
    """Address of the caller, behind trusted proxies too."""
    may: Callable[[Actor, str], bool]
    """Does the actor hold the permission anywhere at all? Decides what is offered, never what is allowed."""
    sign_in: Callable[[str, str, Actor, str, str], Awaitable[str]]
    """(login, password, anonymous actor, cookie of the former session or "", user agent) → session cookie.

    Raises: NotSignedIn, RateLimited."""
    session: Callable[[str, Actor], Awaitable[Session | None]]
    """(cookie, anonymous actor with address and request id) → session, or None when it is over."""
    sign_out: Callable[[Session], Awaitable[None]]
    change_password: Callable[[Session, str, str], Awaitable[None]]
    """(session, old, new); the session goes on, the others end. Raises: NotSignedIn, InvalidInput, RateLimited."""
    csrf_token: Callable[[str], str]
    """(name of the session, or value of a stranger's visitor cookie) → token for forms."""
    check_csrf: Callable[[str, str], None]
    """(the same, token from the form). Raises: NotAllowed."""
    people: Callable[[Actor, Sequence[str]], Awaitable[Mapping[str, str]]]
    """(actor, ids of accounts) → names of those that the actor may know; others are shown by their id."""
    events: Callable[[Actor, int], Awaitable[Sequence[Happening]]]
    """(actor, limit) → newest first, only those of entities that the actor may read."""
    engines: Callable[[], Awaitable[Sequence[EngineState]]]
    inbox: Callable[[Actor, int], Awaitable[Sequence[InboxNotice]]]
    """(actor, limit) → unread first, newest first."""
    mark_read: Callable[[Actor, str], Awaitable[None]]
    store_file: Callable[[bytes, str, Actor], Awaitable[str]]
    """(bytes, name given by the sender, actor) → hash. Raises: InvalidInput for a type or picture it does not take."""
    read_file: Callable[[str, bool], Awaitable[tuple[bytes, str]]]
    """(hash, whether a picture is wanted small) → (bytes, media type).

    The console asks only for hashes that the actor may read in an entity.
    """
    submit: Callable[[Mapping[str, Any], tuple[str, ...], Actor, str], Awaitable[Receipt]]
    """(inputs of the report action, hashes of photos, actor, idempotency key). Raises: InvalidInput, RateLimited."""
    follow: Callable[[str, Actor], Awaitable[Followed]]
    """(secret, actor) → the report. Raises: NotFound, RateLimited."""
    disagree: Callable[[str, str, Actor], Awaitable[None]]
    """(secret, reason, actor). Raises: NotFound, Conflict."""
    accounts: Accounts
    tokens: Tokens
    dead_letters: DeadLetters
    keeping: Keeping
    views: Views
    inspecting: Inspecting | None = None
    """None: an installation without the pages about access."""
    protecting: Protecting | None = None
    """None: an installation without erasure and consent."""
    imports: Imports | None = None
    exports: Exports | None = None
    studies: Studies | None = None
    """None: an installation without planning studies."""
    annex: Annex | None = None
    """None: the plan is not installed, and strangers begin at the sign-in page."""
    land: Land | None = None
    """None: an installation without orders and addresses."""
    posts: Posts | None = None
    rate: Callable[[str, int, str, Actor], Awaitable[None]] | None = None
    """(secret, 1 to 5, comment, actor). Raises: NotFound, InvalidInput."""
    messages: Callable[[Actor, str], Awaitable[Sequence[SentMessage]]] | None = None
    """(actor, id of what they are about or "") → the newest. None: an installation that sends none."""
    print: Callable[[str, Mapping[str, Any]], Awaitable[bytes]] | None = None
    """(template, data) → PDF."""
    boards: Boards | None = None
    """None: an installation without boards."""
    signed_alert: Callable[[str, Actor], Awaitable[bytes]] | None = None
    """(alert to the public, actor) → signed CAP XML. Raises: NotFound."""
    alert_certificate: Callable[[str], Awaitable[bytes]] | None = None
    """(tenant) → PEM of the certificate that our alerts are signed with."""
    alert_tones: Callable[[], Mapping[str, str]] = dict
    """() → the colour of each of Vietnam's levels, by its name."""
    max_upload_bytes: int = 12 * 1024**2
    secure_cookies: bool = False
    """Set when the public address is https."""
    public_url: str = ""
    """Address that people type, without a slash at its end; empty: the one that the request was sent to."""
    report_action: str = "report.submit"
    """The public action behind the form for residents; without a pack that declares it the form is not offered."""
    bounds: tuple[float, float, float, float] = field(default=(106.32, 10.86, 106.97, 11.51))
    """West, south, east, north of the first view of the map."""
    file_fields: tuple[str, ...] = ("photos", "publicPhotos")
    """Attributes that hold hashes of an entity's files."""
