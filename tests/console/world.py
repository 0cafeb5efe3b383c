"""A small province in memory: two types, a pack, and services that answer without any engine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, Any, ClassVar

import msgspec

from province.broker.actions import read_inputs, run
from province.broker.broker import Acted
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
from province.model.change import Changed
from province.model.entity import Attribute, Entity, Origin
from province.model.geometry import Geometry, point
from province.model.label import Label
from province.model.query import Page, Query, Where
from province.model.record import move, to_record
from province.model.schema import EntityType, Field, Record, TypeInfo, describe
from province.model.text import fold
from province.model.time import Instant, format_instant, now
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow
from province.pack import (
    CALLER,
    Action,
    Chart,
    Context,
    Effect,
    Indicator,
    Map,
    Notice,
    Pack,
    Parameters,
    Silent,
    Table,
)

TENANT = "test"
CATEGORIES = (("road", Label("Đường sá", "Roads")), ("light", Label("Chiếu sáng", "Street lighting")))
STATES = Workflow(
    attribute="status",
    initial="new",
    final=frozenset(("closed",)),
    edges=(
        Edge("new", "working", "case.started", Label("Bắt đầu", "Started")),
        Edge("working", "closed", "case.closed", Label("Xong", "Done")),
    ),
    names=(
        ("new", Label("Mới", "New")),
        ("working", Label("Đang xử lý", "In progress")),
        ("closed", Label("Đã đóng", "Closed")),
    ),
)


class Office(Record, frozen=True, kw_only=True):
    """Somebody to give a case to."""

    TYPE: ClassVar[TypeInfo] = TypeInfo("Office", Label("Cơ quan", "Office"), title="name", public=True)

    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True, public=True)]


class Station(Record, frozen=True, kw_only=True):
    """A sensor with one measured value."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Station", Label("Trạm đo", "Station"), place="location", title="name", public=True
    )

    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True, public=True)]
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"), public=True)] = None
    gateway: Annotated[str | None, Field(Label("Cổng kết nối", "Gateway"), indexed=True)] = None
    installed: Annotated[Instant | None, Field(Label("Ngày lắp đặt", "Installed"), indexed=True)] = None
    height: Annotated[float | None, Field(Label("Độ cao", "Height"), indexed=True), Unit("MTR")] = None
    active: Annotated[bool, Field(Label("Hoạt động", "Active"), indexed=True)] = True
    pm25: Annotated[float | None, Field(Label("PM2,5", "PM2.5"), observed=True, public=True, minimum=0), Unit("GQ")] = (
        None
    )


