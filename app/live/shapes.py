"""How things look in JSON: every answer and every frame, the same in the API, in pages and on sockets.

The documents of the API (`/openapi.json`, `/asyncapi.json`) are made from these.
"""

from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from app.orders.lifecycle import BOUGHT, Order, due_minor
from app.sale.catalog import Event, SaleState, Stock, end_after_pauses, vat_of
from app.sale.gates.rules import Codes
from app.sale.pace import chance, eta_seconds
from app.sale.waiting_room import Place
from app.units import iso, now_ms, optional_iso

NEAR_FRONT = 100

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"}, description="UTC, ISO 8601.")]
Money = Annotated[int, Meta(description="In minor units, such as cents.")]
TicketStatus = Literal["valid", "used", "void"]
PlaceStatus = Literal["lobby", "waiting", "admitted", "lapsed", "left"]


class SkuFacts(Struct, frozen=True):
    """One kind of ticket of a sale: how many are left, and how many are held by orders not paid yet.

    `vat` is what of the price is value added tax. There are no fees on top: the price is what is paid.
    `max_per_buyer` is of this kind, besides the limit of the sale, and `sells_from` and `sells_until` are when it
    is on sale; null: there is no such rule.
    """

    id: int
    name: str
    price: Money
    currency: str
    available: int
    held: int
    vat: Money = 0
    max_per_buyer: int | None = None
    sells_from: Time | None = None
    sells_until: Time | None = None


class EventFacts(Struct, frozen=True):
    """The public facts of a sale. `notice` is the organiser's words while it is paused, or once it is called off.

    `starts_at`, `doors_at` and `venue` are of the concert itself; null while they are not announced.
    `codes` says whether a presale code may be brought, or must be, `work` whether joining takes some, `accounts`
    whether a place belongs to an account of the organiser's, and `shop_url` where those who are let in go
    shopping, if not here. `picture` is the address of the event's picture.
    """

    slug: str
    name: str
    sale: SaleState
    opens_at: Time
    starts_at: Time | None
    doors_at: Time | None
    venue: str | None
    accent: str
    notice: str | None
    message: str | None
    rate_per_minute: int
    pass_ttl_seconds: int
    hold_ttl_seconds: int
    max_per_buyer: int
    draw_commitment: str
    skus: list[SkuFacts]
    called_off: bool = False
    codes: Codes = "none"
    accounts: bool = False
    work: bool = False
    shop_url: str | None = None
    deposit_percent: Annotated[int | None, Meta(description="Of an order's total, to be paid first.")] = None
    rest_due_days: Annotated[int | None, Meta(description="After ordering, for the rest.")] = None
    picture: str | None = None


class EventList(Struct, frozen=True):
    """Sales, those that open last first. `next` is the cursor of the next ones; null: there are no more."""

    events: list[EventFacts]
    next: str | None


class DrawFacts(Struct, frozen=True, kw_only=True):
    """The draw of a sale: what was promised beforehand, and, once it is published, all it takes to recompute it.

    `none`: buyers came in without a draw. `drawn`: the list is about to be published. The `entrants` got the
    numbers after `drawn_after`. A buyer is told their own `public_id`, and their `number` if the draw gave it.
    """

    commitment: Annotated[str, Meta(description="SHA-256 of the secret, in hex.")]
    state: Literal["none", "committed", "drawing", "drawn", "published"]
    secret: Annotated[str, Meta(description="In hex.")] | UnsetType = UNSET
    list_hash: Annotated[str, Meta(description="SHA-256 of the sorted public ids, in hex.")] | UnsetType = UNSET
    entrants: int | UnsetType = UNSET
    drawn_after: int | UnsetType = UNSET
    published_at: Time | UnsetType = UNSET
    public_id: str | UnsetType = UNSET
    number: int | UnsetType = UNSET


class DrawEntrant(Struct, frozen=True):
    """Somebody who was drawn, and the queue number they got."""

    public_id: str
    number: int


