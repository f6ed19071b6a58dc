"""How the snapshot of a sale looks in JSON: the frame of the admin socket, and the answer of the admin API.

Amounts are in minor units, times UTC. `/openapi.json` and `/asyncapi.json` are made from these.
"""

from typing import Literal

from msgspec import Struct

from app.live.shapes import Money, Time
from app.watch.pressure import Reason

HeldBackBy = Literal["nobody", "rate", "room", "stock", "state", "silence"]
OrganiserState = Literal["scheduled", "drawing", "open", "paused", "sold_out", "closed", "not_ready"]


class SnapshotEvent(Struct, frozen=True):
    """The sale and its settings. `notice` is what is read while it is paused, `message` what everybody is told.

    `revision` grows with every change of the settings: what `If-Match` of a change must say. A sale that `is_over`
    cannot be opened again: it was called off, or cleared away.
    """

    slug: str
    name: str
    sale: OrganiserState
    is_over: bool
    notice: str | None
    opens_at: Time
    rate_per_minute: int
    room: int
    message: str | None
    pass_ttl_seconds: int
    hold_ttl_seconds: int
    max_per_buyer: int
    overbooking_percent: int | None
    revision: int


class Funnel(Struct, frozen=True):
    """How many buyers, and orders, are in each stage now."""

    lobby: int
    waiting: int
    parked: int
    admitted: int
    holding: int
    paid: int
    refunded: int


class Passed(Struct, frozen=True):
    """How many ever came into each stage: what flows are told from, whatever has left it meanwhile."""

    lobby: int
    waiting: int
    admitted: int
    holding: int
    lapsed: int
    paid: int
    refunded: int


class SnapshotPace(Struct, frozen=True):
    """How many came in during the last minute, how many could come in at once, and what keeps others out now.

    `held_back_by` is `nobody` while nothing does, and `silence` when admission does not report.
    """

    admitted_last_minute: int
    free_seats: int
    held_back_by: HeldBackBy


class SnapshotWaits(Struct, frozen=True):
    """How long those who came in during the last five minutes had waited, since they joined or were drawn.

    Half of them waited for `p50_seconds` at most, 95 of 100 for `p95_seconds`; null where nobody came in.
    """

    let_in: int
    p50_seconds: int | None
    p95_seconds: int | None


class SnapshotSku(Struct, frozen=True):
    """A kind of ticket: what became of its capacity, and what was paid for it."""

    id: int
    name: str
    price: Money
    currency: str
    capacity: int
    available: int
    held: int
    sold: int
    revenue: Money


class SnapshotMoney(Struct, frozen=True):
    """What was taken, is under way, and went back; and how many charges came to which end."""

    currency: str
    taken: Money
    pending: Money
    refunded: Money
    charges_completed: int
    charges_failed: int


class Verdict(Struct, frozen=True):
    """What the last reconciliation of all sales found; `failed` says what is wrong, a line each."""

    ok: bool
    checked_at: Time
    failed: list[str]


class KeptVerdict(Verdict, frozen=True):
    """A verdict as the reconciler leaves it in Redis: besides, facts not read yet, and dead letters."""

    lag: int
    dlq: int


class ProcessLight(Struct, frozen=True):
    """A process, where it runs and when it last reported; `ok` is false once it has been silent for too long."""

    name: str
    host: str
    pid: int
    age_seconds: int
    ok: bool


class Overload(Struct, frozen=True):
    """What is too much for web processes (nothing: all is well), and what is done about it.

    `loop`: they cannot keep up; `outbox`: too many orders are on their way to the books; `books`: those have been
    on their way for too long. `pace` is what part of its rate each event lets in.
    """

    reasons: list[Reason]
    arrivals_wait: bool
    pace: float


class Trust(Struct, frozen=True):
    """Whether all is in order. `lag`, `dlq` and `verdict` are null until the first reconciliation.

    `connections` are those that are open to all web processes, of every sale.
    """

    outbox: int
    lag: int | None
    dlq: int | None
    verdict: Verdict | None
    connections: int
    processes: list[ProcessLight]
    overload: Overload


class OrderInReview(Struct, frozen=True):
    """An order that was paid otherwise than it should be, and keeps its tickets until `expires_at`."""

    order_id: str
    code: str
    total: Money
    paid: Money
    currency: str
    expires_at: Time


class Trouble(Struct, frozen=True):
    """What waits for somebody to decide. `orders` are the first of those in review."""

    in_review: int
    orders: list[OrderInReview]
    refused_refunds: int


class Happening(Struct, frozen=True):
    """Something that people or the system did."""

    at: Time
    text: str


class Snapshot(Struct, frozen=True, tag_field="type", tag="snapshot"):
    """Everything that matters of a sale now: its state, who waits, stock, money, trust, what happened last."""

    server_now: Time
    event: SnapshotEvent
    funnel: Funnel
    passed: Passed
    pace: SnapshotPace
    skus: list[SnapshotSku]
    money: SnapshotMoney
    books_read_at: Time
    trust: Trust
    trouble: Trouble
    feed: list[Happening]
    waits: SnapshotWaits
