"""The whole extension API in one file. A pack is a declaration: types, feeds, rules, actions, indicators, panels.

The core gives what is declared here storage, history, permissions, audit, map, search, API, command line and console.
Logic is pure: (entities, params, now) → changes and effects. It never does I/O, reads a clock or draws random numbers.
Outsiders offer a pack by the entry point group `province.packs`, naming a `Pack` object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec
import pyarrow as pa

from province.compute.text import Verdict
from province.model.change import Change
from province.model.entity import Entity
from province.model.goal import Judge, goals_reached
from province.model.label import Label
from province.model.query import Query, Where
from province.model.schema import Record, describe
from province.model.study import Feature, Mark, Outcome, Problem, Tell, Tone
from province.model.time import Instant
from province.vocab.case import Reached
from province.vocab.study import Study

Parameters = Mapping[str, Any]
"""The dated constants of `params.yaml` that hold at `now`, by name."""


CALLER = "caller"
"""Addressee of a notice that only the answer to this very call shows: a secret link, a receipt."""


HISTORY_WITHDRAW = "history.withdraw"
"""Name of the job after which nobody reads past values of `attrs` of an `entity`; the audit stays sealed."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A message to a person or an agency's desk: shown in the console inbox, and sent by the channels they have.

    to: id of an account or an agency; `mailto:` or `tel:` and an address: no inbox, it leaves by that way alone;
    `CALLER`: shown in the answer to this call, and neither stored nor logged.
    """

    to: str
    subject: Label
    body: Label
    about: str = ""
    """Id of the entity it is about."""
    value: str = ""
    """What a program needs of the message, bare: the secret itself. Only for `CALLER`."""
    channels: tuple[str, ...] = ()
    """Ways besides the inbox by which it leaves: `mail`, `sms`."""
    language: str = ""
    """`vi` or `en`, for what leaves; empty: both, Vietnamese first."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Work for later, done by an adapter bound in `app` under this name. `arguments` must be JSON."""

    name: str
    arguments: Mapping[str, Any] = {}
    after: Instant | None = None


Effect = Change | Notice | Job


def step_effects(reached: Reached | None) -> list[Effect]:
    """What a step of a case's escalation brings: the change, and a notice to each who is told. None: nothing."""
    if reached is None:
        return []
    about, channels = reached.change.id, reached.step.channels
    told = (
        Notice(to=to, subject=reached.subject, body=reached.body, about=about, channels=channels)
        for to in reached.recipients
    )
    return [reached.change, *told]


@dataclass(frozen=True, slots=True)
class Context:
    """What surrounds a call of pack logic. actor: id of who acts.  files: hashes uploaded with the action.

    nonce: 32 or more random hex digits, fresh for every call, drawn by the caller: logic makes ids and secrets of it.
    models: trained models by name, bound in `app`: functions that give the same answer until they are trained anew.
    """

    now: Instant
    params: Parameters
    actor: str
    agency: str | None = None
    files: tuple[str, ...] = ()
    nonce: str = ""
    models: Mapping[str, Callable[[str], Mapping[str, Any]]] = field(default_factory=dict)


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a message that was not understood, while the rest was. field: where it stands.  payload: the part."""

    field: str
    reason: str
    payload: bytes


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed read from one message: changes to records, and observations in `model.observation.SCHEMA`.

    unread: parts that go to the dead letters.
    """

    changes: tuple[Change, ...] = ()
    observations: pa.Table | None = None
    unread: tuple[Unread, ...] = ()


class Decode(Protocol):
    """bytes → Decoded. Raises: DecodeError, and nothing else, for bytes it cannot read."""

    def __call__(self, payload: bytes, *, context: Context) -> Decoded: ...


