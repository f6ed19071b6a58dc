"""Events and skus, and what may be said about a sale: pure, nothing here talks to the outside."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Literal, cast

from app.sale.gates.blocks import Blocked
from app.sale.gates.rules import NO_GATES, Gates
from app.units import CURRENCIES, DAY_MS, MAX_MINOR

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
ACCENTS = ("#7c3aed", "#0f766e", "#b91c1c", "#1d4ed8", "#a21caf", "#15803d", "#c2410c", "#4338ca")
MAX_SKUS = 50
MAX_CAPACITY = 1_000_000
MAX_DESCRIPTION_CHARACTERS = 10_000
MAX_PER_BUYER = 1_000
MAX_QUANTITY = 10  # tickets in one line of an order
MAX_NAME_CHARACTERS = 120
JOINERS = "\u200c\u200d"  # of letters, in Persian say, and of emoji
MAX_SKU_NAME_CHARACTERS = 80
MAX_VENUE_CHARACTERS = 120

SaleState = Literal["scheduled", "open", "paused", "sold_out", "closed"]  # as buyers are told


PROVIDER_NAMES = ("sandbox", "stripe")  # a test holds app/payments/providers.py to it


class InvalidEvent(ValueError):
    """An event cannot be created like this; the text says which part is wrong and what is expected."""


@dataclass(frozen=True)
class Sku:
    """One kind of ticket. `id` is 0 until it is in the books."""

    id: int
    name: str
    price_minor: int
    capacity: int
    sold: int = 0  # as the books have it
    vat_percent: Decimal = Decimal(0)  # in the price
    max_per_buyer: int | None = None  # of this kind; None: the event's limit alone
    sells_from_ms: int | None = None  # None, here and below: for as long as the sale goes on
    sells_until_ms: int | None = None

    @property
    def vat_minor(self) -> int:
        """What of the price is VAT."""
        return vat_of(self.price_minor, self.vat_percent)


Pause = tuple[int, int]  # began, ended in UTC ms; ended 0 while it lasts


@dataclass(frozen=True)
class Event:
    """A concert and how it is sold. `id` is 0 until it is in the books."""

    id: int
    slug: str
    name: str
    currency: str
    state: str  # draft | scheduled | open | paused | closed, as in the books
    notice: str | None
    accent: str  # #rrggbb
    opens_at_ms: int
    rate_per_minute: int
    room: int
    pass_ttl_seconds: int
    hold_ttl_seconds: int
    max_per_buyer: int
    draw_secret: str
    skus: tuple[Sku, ...]
    pauses: tuple[Pause, ...] = ()
    on_sale: bool = True  # it was put into Redis
    purged: bool = False  # over for good, and cleared away in Redis
    epoch: int = 1  # of its data in Redis, as in the books
    starts_at_ms: int | None = None  # the concert itself; None, here and below: not announced yet
    doors_at_ms: int | None = None
    venue: str | None = None
    picture: str | None = None  # its name: the SHA-256 of the JPEG
    retention_days: int | None = None  # so many days after it, what names its buyers is erased; None: never
    refund_days: int | None = None  # buyers may ask for a refund until so many days before it starts; None: never
    provider: str = "sandbox"  # who takes the money of new payments
    called_off_at_ms: int | None = None
    called_off_reason: str = ""
    gates: Gates = NO_GATES  # what is asked of those who join
    blocked: Blocked = field(default_factory=dict)  # who is kept out
    revision: int = 1  # grows with every change by an organiser
    overbooking_percent: int | None = None  # passes for a hundred available tickets; None: as the setting has it
    description: str | None = None  # Markdown
    archived: bool = False  # off the lists
    deposit_percent: int | None = None  # of an order's total, to be paid first; None: all of it at once
    rest_due_days: int | None = None  # after ordering, for the rest

    @property
    def picture_address(self) -> str | None:
        """Where its picture is, if it has one."""
        return f"/pictures/{self.picture}.jpg" if self.picture else None

    @property
    def draw_commitment(self) -> str:
        """What is published before the draw: SHA-256 of the secret, in hex."""
        return sha256(bytes.fromhex(self.draw_secret)).hexdigest()


def vat_of(gross_minor: int, percent: Decimal) -> int:
    """What of a price is VAT, rounded to the minor unit, halves up: as MySQL's ROUND has it."""
    return int((gross_minor * percent / (100 + percent)).quantize(Decimal(1), ROUND_HALF_UP))