class PlaceFacts(Struct, frozen=True):
    """Where a buyer stands. `position` is how many are ahead.

    `band` is 0 for everybody without a presale code; those in a higher one are ahead. `eta_seconds` is from when
    to when they are likely to be called; null while nobody is let in. `left` is how many tickets are not sold yet,
    and `chance` whether they are likely to last until this buyer's turn.
    """

    status: PlaceStatus
    number: int | None
    position: int | None
    waiting: int
    eta_seconds: Annotated[list[int], Meta(min_length=2, max_length=2)] | None
    left: int | None
    chance: Literal["good", "unlikely", "none"] | None
    expires_at: Time | None
    poll_after_ms: int
    band: int = 0


class QueuePlace(PlaceFacts, frozen=True):
    """Where a buyer stands, for polling. `token` is there when it is a new one: use it from now on."""

    token: str | UnsetType = UNSET


class JoinedPlace(PlaceFacts, frozen=True, kw_only=True):
    """Where a buyer stands after joining, and the token that says who they are."""

    token: str


class PlaceFrame(PlaceFacts, frozen=True, tag_field="type", tag="place"):
    """The frame that says where a buyer stands."""


class SkuStock(Struct, frozen=True):
    """How many of a kind of ticket are left, and how many are held by orders not paid yet."""

    id: int
    available: int
    held: int


class StockFrame(Struct, frozen=True, tag_field="type", tag="stock"):
    """The frame that says what is left, and what the organiser tells everybody."""

    sale: SaleState
    skus: list[SkuStock]
    message: str | None


class OrderFrame(Struct, frozen=True, tag_field="type", tag="order"):
    """The frame that says how an order stands. `version` only grows: what is older is not news."""

    order_id: str
    status: str
    version: int
    total: Money
    expires_at: Time


class PingFrame(Struct, frozen=True, tag_field="type", tag="ping"):
    """The frame that says that the socket is alive, and what time it is here."""

    server_now: Time


Frame = PlaceFrame | StockFrame | OrderFrame | PingFrame


class HeldOrder(Struct, frozen=True):
    """An order that was just placed: its tickets are held until `expires_at`.

    `receipt` proves it: sent back as `Order-Receipt`, it brings the order back if it was lost. Empty for none.
    """

    order_id: str
    status: Literal["HELD"]
    total: Money
    currency: str
    expires_at: Time
    receipt: str


class WorkFor(Struct, frozen=True):
    """The event that the work is for."""

    event: int


class WorkParameters(Struct, frozen=True, rename="camel"):
    """What is to be solved, named as in ALTCHA's protocol; `expires_at` in seconds since 1970."""

    algorithm: str
    cost: int
    key_length: int
    key_prefix: str
    nonce: str
    salt: str
    key_signature: str
    expires_at: int
    data: WorkFor


class WorkChallenge(Struct, frozen=True):
    """A challenge of ALTCHA's protocol, for its widget and libraries."""

    parameters: WorkParameters
    signature: str


class PassForShops(Struct, frozen=True):
    """A pass that other shops can check with `/.well-known/jwks.json`; it ends soon.

    `location` is where to go shopping with it, null where no shop is known.
    """

    token: str
    expires_at: Time
    location: str | None


class JwksKey(Struct, frozen=True):
    """A public key (RFC 8037)."""

    kty: str
    crv: str
    kid: str
    alg: str
    use: str
    x: str


class Jwks(Struct, frozen=True):
    """Public keys (RFC 7517)."""

    keys: list[JwksKey]


class Extension(Struct, frozen=True):
    """There is more time, until `expires_at`."""

    expires_at: Time


class CanceledOrder(Struct, frozen=True):
    """An order that was asked to be given back, and its status at that moment."""

    order_id: str
    status: str


class OrderEvent(Struct, frozen=True):
    """The event an order belongs to."""

    slug: str
    name: str


class OrderLine(Struct, frozen=True):
    """So many tickets of one kind, at the price they were ordered at; `void` of them were taken back."""

    sku_id: int
    name: str
    quantity: int
    price: Money
    void: int = 0


class OrderPayment(Struct, frozen=True):
    """An attempt to pay, or a refund."""

    payment_id: str
    kind: Literal["CHARGE", "REFUND"]
    status: str
    amount: Money
    currency: str
    created_at: Time


class Instalment(Struct, frozen=True):
    """A part of an order's total: when it is due, and whether it was paid."""

    amount: Money
    due_at: Time
    paid: bool