@dataclass(frozen=True, slots=True)
class Feed:
    """A way in: HTTP `POST /api/feeds/<name>`. needs: permission of the sender."""

    name: str
    decode: Decode
    title: Label
    needs: str
    media_types: tuple[str, ...] = ("application/json",)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an entity. before: the attributes that changed, as they were."""

    id: str
    tenant: str
    name: str
    entity: Entity | None
    before: Mapping[str, Any] = {}
    at: Instant
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """A query that a rule or an action needs answered before it is called; passed by `name`.

    query: from the event's or action's entity to a Query.  age_s: the answer may be so old, where it is about what
    changes a few times a year and every entity asks for the same.  narrow: what the dated constants leave of the query.
    """

    name: str
    query: Callable[[Entity], Query]
    record: type[Record]
    age_s: float = 0.0
    narrow: Callable[[Query, Parameters], Query] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """On an event, after its queries are answered: do(record, *, context, **reads) → effects."""

    on: str
    do: Callable[..., Iterable[Effect]]
    record: type[Record]
    reads: tuple[Read, ...] = ()

    @property
    def name(self) -> str:
        """Stable name: the function's module and name."""
        return f"{self.do.__module__.removeprefix('province.packs.')}.{self.do.__name__}"


@dataclass(frozen=True, slots=True)
class Ask:
    """A question of a round, answered whole; its answer is passed by `name`.

    query: (context, the answers so far) → the Query, or None: nothing is asked, and the answer is empty.
    record: the type of the answers; None: entities, of whatever type.  most: beyond that the rest waits.
    """

    name: str
    query: Callable[[Context, Mapping[str, Sequence[Any]]], Query | None]
    record: type[Record] | None
    most: int = 20_000


@dataclass(frozen=True, slots=True)
class Round:
    """What no single record tells: every second, everything that waits is looked at together.

    do(*, context, **answers) → groups of changes. A group is one transaction, a great one a few of them in its order;
    one that somebody else was faster in is given up, and looked at again.
    asks: in order. When the first has no answer, there is nothing to do.
    settled: while the answers to so many of the first questions are as they were at a look that changed nothing,
    nothing else is asked; 0: every second everything is.
    """

    name: str
    do: Callable[..., Iterable[Sequence[Change]]]
    asks: tuple[Ask, ...]
    settled: int = 0


@dataclass(frozen=True, slots=True)
class Command:
    """Records that are brought to devices over MQTT, again and again until the device answers, or nobody waits for it.

    A device is told on `devices/<login>/commands/<name>`, and answers on `devices/<login>/acks` with {"id": about}.
    of: the type of the deliveries.  waiting: which of them are still to be brought.  device, about: their fields with
    the id of the device and of what it is told.
    tell(what it is about as an entity, or None; context) → the message as JSON, or None: it is over.
    answered, over: (delivery, context) → its change when the device answered, and when it is over before.
    """

    name: str
    of: type[Record]
    waiting: tuple[Where, ...]
    device: str
    about: str
    tell: Callable[[Entity | None, Context], Mapping[str, Any] | None]
    answered: Callable[[Any, Context], Change]
    over: Callable[[Any, Context], Change]