def parse_sku(text: str) -> Sku:
    """A sku from "name:price in minor units:capacity", or with ":percent of VAT in it". Raises InvalidEvent.

    Its own rules may follow: ";limit=2", ";from=2026-12-24T20:00Z", ";until=…".
    """
    name, _, more = text.partition(":")
    numbers, _, rules = more.partition(";")
    match = re.fullmatch(r"(\d{1,12}):(\d{1,7})(?::(\d{1,2}(?:\.\d{1,2})?))?", numbers)
    own = dict(rule.partition("=")[::2] for rule in rules.split(";") if rule)
    limit = own.get("limit", "1")
    if (
        not 1 <= len(name.strip()) <= 80
        or not match
        or own.keys() - {"limit", "from", "until"}
        or not re.fullmatch(r"\d{1,4}", limit, re.ASCII)
    ):
        raise InvalidEvent(
            f'sku {text!r}: expected "name:price in minor units:capacity", like "Floor:4500:300", and after it'
            ' ";limit=2", ";from=TIME" or ";until=TIME"'
        )
    sku = Sku(
        0,
        name.strip(),
        price_minor=int(match[1]),
        capacity=int(match[2]),
        vat_percent=Decimal(match[3] or 0),
        max_per_buyer=int(limit) if "limit" in own else None,
        sells_from_ms=parse_time(f"sku {name!r}, from", own["from"]) if "from" in own else None,
        sells_until_ms=parse_time(f"sku {name!r}, until", own["until"]) if "until" in own else None,
    )
    _check_sku(sku)
    return sku


def sku_rules(skus: Sequence[Sku]) -> str:
    """The rules of an event's skus as its sale in Redis has them: ",7:2:from ms:until ms,9::from ms:,".

    A sku without rules of its own is not in it; empty when none has any.
    """
    ruled = [
        sku for sku in skus if (sku.max_per_buyer, sku.sells_from_ms, sku.sells_until_ms) != (None, None, None)
    ]
    parts = [
        ":".join(
            "" if rule is None else str(rule)
            for rule in (s.id, s.max_per_buyer, s.sells_from_ms, s.sells_until_ms)
        )
        for s in ruled
    ]
    return f",{','.join(parts)}," if parts else ""