class OrderFacts(Struct, frozen=True):
    """An order with its items and payments. `due` is what is to be paid next."""

    order_id: str
    event: OrderEvent
    status: str
    version: int
    total: Money
    currency: str
    placed_at: Time
    expires_at: Time
    items: list[OrderLine]
    payments: list[OrderPayment]
    extended: Annotated[bool, Meta(description="More time to pay was asked for, which there is once.")] = False
    link: Annotated[str | None, Meta(description="Shows this order to whoever has it, once it is paid.")] = None
    vat: Money = 0
    due: Money = 0
    instalments: Annotated[list[Instalment], Meta(description="None where all of it is paid at once.")] = []


class TicketFacts(Struct, frozen=True):
    """A ticket of an order. Its `code` is what a door reads. `used_at` and `gate` say when and where it came in.

    `handed_on` tickets are somebody else's now: their code is not told here.
    """

    ticket_id: str
    code: str | None
    sku_id: int
    name: str
    status: TicketStatus
    handed_on: bool
    used_at: Time | None
    gate: str | None


class UsedTicket(Struct, frozen=True):
    """A ticket that was let in just now."""

    status: Literal["used"]
    used_at: Time
    gate: str
    ticket_id: str
    sku_id: int
    name: str


class OrderContact(Struct, frozen=True):
    """Where the buyer is told about an order."""

    order_id: str
    email: str


class HandedOnTicket(Struct, frozen=True):
    """A ticket that is somebody else's from now on. `link` shows it, and is for them alone."""

    ticket_id: str
    link: str


class TicketKey(Struct, frozen=True):
    """A public key that codes of tickets are signed with, as JWK has it."""

    kid: str
    x: str
    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    use: Literal["sig"] = "sig"


class TicketKeySet(Struct, frozen=True):
    """The public keys that codes of tickets are good with."""

    keys: list[TicketKey]


class OrderLink(Struct, frozen=True):
    """The link to an order that is good from now on; the one before is void."""

    order_id: str
    link: str


class OrderList(Struct, frozen=True):
    """A buyer's orders, newest first. `next` is the cursor of the next ones; null: there are no more."""

    orders: list[OrderFacts]
    next: str | None


class StartedPayment(Struct, frozen=True):
    """A payment that was started: it goes on at the provider's page."""

    payment_id: str
    status: Literal["PENDING"]
    amount: Money
    redirect_url: str


class AdminSession(Struct, frozen=True):
    """A session that has begun; its token is for `Authorization: Bearer` on every call of an admin."""

    token: str


class Accepted(Struct, frozen=True):
    """What the provider reported is safe with us."""

    status: Literal["accepted"] = "accepted"


class Health(Struct, frozen=True):
    """The process is alive."""

    status: Literal["alive"] = "alive"


class Readiness(Struct, frozen=True):
    """Every dependency answers: "up", or "down: " and why.

    `rebuilding`: the id of an event that Redis lost -> how far its rebuild has come.
    """

    status: Literal["ready"]
    dependencies: dict[str, str]
    rebuilding: dict[str, str]


def event_facts(
    event: Event, state: SaleState, stock: dict[int, Stock], notice: str | None, message: str | None = None
) -> EventFacts:
    """The public facts of a sale."""
    return EventFacts(
        slug=event.slug,
        name=event.name,
        sale=state,
        opens_at=iso(event.opens_at_ms),
        starts_at=optional_iso(event.starts_at_ms),
        doors_at=optional_iso(event.doors_at_ms),
        venue=event.venue,
        accent=event.accent,
        notice=notice,
        message=message,
        rate_per_minute=event.rate_per_minute,
        pass_ttl_seconds=event.pass_ttl_seconds,
        hold_ttl_seconds=event.hold_ttl_seconds,
        max_per_buyer=event.max_per_buyer,
        draw_commitment=event.draw_commitment,
        skus=[
            SkuFacts(
                id=sku.id,
                name=sku.name,
                price=stock[sku.id].price_minor if sku.id in stock else sku.price_minor,
                currency=event.currency,
                available=stock[sku.id].available if sku.id in stock else 0,
                held=stock[sku.id].held if sku.id in stock else 0,
                vat=sku.vat_minor,
                max_per_buyer=sku.max_per_buyer,
                sells_from=optional_iso(sku.sells_from_ms),
                sells_until=optional_iso(sku.sells_until_ms),
            )
            for sku in event.skus
        ],
        called_off=event.called_off_at_ms is not None,
        codes=event.gates.codes,
        accounts=event.gates.account is not None,
        work=event.gates.work > 0,
        shop_url=event.gates.shop_url or None,
        deposit_percent=event.deposit_percent,
        rest_due_days=event.rest_due_days,
        picture=event.picture_address,
    )