@dataclass(frozen=True, slots=True)
class Timer:
    """A field that waits: when its instant has passed, the broker empties it and raises `event`, in one transaction.

    Whoever moves or empties the field before has changed the timer: the state decides, and nothing else is kept. So a
    timer goes off once, however often a process dies; rules on `event` say what follows, and may set the field anew.
    field: an indexed instant.
    """

    of: type[Record]
    field: str
    event: str


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person does. One signature gives an API route, a command, a console button and an audit record.

    do(record, *, context, **inputs) → effects. For `creates=True` there is no record: do(*, context, **inputs).
    The inputs are the keyword parameters of `do` after `context`, with `Annotated[…, Field(…)]`.
    needs: permission.  public: offered to anonymous callers, rate limited.  states: workflow states that show it.
    """

    do: Callable[..., Iterable[Effect]]
    record: type[Record]
    needs: str
    title: Label
    creates: bool = False
    public: bool = False
    files: bool = False
    states: tuple[str, ...] = ()
    reads: tuple[Read, ...] = ()

    @property
    def name(self) -> str:
        """`<type noun>.<function>`, such as `report.resolve`."""
        return f"{self.record.TYPE.name.lower()}.{self.do.__name__}"  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Level:
    """One limit of a threshold, in the unit of the field that it watches.

    parameter: name of the dated constant that is the limit, or field: the entity's own field that is; one of the two.
    severity, urgency: CAP words for an alert of this level.
    """

    label: Label
    severity: str
    parameter: str = ""
    field: str = ""
    urgency: str = "Immediate"


@dataclass(frozen=True, slots=True)
class Mean:
    """Watch not the reading but the mean of the last `hours` whole hours, which needs `least` hours with readings."""

    hours: int
    least: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """A streaming rule: readings that cross a limit raise an alert, raise its level, lower it, clear it.

    levels: the mildest first.  direction: alert above or below.  hysteresis: name of the dated constant by which the
    value must be back inside before a level ends.  readings, lasts_s: how many readings in a row, spanning how long, it
    takes to begin or end a level.  mean: watch a moving mean.  category: CAP word.
    Readings are watched whatever door they come by, except imported, estimated and forecast ones. A reading that is
    not newer than the last one watched is history: it neither raises nor clears.
    """

    name: str
    of: type[Record]
    field: str
    title: Label
    category: str
    levels: tuple[Level, ...]
    hysteresis: str
    direction: Literal["above", "below"] = "above"
    readings: int = 1
    lasts_s: int = 0
    mean: Mean | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Sources that should speak and do not: one alert for all of an agency in an area, over when they speak again.

    name: also the event of the alert, by which incidents are grouped.  of: types of sources.
    after_s: how long a source whose rhythm is not known may be silent.
    rhythms, patience: names of dated constants: how many times its own rhythm, and at least how many seconds.
    grave_count, grave_share: names of dated constants: so many sources, and that share of a group, are no trifle.
    in_service: value of `lifecycle` of those that should speak.
    """

    name: str
    title: Label
    of: tuple[type[Record], ...]
    after_s: int
    rhythms: str = "silence_rhythms"
    patience: str = "silence_patience"
    grave_count: str = "silence_grave_count"
    grave_share: str = "silence_grave_share"
    in_service: str = "in_service"


Measure = Literal["count", "sum", "mean", "max", "min", "over", "silent"]


@dataclass(frozen=True, slots=True)
class Indicator:
    """A number computed from entities of a type, under conditions.

    measure: count; sum, mean, max, min of `field`; over: how many have `field` at or above their own field `limit`;
    silent: how many have not measured anything within `within_s`.
    An observed field counts with its latest value, if that is not older than `within_s` (0: however old).
    by: also told for each area.  Simulated, estimated and forecast values are never mixed with the others.
    also: further types counted together with `of`; only for measures that add up.
    per: told as a percentage of this number, which its title names, or of what another indicator measures, over what
    the same caller may read: no data where that is 0 or not known.  0: as it is.
    row: line of the plan that it measures; empty: the pack's.
    public: the number may be shown to anybody, though the entities may not.
    """

    name: str
    measure: Measure
    of: type[Record]
    title: Label
    unit: str
    where: tuple[Where, ...] = ()
    field: str = ""
    also: tuple[type[Record], ...] = ()
    row: str = ""
    public: bool = False
    by: Literal["", "area"] = ""
    limit: str = ""
    within_s: int = 0
    per: float | Indicator = 0.0

    @property
    def base(self) -> Indicator | None:
        """What it is measured as a percentage of; None: nothing that is measured."""
        return self.per if isinstance(self.per, Indicator) else None


@dataclass(frozen=True, slots=True)
class Check:
    """The acceptance check of one row of the plan, judged on what the running system really holds. One per row.

    row: as of packs (`III.6`), or one line alone where several lines share a row (`III.6a`).
    indicators: names of the indicators that `judge` is given, without what is simulated or estimated.
    judge(measured, goals) → met, not met or no data, with the evidence. goals: targets of those lines.  Pure.
    """

    row: str
    title: Label
    indicators: tuple[str, ...]
    judge: Judge = goals_reached


@dataclass(frozen=True, slots=True)
class Band:
    """Values up to `upto` (included) have this name. colour: good, fair, poor, bad, very-bad or hazardous."""

    upto: float
    colour: str
    label: Label