class Case(Record, frozen=True, kw_only=True):
    """What a resident tells."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Case", Label("Phản ánh", "Case"), place="location", title="title", workflow=STATES
    )

    code: Annotated[str | None, Field(Label("Mã", "Code"), indexed=True, public=True)] = None
    title: Annotated[str, Field(Label("Nội dung", "What"), search=True, public=True)]
    category: Annotated[
        str, Field(Label("Lĩnh vực", "Category"), indexed=True, public=True, values=("road", "light"), names=CATEGORIES)
    ]
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"), public=True)] = None
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, public=True, values=STATES.states)] = (
        "new"
    )
    office: Annotated[str | None, Field(Label("Cơ quan xử lý", "Office"), indexed=True, ref="Office")] = None
    photos: Annotated[tuple[str, ...], Field(Label("Ảnh", "Photos"))] = ()
    phone: Annotated[str | None, Field(Label("Điện thoại", "Phone"), personal=True)] = None


def submit(
    *,
    context: Context,
    title: Annotated[str, Field(Label("Nội dung phản ánh", "What is the matter"))],
    category: Annotated[str, Field(Label("Lĩnh vực", "Category"), values=("road", "light"), names=CATEGORIES)],
    location: Annotated[Geometry, Field(Label("Vị trí", "Place"))],
    description: Annotated[str, Field(Label("Mô tả", "Description"), hint=Label("Càng rõ càng tốt", "In detail"))] = "",
    urgent: Annotated[bool, Field(Label("Khẩn cấp", "Urgent"))] = False,
) -> list[Effect]:
    """Send in a case."""
    return []


def start(case: Case, *, context: Context) -> list[Effect]:
    """Begin."""
    return [move(case, "working", at=context.now)]


def give(
    case: Case,
    *,
    context: Context,
    office: Annotated[str, Field(Label("Cơ quan", "Office"), ref="Office")],
    days: Annotated[int, Field(Label("Số ngày", "Days"), minimum=1, maximum=60)],
    due: Annotated[Instant | None, Field(Label("Hạn", "Due"))] = None,
    note: Annotated[str, Field(Label("Ghi chú", "Note"))] = "",
) -> list[Effect]:
    """Give it to an office."""
    if case.status != "new":
        raise Conflict("the case is no longer new.", field="status", remedy="Open it again.")
    return [Notice(to=CALLER, subject=Label("Đã giao", "Given"), body=Label(f"Mã {days}", f"Number {days}"))]


PACK = Pack(
    name="sample",
    title=Label("Mẫu", "Sample"),
    row="X",
    types=(Office, Station, Case),
    actions=(
        Action(
            submit, Case, "case.submit", Label("Gửi phản ánh", "Send a case"), creates=True, public=True, files=True
        ),
        Action(start, Case, "case.start", Label("Bắt đầu xử lý", "Start"), states=("new",)),
        Action(give, Case, "case.give", Label("Giao cơ quan", "Give"), files=True),
    ),
    indicators=(
        Indicator("cases", "count", of=Case, title=Label("Phản ánh", "Cases"), unit="C62"),
        Indicator("dust", "mean", of=Station, title=Label("PM2,5 trung bình", "Mean PM2.5"), unit="GQ", field="pm25"),
    ),
    panels=(
        Map(Station, Label("Trạm đo", "Stations"), colour_by="pm25"),
        Map(Case, Label("Phản ánh", "Cases"), colour_by="status"),
        Table(Station, Label("Trạm đo", "Stations")),
        Table(
            Case, Label("Phản ánh", "Cases"), columns=("code", "title", "category", "status", "office"), group="status"
        ),
        Silent(Station, Label("Trạm mất tín hiệu", "Silent stations"), by=("gateway", "height"), after_s=3600),
        Chart(Station, Label("PM2,5", "PM2.5"), "pm25"),
    ),
)


def operator(*permissions: str) -> Actor:
    """A signed-in person."""
    grants = (Grant("role", frozenset(permissions or ("*",))),)
    return Actor(
        tenant=TENANT, id="account-1", kind="person", name="Nguyễn Thị Ánh", grants=grants, session="session-1"
    )


def entity_of(record: Record, *, origin: Origin = "measured", at: Instant | None = None) -> Entity:
    """A record as the broker would give it, observed fields included."""
    spec = describe(type(record))
    moment = at or now()
    attrs = {}
    for name, field_spec in spec.fields.items():
        value = getattr(record, name)
        if value is None or value == ():
            continue
        plain = msgspec.json.decode(msgspec.json.encode(value))
        observed = field_spec.field.observed
        attrs[name] = Attribute(
            type=field_spec.kind,
            value=plain,
            unit_code=field_spec.unit or None,
            origin=origin if observed else "reported",
            observed_at=moment if observed else None,
            created_at=moment,
            modified_at=moment,
        )
    return Entity(
        tenant=TENANT,
        id=record.id,
        types=(spec.name,),
        attrs=attrs,
        version=1,
        created_at=moment,
        modified_at=moment,
    )


@dataclass(frozen=True)
class Step:
    """One instance of the history."""

    key: str
    attribute: Attribute | None
    at: Instant
    actor: str
    version: int = 1


@dataclass(frozen=True)
class Past:
    """A history."""

    records: tuple[Step, ...]


@dataclass(frozen=True)
class Columns:
    """A series."""

    data: dict[str, list[Any]]

    def to_pydict(self) -> dict[str, list[Any]]:
        """As pyarrow does."""
        return self.data


@dataclass(frozen=True)
class Member:
    """A silent entity."""

    id: str
    title: str
    last: Instant | None


@dataclass(frozen=True)
class Group:
    """A group of silent entities."""

    values: tuple[Any, ...]
    silent: int
    total: int
    members: tuple[Member, ...]


@dataclass
class Memory:
    """The broker of the tests: everything in a dictionary, rights by type."""

    entities: dict[str, Entity]
    packs: tuple[Pack, ...] = (PACK,)
    asked: list[Query] = field(default_factory=list)
    acted: list[tuple[str, Mapping[str, Any], tuple[str, ...], str | None]] = field(default_factory=list)
    broken: ProvinceError | None = None

    @property
    def types(self) -> Mapping[str, EntityType]:
        return {describe(t).name: describe(t) for pack in self.packs for t in pack.types}

    async def act(
        self,
        name: str,
        actor: Actor,
        *,
        id: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        files: tuple[str, ...] = (),
        key: str | None = None,
    ) -> Acted:
        action = next(a for p in self.packs for a in p.actions if a.name == name)
        values = read_inputs(action, inputs or {})
        self.acted.append((name, values, files, key))
        context = Context(now=now(), params=_NO_PARAMETERS, actor=actor.id, files=files, nonce="0" * 32)
        if id is None:
            run(action.do, context=context, **values)
            return Acted(changed=())
        found = self.entities[id]
        effects = run(action.do, to_record(action.record, found), context=context, **values)
        changed = []
        for change in effects.changes:
            attrs = {**found.attrs, **{k: v for k, v in change.attrs.items() if v is not None}}
            self.entities[id] = msgspec.structs.replace(found, attrs=attrs, version=found.version + 1)
            changed.append(Changed(id=id, type=found.type, version=found.version + 1))
        return Acted(changed=tuple(changed), answers=effects.answers)

    def _sees(self, actor: Actor, entity: Entity) -> bool:
        spec = self.types.get(entity.type)
        return (spec is not None and spec.info.public) or policy.allows(actor, f"{entity.type.lower()}.read")

    async def get(self, id: str, actor: Actor, *, type: str | None = None, latest: bool = True) -> Entity:
        if self.broken is not None:
            raise self.broken
        found = self.entities.get(id)
        if found is None or not self._sees(actor, found):
            raise NotFound(f"there is no entity {id}.", field="id")
        return found

    async def query(self, query: Query, actor: Actor) -> Page:
        self.asked.append(query)
        found = [e for e in self.entities.values() if self._sees(actor, e)]
        if query.types:
            found = [e for e in found if e.type in query.types]
        if query.ids:
            found = [e for e in found if e.id in query.ids]
        for term in query.where:
            assert isinstance(term, Where)
            found = [e for e in found if _holds(e, term)]
        if query.text:
            found = [e for e in found if all(w in _words(e) for w in fold(query.text).split())]
        found.sort(key=lambda e: e.id)
        total = len(found) if query.count else None
        found = [e for e in found if e.id > query.after]
        items = tuple(found[: query.limit])
        return Page(items=items, next=items[-1].id if len(found) > query.limit and items else "", total=total)

    async def history(self, id: str, actor: Actor, **_: Any) -> Past:
        found = await self.get(id, actor)
        observed = {s.name for s in self.types[found.type].observed}
        made = found.created_at or now()
        return Past(tuple(Step(k, a, made, "account-1") for k, a in found.attrs.items() if k not in observed))

    async def series(
        self, id: str, attr: str, actor: Actor, *, start: Instant, end: Instant, points: int = 800
    ) -> Columns:
        await self.get(id, actor)
        if attr != "pm25" and attr not in self.types[self.entities[id].type].fields:
            raise NotFound(f"no {attr}.")
        many = (end - start) > timedelta(days=1)
        step = (end - start) / 288
        times = [start + step * i for i in range(288) if not 120 < i < 150]
        values = [24 + 9 * math.sin(i / 23) + 4 * math.sin(i * 1.7) for i in range(288) if not 120 < i < 150]
        spread = 5.0 if many else 0.0
        return Columns(
            {
                "t": times,
                "avg": values,
                "min": [v - spread - (i % 3 if many else 0) for i, v in enumerate(values)],
                "max": [v + spread + (i % 5 if many else 0) for i, v in enumerate(values)],
                "count": [12 if many else 1] * len(values),
            }
        )

    async def silent(self, panel: Silent, actor: Actor) -> Sequence[Group]:
        name = describe(panel.of).name
        kind = self.types[name]
        observed = [o.name for o in kind.observed]
        found = [e for e in self.entities.values() if e.type == name]
        result = []
        for position, shared in enumerate(panel.by):
            for value in dict.fromkeys(e.value(shared) for e in found):
                members = [e for e in found if e.value(shared) == value]
                quiet = [e for e in members if not any(o in e.attrs for o in observed)]
                if quiet:
                    values = tuple(value if i == position else None for i in range(len(panel.by)))
                    shown = tuple(Member(e.id, str(e.value("name") or e.id), None) for e in quiet)
                    result.append(Group(values, len(quiet), len(members), shown))
        return result

    async def type_counts(self, actor: Actor) -> list[tuple[str, int, tuple[str, ...]]]:
        counts: dict[str, int] = {}
        for e in self.entities.values():
            counts[e.type] = counts.get(e.type, 0) + 1
        return [(name, n, ()) for name, n in sorted(counts.items())]

    async def indicators(self, actor: Actor) -> list[tuple[Indicator, float | None, Instant]]:
        result: list[tuple[Indicator, float | None, Instant]] = []
        for indicator in (i for p in self.packs for i in p.indicators):
            found = [e for e in self.entities.values() if e.type == describe(indicator.of).name]
            if indicator.measure == "count":
                found = [e for e in found if all(_holds(e, w) for w in indicator.where)]
                result.append((indicator, float(len(found)), now()))
            else:
                known = [v for e in found if (v := e.value(indicator.field)) is not None]
                result.append((indicator, sum(known) / len(known) if known else None, now()))
        return result


_NO_PARAMETERS: Parameters = {}


def _words(entity: Entity) -> str:
    return fold(f"{entity.value('title')} {entity.value('name')}")


def _holds(entity: Entity, term: Where) -> bool:
    value = entity.value(term.name)
    if term.op == "absent":
        return value is None
    if value is None:
        return False
    return {
        "==": lambda: value == term.value,
        "!=": lambda: value != term.value,
        "in": lambda: value in term.value,
        ">=": lambda: value >= term.value,
        "<=": lambda: value <= term.value,
        "exists": lambda: True,
    }[term.op]()


def stations(count: int, *, origin: Origin = "simulated") -> Iterable[Entity]:
    """Stations around the centre, every seventh of which never measured."""
    for i in range(count):
        turn, reach = i * 2.399963, 0.02 * math.sqrt(i + 1)
        record = Station(
            id=f"urn:ngsi-ld:Station:{i:05d}",
            name=f"Trạm Thủ Dầu Một {i}",
            location=point(106.65 + reach * math.cos(turn) / 6, 11.05 + reach * math.sin(turn) / 6),
            gateway=f"GW-{i % 5}",
            installed=now() - timedelta(days=i % 400),
            height=2.5 + i % 9,
            pm25=None if i % 7 == 3 else 12.0 + (i * 37 % 80) / 2,
        )
        yield entity_of(record, origin=origin)


def cases(count: int) -> Iterable[Entity]:
    """Cases of both categories in all states."""
    for i in range(count):
        record = Case(
            id=f"urn:ngsi-ld:Case:{i:05d}",
            code=f"PA-2026-{i:06d}",
            title=f"Ổ gà trên đường số {i} <b>",
            category=("road", "light")[i % 2],
            location=point(106.66 + i * 1e-4, 11.0 + i * 1e-4),
            status=STATES.states[i % 3],
            office="urn:ngsi-ld:Office:1",
            photos=("a" * 64,) if i == 0 else (),
            phone="0274 123 4567",
        )
        yield entity_of(record)


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


async def _read_file(hash: str) -> tuple[bytes, str]:
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


def stamp(value: Instant) -> str:
    """ISO text in UTC."""
    return format_instant(value)