Shape = TypeVar("Shape", bound=PlaceFacts)


def place_facts(shape: type[Shape], place: Place, **more: str) -> Shape:
    """Where a buyer stands, as one of the shapes that say so."""
    waits = place.status == "waiting"
    eta = eta_seconds(place.position, place.pace) if waits else None
    return shape(
        status=place.status,  # type: ignore[arg-type]  # one of them: see place.lua
        number=place.number or None,
        position=place.position if waits else 0 if place.status == "admitted" else None,
        waiting=place.waiting,
        eta_seconds=list(eta) if eta else None,
        left=place.pace.left if waits and place.pace.measured else None,
        chance=chance(place.position, place.pace) if waits else None,  # type: ignore[arg-type]  # one of them
        expires_at=iso(place.expires_at_ms) if place.expires_at_ms else None,
        poll_after_ms=2_000 if waits and place.position < NEAR_FRONT else 5_000,
        band=place.band,
        **more,
    )


def stock_frame(state: SaleState, stock: dict[int, Stock], message: str = "") -> StockFrame:
    """The frame that says what is left."""
    return StockFrame(state, [SkuStock(s.sku_id, s.available, s.held) for s in stock.values()], message or None)


def order_frame(order_id: str, status: str, version: int, total_minor: int, expires_at_ms: int) -> OrderFrame:
    """The frame that says how an order stands."""
    return OrderFrame(order_id, status, version, total_minor, iso(expires_at_ms))


def end_of(event: Event, order: Order) -> int:
    """When the hold of an order ends, UTC ms: later than it was told at first by the pauses of the sale."""
    if order.status not in ("HELD", "PENDING"):
        return order.expires_at_ms
    return end_after_pauses(order.placed_at_ms, order.expires_at_ms, event.pauses, now_ms())


def order_facts(event: Event, order: Order, link: str | None = None) -> OrderFacts:
    """An order with its items and payments, and its link where there is one."""
    names = {sku.id: sku.name for sku in event.skus}
    void = {back.sku_id: back.void for back in order.back}
    vat_percent = {sku.id: sku.vat_percent for sku in event.skus}
    return OrderFacts(
        order_id=order.id,
        event=OrderEvent(event.slug, event.name),
        status=order.status,
        version=order.version,
        total=order.total_minor,
        currency=order.currency,
        placed_at=iso(order.placed_at_ms),
        expires_at=iso(end_of(event, order)),
        items=[
            OrderLine(i.sku_id, names.get(i.sku_id, ""), i.quantity, i.price_minor, void.get(i.sku_id, 0))
            for i in order.items
        ],
        payments=[
            OrderPayment(p.id, p.kind, p.status, p.amount_minor, p.currency, iso(p.created_at_ms))  # type: ignore[arg-type]
            for p in order.payments
        ],
        extended=order.extended,
        link=link,
        vat=sum(vat_of(i.price_minor * i.quantity, vat_percent.get(i.sku_id, Decimal(0))) for i in order.items),
        due=due_minor(order),
        instalments=_instalments(event, order),
    )


def _instalments(event: Event, order: Order) -> list[Instalment]:
    if not order.deposit_minor:
        return []
    bought, deposited = order.status in BOUGHT, bool(order.deposit_id)
    rest_due_at_ms = end_of(event, order) if deposited else order.rest_due_at_ms
    return [
        Instalment(order.deposit_minor, iso(order.placed_at_ms), deposited or bought),
        Instalment(order.total_minor - order.deposit_minor, iso(rest_due_at_ms), bought),
    ]