def parse_time(name: str, text: str) -> int:
    """UTC ms of "2026-12-24T20:00Z" or of another offset; `name` is what is read. Raises InvalidEvent."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not 2000 <= at.year <= 9000:
        raise InvalidEvent(f'{name}: a time with its offset from UTC, like "2026-12-24T20:00Z" or "…T20:00+01:00"')
    return int(at.timestamp() * 1000)


def check_event(event: Event) -> None:
    """Raises InvalidEvent when an event is not as it should be."""
    if not SLUG.fullmatch(event.slug):
        raise InvalidEvent("slug: 1 to 64 lowercase letters, digits and hyphens, none at an end")
    if not _is_name(event.name, MAX_NAME_CHARACTERS):
        raise InvalidEvent(
            f"name: 1 to {MAX_NAME_CHARACTERS} characters, on one line and without blanks around it"
        )
    if event.currency not in CURRENCIES:
        raise InvalidEvent(f"currency: one of {', '.join(sorted(CURRENCIES))}")
    if not 1 <= len(event.skus) <= MAX_SKUS:
        raise InvalidEvent(f"sku: 1 to {MAX_SKUS} of them")
    if len({sku.name for sku in event.skus}) != len(event.skus):
        raise InvalidEvent("sku: each needs a name of its own")
    for sku in event.skus:
        _check_sku(sku)
    if event.description is not None and len(event.description) > MAX_DESCRIPTION_CHARACTERS:
        raise InvalidEvent(f"description: at most {MAX_DESCRIPTION_CHARACTERS} characters")
    if event.overbooking_percent is not None and not 100 <= event.overbooking_percent <= 1_000:
        raise InvalidEvent("overbooking-percent: from 100 to 1000")
    if event.venue is not None and not _is_name(event.venue, MAX_VENUE_CHARACTERS):
        raise InvalidEvent(
            f"venue: 1 to {MAX_VENUE_CHARACTERS} characters, on one line and without blanks around it"
        )
    if event.doors_at_ms is not None and (event.starts_at_ms is None or event.doors_at_ms > event.starts_at_ms):
        raise InvalidEvent("doors-at: not after the event starts, and only with starts-at")
    if event.provider not in PROVIDER_NAMES:
        raise InvalidEvent(f"provider: one of {', '.join(PROVIDER_NAMES)}")
    bounds = {
        "rate": (event.rate_per_minute, 1, 1_000_000),
        "room": (event.room, 1, 1_000_000),
        "pass-ttl": (event.pass_ttl_seconds, 1, 86_400),
        "hold-ttl": (event.hold_ttl_seconds, 1, 86_400),
        "max-per-buyer": (event.max_per_buyer, 1, MAX_PER_BUYER),
        "refund-days": (event.refund_days, 0, 365),
        "retention-days": (event.retention_days, 1, 3_650),
        "deposit-percent": (event.deposit_percent, 1, 90),
        "rest-due-days": (event.rest_due_days, 1, 365),
    }
    if event.deposit_percent is not None and event.rest_due_days is None:
        raise InvalidEvent("rest-due-days: a deposit needs the days for the rest too")
    if event.rest_due_days is not None and event.deposit_percent is None:
        raise InvalidEvent("deposit-percent: days for the rest need a deposit too")
    for name, (value, least, most) in bounds.items():
        if value is not None and not least <= value <= most:
            raise InvalidEvent(f"{name}: from {least} to {most}")


def _is_name(text: str, most: int) -> bool:
    """Whether it is shown as it is written: on one line, and without marks that turn around what follows."""
    shown = "".join(letter for letter in text if letter not in JOINERS)
    return 1 <= len(text) <= most and shown.isprintable() and text == text.strip()


def _check_sku(sku: Sku) -> None:
    if not _is_name(sku.name, MAX_SKU_NAME_CHARACTERS):
        raise InvalidEvent(
            f"sku: a name has 1 to {MAX_SKU_NAME_CHARACTERS} characters, on one line and without blanks around it"
        )
    if not 1 <= sku.capacity <= MAX_CAPACITY:
        raise InvalidEvent(f"sku {sku.name!r}: the capacity must be from 1 to {MAX_CAPACITY}")
    if not 1 <= sku.price_minor <= MAX_MINOR // (MAX_QUANTITY * MAX_SKUS):
        raise InvalidEvent(f"sku {sku.name!r}: the price is out of bounds")
    if not 0 <= sku.vat_percent < 100 or sku.vat_percent != round(sku.vat_percent, 2):
        raise InvalidEvent(f"sku {sku.name!r}: the VAT must be from 0 to 99.99 percent, with two decimals at most")
    if sku.max_per_buyer is not None and not 1 <= sku.max_per_buyer <= MAX_PER_BUYER:
        raise InvalidEvent(f"sku {sku.name!r}: one buyer may have from 1 to {MAX_PER_BUYER}")
    if (
        sku.sells_from_ms is not None
        and sku.sells_until_ms is not None
        and sku.sells_from_ms >= sku.sells_until_ms
    ):
        raise InvalidEvent(f"sku {sku.name!r}: it is on sale until a time after it is from")


def hints(event: Event) -> list[str]:
    """What an organiser should think of before the opening: allowed, and most likely not what is meant."""
    found = []
    tickets = sum(sku.capacity for sku in event.skus)
    shopping = event.rate_per_minute * event.pass_ttl_seconds / 60
    if event.room > 2 * shopping:
        found.append(
            f"A room of {event.room:,} with a rate of {event.rate_per_minute:,} a minute and a pass of"
            f" {event.pass_ttl_seconds} s never holds more than {shopping:,.0f} buyers: it stays half empty."
        )
    if event.rate_per_minute * 10 > event.room * 600 and event.room < tickets:
        found.append(f"The room of {event.room:,} is full within a second at {event.rate_per_minute:,} a minute.")
    if event.room > tickets:
        found.append(f"The room takes {event.room:,} buyers for {tickets:,} tickets: many come in for nothing.")
    if event.hold_ttl_seconds < 120:
        found.append(f"{event.hold_ttl_seconds} s to pay is short: a bank's confirmation takes up to two minutes.")
    if event.hold_ttl_seconds > 1_800:
        found.append(f"With {event.hold_ttl_seconds // 60} min to pay, tickets that nobody pays come back late.")
    if event.max_per_buyer * 10 > tickets:
        found.append(f"One buyer may take {event.max_per_buyer} of {tickets:,} tickets, a tenth or more of all.")
    for sku in event.skus:
        if sku.max_per_buyer is not None and sku.max_per_buyer >= event.max_per_buyer:
            found.append(f"{sku.name} has a limit of its own that is not below the event's: it changes nothing.")
        if sku.sells_until_ms is not None and sku.sells_until_ms <= event.opens_at_ms:
            found.append(f"{sku.name} is over before the sale opens.")
    if (
        event.starts_at_ms is not None
        and event.rest_due_days is not None
        and event.opens_at_ms + event.rest_due_days * DAY_MS > event.starts_at_ms - DAY_MS
    ):
        found.append(
            f"Nobody pays a deposit: {event.rest_due_days} days after ordering is later than the day before the"
            " event, so all of it is due at once."
        )
    if event.starts_at_ms is not None and event.opens_at_ms >= event.starts_at_ms:
        found.append("The sale opens when the event has begun.")
    if event.starts_at_ms is None:
        found.append("It does not say when the event starts: tickets and calendars will lack it.")
    return found


@dataclass(frozen=True)
class Stock:
    """What Redis says of one sku, in tickets."""

    sku_id: int
    capacity: int
    available: int
    held: int
    sold: int
    price_minor: int


def parse_stock(fields: dict[str, str]) -> dict[int, Stock]:
    """The stock hash of an event, by sku id."""
    ids = sorted({int(field.partition(":")[0]) for field in fields})
    return {
        sku_id: Stock(
            sku_id,
            *(int(fields[f"{sku_id}:{name}"]) for name in ("capacity", "available", "held", "sold", "price")),
        )
        for sku_id in ids
    }


def end_after_pauses(began_ms: int, end_ms: int, pauses: Sequence[Pause], now_ms: int) -> int:
    """When a hold or a pass ends that was given at `began_ms` until `end_ms`: later by every pause in between."""
    for pause_began_ms, pause_ended_ms in sorted(pauses):
        if began_ms <= pause_began_ms < end_ms:
            end_ms += max(0, (pause_ended_ms or now_ms) - pause_began_ms)
    return end_ms


def public_state(state: str, stock: dict[int, Stock]) -> SaleState:
    """What buyers are told of a sale in this state, one of those of set_state.lua.

    Sold out means that every ticket is sold; while one is only held it may still come back.
    """
    if state in ("open", "paused") and all(s.sold == s.capacity for s in stock.values()):
        return "sold_out"
    return "scheduled" if state == "drawing" else cast(SaleState, state)