@dataclass(frozen=True, slots=True)
class Index:
    """A number per entity from hourly means: do(hours by field, newest first, NaN where unknown; constants) → or None.

    hours: how many, the hour that runs now is not one of them.  basis: where the formula comes from.
    """

    name: str
    of: type[Record]
    title: Label
    fields: tuple[str, ...]
    hours: int
    do: Callable[[Mapping[str, Sequence[float]], Parameters], float | None]
    bands: tuple[Band, ...]
    basis: Label


@dataclass(frozen=True, slots=True)
class Map:
    """A layer of the map. colour_by: field whose values colour the marks.

    beneath: ground such as rivers and roads: drawn as lines and surfaces under the marks of the other layers.
    """

    of: type[Record]
    title: Label
    colour_by: str = ""
    beneath: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A list. columns: fields; empty: title, then indexed fields.  group: field for tabs with counts."""

    of: type[Record]
    title: Label
    columns: tuple[str, ...] = ()
    group: str = ""
    where: tuple[Where, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """A series of an observed field of one entity, or of an indicator over time."""

    of: type[Record]
    title: Label
    field: str


@dataclass(frozen=True, slots=True)
class Silent:
    """Entities whose last reading is older than `after_s` seconds, grouped by what they share (`by` fields)."""

    of: type[Record]
    title: Label
    by: tuple[str, ...]
    after_s: int


@dataclass(frozen=True, slots=True)
class Board:
    """The page of one domain, `/boards/<domain>`: figures, the best or worst sensors, silence, map, alerts.

    of, field: the sensors whose latest values are ranked and drawn; or records and an indexed field of theirs, without
    tiles of silence.  where: of these only.  worst: which end is bad.
    within_s: older values are not ranked.  types: every kind of sensor of the domain, for the map and the silent share.
    """

    domain: str
    title: Label
    of: type[Record]
    field: str
    tiles: tuple[Indicator, ...]
    types: tuple[type[Record], ...]
    where: tuple[Where, ...] = ()
    worst: Literal["highest", "lowest"] = "highest"
    within_s: int = 3600
    index: Index | None = None
    icon: str = "chart"


Panel = Map | Table | Chart | Silent | Board


@dataclass(frozen=True, slots=True)
class StudyLayer:
    """A layer that a kind of study is given: entities of a type, or a file.

    of: type whose entities it holds when no file is given; None: a file or nothing.  columns: of a file, besides its
    place: name → what it holds.  required: without it there is nothing to plan.  placed: False: rows may have no
    place, such as cables that name the stations at their ends.
    raster: a GeoTIFF of metres; it arrives as one feature that carries a grid of degrees.
    """

    name: str
    title: Label
    of: type[Record] | None = None
    columns: Mapping[str, Label] = field(default_factory=dict)
    required: bool = False
    placed: bool = True
    raster: bool = False


@dataclass(frozen=True, slots=True)
class StudyMark:
    """How a layer of an outcome is drawn. name: property that names a feature.

    by: property whose words choose among `tones`: word → (tone, what it says); without it the layer is outlined.
    """

    layer: str
    mark: Mark
    name: str = "name"
    by: str = ""
    tones: Mapping[str, tuple[Tone, Label]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Adoption:
    """What an approved plan becomes: entries of a register, and a share of them that is measured as they are built.

    layer: of the outcome; its features are the items.  of: type of the entries; its field `plan` names
    the study.
    entry(feature, study, id, code) → the entry as planned, or None: nothing is built there.  Pure.
    built: conditions that an entry meets once it stands.  size: field that is summed; empty: entries are counted.
    public: the share may be shown to anybody, though the entries may not.
    over(entry of the register, item) → what the plan writes into it; for an item with the id or the code of an entry
    that is there already. Raises: Conflict when that cannot be taken over.  None: items are always new.
    by: field of what was built that names the study.
    whole: what the entries are parts of, entered with them and not measured: a park that its parcels make up.
    """

    layer: str
    of: type[Record]
    entry: Callable[[Feature, Study, str, str], Record | None]
    built: tuple[Where, ...]
    size: str = ""
    public: bool = False
    over: Callable[[Any, Any], Mapping[str, Any]] | None = None
    by: str = "plan"
    whole: Adoption | None = None

    def measure(self, study: str) -> Indicator:
        """What has been built of the plan of a study. study: its id."""
        title = Label("Đã xây dựng theo phương án", "Built of the plan")
        where = (Where(self.by, "==", study), *self.built)
        measure: Measure = "sum" if self.size else "count"
        return Indicator(
            f"built {study}", measure, of=self.of, title=title, unit=self.unit, where=where, field=self.size,
            public=self.public,
        )  # fmt: skip

    @property
    def unit(self) -> str:
        """Of what is measured."""
        return describe(self.of).fields[self.size].unit if self.size else "C62"


_COUNTED = Label("trạm", "sites")


@dataclass(frozen=True, slots=True)
class StudyKind:
    """A kind of planning study, solved in a process of its own: it may keep a core busy for minutes.

    layers: what it is given.  assumptions: names of dated constants of the pack that it stands on; a planner may give
    others, with their source.  prices: assumptions that have no default: unit by name; needed for a budget in money.
    solve(problem, tell) → outcome.  Pure; it looks at no clock but for its own end.  Raises: InvalidInput naming the
    field of the problem.  needs: modules of the extra `planning` that must be installed.
    budgets: units in which a budget may be given.  counted: what a plain number (C62) is a number of, in the plural.
    marks: layers that are drawn, the lowest first.
    focus: a table and the layer of the same name, row by feature: each can be looked at closely, and its column
    `compared` stands side by side with that of other scenarios.
    adoption: what an approved plan becomes; None: nothing of it is built.
    yields: kind of study that may take over the assumptions that this one finds.
    picks: layer of the outcome whose features are what was chosen; empty: that of the adoption.
    """

    name: str
    title: Label
    layers: tuple[StudyLayer, ...]
    assumptions: Mapping[str, Label]
    prices: Mapping[str, Label]
    solve: Callable[[Problem, Tell], Outcome]
    needs: tuple[str, ...] = ()
    budgets: tuple[str, ...] = ("VND",)
    counted: Label = _COUNTED
    marks: tuple[StudyMark, ...] = ()
    focus: str = ""
    compared: str = ""
    adoption: Adoption | None = None
    picks: str = ""
    yields: str = ""

    @property
    def chosen(self) -> str:
        """Layer of what was chosen; empty: nothing was declared."""
        return self.picks or (self.adoption.layer if self.adoption is not None else "")


@dataclass(frozen=True, slots=True)
class Learner:
    """A classifier of texts in `Context.models`, trained at start from a shipped corpus and again as people correct it.

    corpus: CSV file of the example, with a column `text` and one for every answer.  answers: what is asked of a text →
    the words allowed.  corrected: entities whose answers a person decided, the newest first; each has the answers among
    its fields.  text: of such an entity.  say: what the logic is given of the verdicts, by answer.
    """

    name: str
    corpus: str
    answers: Mapping[str, Sequence[str]]
    corrected: Query
    text: Callable[[Entity], str]
    say: Callable[[Mapping[str, Verdict]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Secret:
    """Whoever was told a secret with a record follows the record by it, without an account.

    field: indexed; it holds `digest(secret)`, never the secret.
    """

    of: type[Record]
    field: str
    digest: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Pack:
    """A row of the plan as a declaration. name: the folder.  row: the plan's line, such as `III.2e`.

    roles: permissions that this pack adds to a core role, such as {"operator": ("report.resolve",)}.
    """

    name: str
    title: Label
    row: str
    types: tuple[type[Record], ...] = ()
    feeds: tuple[Feed, ...] = ()
    rules: tuple[Rule, ...] = ()
    timers: tuple[Timer, ...] = ()
    rounds: tuple[Round, ...] = ()
    commands: tuple[Command, ...] = ()
    actions: tuple[Action, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    silences: tuple[Silence, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    checks: tuple[Check, ...] = ()
    panels: tuple[Panel, ...] = ()
    studies: tuple[StudyKind, ...] = ()
    learners: tuple[Learner, ...] = ()
    secret: Secret | None = None
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
