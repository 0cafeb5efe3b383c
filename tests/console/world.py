"""Services that answer without any engine, and remember what was asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import msgspec

from province.adapters.views import SavedView
from province.console.services import (
    AccountRow,
    Accounts,
    CredentialRow,
    DeadLetter,
    DeadLetters,
    EngineState,
    Followed,
    Happening,
    InboxNotice,
    Receipt,
    RoleRow,
    Services,
    Session,
    TokenRow,
    Tokens,
    Views,
)
from province.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotSignedIn,
    ProvinceError,
    RateLimited,
    TooLarge,
    Unavailable,
)
from province.identity import policy
from province.model.actor import Actor, Grant
from province.model.label import Label
from province.model.time import now
from tests.console.kept import Kept
from tests.console.memory import Memory
from tests.console.sample import TENANT, Office, cases, entity_of, stations


def operator(*permissions: str) -> Actor:
    """A signed-in person."""
    grants = (Grant("role", frozenset(permissions or ("*",))),)
    return Actor(
        tenant=TENANT, id="account-1", kind="person", name="Nguyễn Thị Ánh", grants=grants, session="session-1"
    )


STATUS: Mapping[type[ProvinceError], int] = {
    InvalidInput: 400,
    TooLarge: 413,
    NotFound: 404,
    Conflict: 409,
    NotSignedIn: 401,
    NotAllowed: 403,
    RateLimited: 429,
    Unavailable: 503,
}
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


@dataclass
class World:
    """Services over a Memory, and what was asked of them."""

    broker: Memory
    people: dict[str, Session] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    notices: list[InboxNotice] = field(default_factory=list)
    accounts: list[AccountRow] = field(default_factory=list)
    tokens: list[TokenRow] = field(default_factory=list)
    credentials: list[CredentialRow] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    views: list[tuple[str, SavedView]] = field(default_factory=list)

    def note(self, *call: Any) -> None:
        """Remember a call."""
        self.calls.append(call)

    def services(self, **changes: Any) -> Services:
        """What the console is given."""
        made = Services(
            tenant=TENANT,
            title=Label("Nền tảng số Bình Dương", "Bình Dương digital platform"),
            broker=self.broker,
            status=lambda e: next((STATUS[k] for k in type(e).__mro__ if k in STATUS), 500),
            address=lambda request: request.client.host if request.client else "",
            may=lambda actor, permission: not policy.scope(actor, permission).nothing,
            sign_in=self._sign_in,
            session=self._session,
            sign_out=self._sign_out,
            change_password=self._change_password,
            csrf_token=lambda key: f"token-of-{key}",
            check_csrf=_check_csrf,
            people=self._names,
            events=self._events,
            engines=_engines,
            inbox=self._inbox,
            mark_read=self._mark_read,
            store_file=self._store_file,
            read_file=_read_file,
            submit=self._submit,
            follow=self._follow,
            disagree=self._disagree,
            accounts=Accounts(
                list=self._list_accounts,
                roles=_roles,
                create=self._create_account,
                reset=self._reset,
                disable=self._disable,
                grant=self._grant,
                withdraw=self._withdraw,
            ),
            tokens=Tokens(
                list=self._list_tokens,
                issue=self._issue,
                revoke=self._revoke,
                credentials=self._list_credentials,
                issue_credential=self._issue_credential,
                revoke_credential=self._revoke_credential,
            ),
            dead_letters=DeadLetters(
                list=self._list_letters, get=self._letter, retry=self._retry, dismiss=self._dismiss
            ),
            keeping=Kept(self.note).services(),
            views=Views(list=self._views, save=self._save_view, remove=self._remove_view),
            report_action="case.submit",
        )
        return replace(made, **changes)

    async def _sign_in(self, login: str, password: str, stranger: Actor, former: str, agent: str) -> str:
        if (login, password) != ("anh", "mật khẩu rất dài"):
            raise NotSignedIn("The login or the password is wrong.", remedy="Check both and try again.")
        self.people["cookie"] = Session(operator())
        return "cookie"

    async def _session(self, cookie: str, stranger: Actor) -> Session | None:
        found = self.people.get(cookie)
        return None if found is None else replace(found, actor=_with_request(found.actor, stranger.request))

    async def _sign_out(self, session: Session) -> None:
        self.people = {k: v for k, v in self.people.items() if v.actor.session != session.actor.session}

    async def _change_password(self, session: Session, old: str, new: str) -> None:
        if len(new) < 12:
            raise InvalidInput("the password is short.", field="new", remedy="Give 12 characters or more.")
        self.note("change_password", old, new)

    async def _names(self, actor: Actor, ids: Sequence[str]) -> Mapping[str, str]:
        return {"account-1": "Nguyễn Thị Ánh"}

    async def _events(self, actor: Actor, limit: int) -> Sequence[Happening]:
        return self.happenings[:limit]

    async def _inbox(self, actor: Actor, limit: int) -> Sequence[InboxNotice]:
        return self.notices[:limit]

    async def _mark_read(self, actor: Actor, notice: str) -> None:
        self.note("mark_read", notice)

    async def _store_file(self, data: bytes, name: str, actor: Actor) -> str:
        if not data.startswith(b"\x89PNG"):
            raise InvalidInput(f"{name!r} is no picture.", field="files", remedy="Send JPEG, PNG or WebP.")
        self.note("store_file", name, len(data))
        return "b" * 64

    async def _submit(self, inputs: Mapping[str, Any], files: tuple[str, ...], actor: Actor, key: str) -> Receipt:
        await self.broker.act("case.submit", actor, inputs=inputs, files=files, key=key)
        return Receipt(code="PA-2026-000001", secret="s" * 32)

    async def _follow(self, secret: str, actor: Actor) -> Followed:
        found = next((e for e in self.broker.entities.values() if e.type in ("Case", "Report")), None)
        if secret != "s" * 32 or found is None:
            raise NotFound("there is no such report.", field="secret")
        at = found.created_at or now()
        kind = self.broker.types[found.type].info.workflow
        states = kind.states if kind else ()
        steps = tuple((s, at + timedelta(hours=i), "Đã cử đội sửa chữa" if i else "") for i, s in enumerate(states[:3]))
        return Followed(found, steps, True)

    async def _disagree(self, secret: str, reason: str, actor: Actor) -> None:
        self.note("disagree", secret, reason)

    async def _list_accounts(self, actor: Actor, after: str) -> Sequence[AccountRow]:
        policy.require(actor, "account.read")
        return self.accounts

    async def _create_account(self, actor: Actor, login: str, name: str, agency: str | None) -> tuple[str, str]:
        if " " in login:
            raise InvalidInput(f"{login!r} is not a login.", field="login", remedy="No spaces.")
        self.note("create_account", login, name, agency)
        return "account-2", "bốn từ ngẫu nhiên"

    async def _reset(self, actor: Actor, account: str) -> str:
        self.note("reset", account)
        return "mật khẩu tạm thời"

    async def _disable(self, actor: Actor, account: str, disabled: bool) -> None:
        self.note("disable", account, disabled)

    async def _grant(self, actor: Actor, account: str, role: str, agency: str | None) -> None:
        self.note("grant", account, role, agency)

    async def _withdraw(self, actor: Actor, grant: str) -> None:
        self.note("withdraw", grant)

    async def _list_tokens(self, actor: Actor) -> Sequence[TokenRow]:
        return self.tokens

    async def _issue(
        self, actor: Actor, name: str, purpose: str, permissions: tuple[str, ...], days: int | None
    ) -> str:
        self.note("issue", name, purpose, permissions, days)
        return "prv_0123456789abcdef_secret"

    async def _revoke(self, actor: Actor, token: str) -> None:
        self.note("revoke", token)

    async def _list_credentials(self, actor: Actor, device: str) -> Sequence[CredentialRow]:
        return self.credentials

    async def _issue_credential(self, actor: Actor, device: str) -> tuple[str, str]:
        if device not in self.broker.entities:
            raise NotFound(f"there is no device {device!r}.", field="device")
        self.note("issue_credential", device)
        return "device-1", "mqtt-secret"

    async def _revoke_credential(self, actor: Actor, credential: str) -> None:
        self.note("revoke_credential", credential)

    async def _views(self, actor: Actor, type_name: str) -> Sequence[SavedView]:
        return [v for t, v in self.views if t == type_name]

    async def _save_view(self, actor: Actor, type_name: str, name: str, query: str, share: bool) -> None:
        if not name:
            raise InvalidInput("a view needs a name.", field="name")
        self.views.append((type_name, SavedView(id=len(self.views), name=name, query=query, mine=True, shared=share)))

    async def _remove_view(self, actor: Actor, view: int) -> None:
        self.views = [(t, v) for t, v in self.views if v.id != view]

    async def _list_letters(self, actor: Actor, after: str) -> tuple[Sequence[DeadLetter], str]:
        policy.require(actor, "letter.read")
        return self.letters, ""

    async def _letter(self, actor: Actor, id: str) -> DeadLetter:
        policy.require(actor, "letter.read")
        found = next((x for x in self.letters if x.id == id), None)
        if found is None:
            raise NotFound(f"there is no dead letter {id}.", field="id")
        return found

    async def _retry(self, actor: Actor, id: str) -> None:
        self.note("retry", id)

    async def _dismiss(self, actor: Actor, id: str, reason: str) -> None:
        self.note("dismiss", id, reason)


def _with_request(actor: Actor, request: str) -> Actor:
    return msgspec.structs.replace(actor, request=request)


def _check_csrf(key: str, token: str) -> None:
    if token != f"token-of-{key}":
        raise NotAllowed("The form is not from this session.", field="csrf", remedy="Reload the page.")


async def _engines() -> Sequence[EngineState]:
    return (
        EngineState("PostgreSQL", True, "18.0", now()),
        EngineState("NATS JetStream", False, "connection refused", now()),
    )


async def _roles(actor: Actor) -> Sequence[RoleRow]:
    return (
        RoleRow("operator", Label("Điều hành viên", "Operator")),
        RoleRow("administrator", Label("Quản trị viên", "Administrator")),
    )


async def _read_file(hash: str, small: bool) -> tuple[bytes, str]:
    return PIXEL, "image/png"


def world(*, stations_count: int = 12, cases_count: int = 9, permissions: tuple[str, ...] = ("*",)) -> World:
    """A world with one signed-in person under the cookie `cookie`."""
    office = entity_of(Office(id="urn:ngsi-ld:Office:1", name="UBND phường Thủ Dầu Một"))
    everything = [office, *stations(stations_count), *cases(cases_count)]
    made = World(Memory({e.id: e for e in everything}))
    made.people["cookie"] = Session(operator(*permissions))
    at = now() - timedelta(minutes=17)
    made.letters = [
        DeadLetter(
            "letter-1",
            "mqtt/feeds/open311",
            at,
            "expected a number.",
            "attrs.pm25",
            "Send a number.",
            3,
            42,
            '{"pm25":"x"}',
        )
    ]
    made.notices = [
        InboxNotice("n-1", Label("Phản ánh mới", "New case"), Label("Ổ gà", "A pothole"), "urn:x:1", at, False),
        InboxNotice("n-2", Label("Đã đóng", "Closed"), Label("Xong", "Done"), "", at, True),
    ]
    made.accounts = [
        AccountRow("account-1", "anh", "Nguyễn Thị Ánh", "person", None, False, at, (("g-1", "operator", None),)),
        AccountRow("account-9", "may-chu", "Máy chủ", "service", None, True, at),
    ]
    made.tokens = [TokenRow("t-1", "Nhập dữ liệu", "thử", ("*.read",), at, None, None, False)]
    made.credentials = [CredentialRow("c-1", "urn:ngsi-ld:Station:00001", at, None, False)]
    made.happenings = [
        Happening("case.created", e.id, str(e.value("title") or ""), e.type, at, "account-1")
        for e in made.broker.entities.values()
    ]
    return made
