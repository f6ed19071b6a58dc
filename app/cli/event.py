"""`ticketcraze event`: creates, lists, opens, pauses and closes sales, and calls events off."""

import argparse
import asyncio
import re
import time
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from redis.asyncio import Redis

from app.cli.command import COMMAND_LINE, Answer, Commands, Failed
from app.cli.gates import NONE, add_gates, read_gates, told_gates
from app.infra.mysql import open_database
from app.infra.redis import NotReady, open_redis
from app.orders import calling_off
from app.organisers.log import AdminLog, Deed
from app.sale import events as sales
from app.sale.catalog import Event, Sku, parse_sku, parse_time, public_state
from app.sale.changing import SkuChange, change_event
from app.sale.gates.rules import NO_GATES
from app.settings import Settings
from app.units import iso, money_text, now_ms, optional_iso

MAX_OPENS_IN_SECONDS = 366 * 86_400
MAX_NOTICE_CHARACTERS = 200
PROGRESS_SECONDS = 1.0


def add(commands: Commands) -> None:
    """Adds the group."""
    events = commands.group("event", "create, list, open, pause and close sales; call an event off")
    create = events.add(
        "create",
        "Creates an event and puts it on sale.",
        _create,
        'ticketcraze event create --slug night-of-lights --name "Night of Lights" --sku Floor:4500:300',
    )
    create.add_argument("--slug", required=True, help="its name in addresses: night-of-lights")
    create.add_argument("--name", required=True, help="its name for people: Night of Lights")
    create.add_argument(
        "--sku", required=True, action="append", metavar="NAME:PRICE:CAPACITY",
        help='a kind of ticket, with its price in minor units: "Floor:4500:300", or "Floor:4500:300:20" with'
        ' 20 percent of VAT in the price; ";limit=2", ";from=TIME" and ";until=TIME" after it are its own rules;'
        " may be repeated, in the order in which they are listed",
    )  # fmt: skip
    create.add_argument("--currency", default="USD", help="three letters (USD)")
    create.add_argument("--opens-in", type=int, default=60, metavar="SECONDS", help="0 opens it now (60)")
    create.add_argument("--rate", type=int, default=600, help="buyers let in a minute at most (600)")
    create.add_argument("--room", type=int, default=200, help="active passes at once (200)")
    create.add_argument("--pass-ttl", type=int, default=300, metavar="SECONDS", help="time to shop (300)")
    create.add_argument("--hold-ttl", type=int, default=300, metavar="SECONDS", help="time to pay (300)")
    create.add_argument("--max-per-buyer", type=int, default=4, help="tickets one buyer may have (4)")
    create.add_argument("--starts-at", metavar="TIME", help="when the event itself starts: 2026-12-24T20:00+01:00")
    create.add_argument("--doors-at", metavar="TIME", help="when its doors open")
    create.add_argument("--provider", default="sandbox", help="who takes the money: sandbox or stripe (sandbox)")
    create.add_argument(
        "--refund-days", type=int, metavar="DAYS",
        help="buyers may ask for a refund until so many days before it starts; never, unless this is given",
    )  # fmt: skip
    create.add_argument(
        "--deposit-percent", type=int, metavar="PERCENT",
        help="an order is paid in two instalments, of which this is the first",
    )  # fmt: skip
    create.add_argument("--rest-due-days", type=int, metavar="DAYS", help="after ordering, for the second one")
    create.add_argument("--venue", help="where it is: Grand Hall, Quay Street 4, Bristol")

    cancel = events.add(
        "cancel",
        "Calls an event off: its sale closes, and everybody who paid gets all of it back. Shows how far it has"
        " come; interrupted, the refunds go on, and the same command shows them again.",
        _cancel,
        'ticketcraze event cancel night-of-lights --reason "The hall is flooded."',
    )
    cancel.add_argument("slug", metavar="SLUG")
    cancel.add_argument("--reason", default="", help="what buyers read")
    cancel.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for the refunds, at most (0)")
    gates = events.add(
        "gates",
        "Changes what is asked of those who join a sale.",
        _gates,
        "ticketcraze event gates night-of-lights --codes optional",
    )
    gates.add_argument("slug", metavar="SLUG")
    for parser in (create, gates):
        add_gates(parser)

    sku = events.add(
        "sku",
        "Changes a kind of ticket: its place in the list, VAT, limit for one buyer, and when it is on sale.",
        _sku,
        "ticketcraze event sku night-of-lights Floor --limit 2 --from 2026-12-24T20:00Z --until none",
    )
    sku.add_argument("slug", metavar="SLUG")
    sku.add_argument("name", metavar="NAME", help="the kind of ticket")
    sku.add_argument("--position", type=int, metavar="PLACE", help="where it is listed, from 1 on")
    sku.add_argument(
        "--limit", metavar="TICKETS", help="how many of it one buyer may have; none: as the event has it"
    )
    sku.add_argument("--vat", metavar="PERCENT", help="the VAT in its price, on every receipt of it")
    sku.add_argument("--from", dest="sells_from", metavar="TIME", help="when it goes on sale; none: with the sale")
    sku.add_argument("--until", dest="sells_until", metavar="TIME", help="when it ends; none: with the sale")

    events.add("list", "Lists the newest events and how they stand.", _list, "ticketcraze event list")

    pause = events.add(
        "pause",
        "Pauses a sale: everybody keeps their place, holds can be paid. Buyers read the words.",
        _pause,
        'ticketcraze event pause night-of-lights "The doors are checked. We go on at nine."',
    )
    pause.add_argument("slug", metavar="SLUG")
    pause.add_argument("words", metavar="WORDS", nargs="*", help="what buyers read while it is paused")
    for name, does, do in (
        ("open", "Opens a sale now: its lobby is drawn, or a pause ends.", _open),
        ("close", "Closes a sale: nobody can join or reserve any more. It can be opened again.", _close),
    ):
        events.add(name, does, do, f"ticketcraze event {name} night-of-lights").add_argument(
            "slug", metavar="SLUG"
        )


async def _create(settings: Settings, arguments: argparse.Namespace) -> Answer:
    if not 0 <= arguments.opens_in <= MAX_OPENS_IN_SECONDS:
        raise Failed(f"opens-in: from 0 to {MAX_OPENS_IN_SECONDS} seconds")
    event = Event(
        id=0,
        slug=arguments.slug,
        name=arguments.name.strip(),
        currency=arguments.currency.upper(),
        state="scheduled" if arguments.opens_in else "open",
        notice=None,
        accent="",
        opens_at_ms=now_ms() + arguments.opens_in * 1000,
        rate_per_minute=arguments.rate,
        room=arguments.room,
        pass_ttl_seconds=arguments.pass_ttl,
        hold_ttl_seconds=arguments.hold_ttl,
        max_per_buyer=arguments.max_per_buyer,
        draw_secret="",
        skus=tuple(parse_sku(text) for text in arguments.sku),
        gates=read_gates(arguments, NO_GATES),
        starts_at_ms=_time("starts-at", arguments.starts_at),
        doors_at_ms=_time("doors-at", arguments.doors_at),
        venue=None if arguments.venue is None else arguments.venue.strip(),
        provider=arguments.provider,
        refund_days=arguments.refund_days,
        deposit_percent=arguments.deposit_percent,
        rest_due_days=arguments.rest_due_days,
    )
    if settings.environment == "production" and event.provider == "sandbox":
        raise Failed("provider: the sandbox takes no real money; production needs another one")
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await sales.create_event(database, redis, event)
    lines = [f"{event.name} ({event.slug}), event {event.id}, opens at {iso(event.opens_at_ms)}"]
    if not event.on_sale:
        lines.append("  Redis does not answer: it goes on sale as soon as Redis is back")
    lines += [_sku_line(event, sku) for sku in event.skus]
    return {
        "slug": event.slug,
        "id": event.id,
        "on_sale": event.on_sale,
        "skus": [
            {"id": sku.id, "name": sku.name, "price": sku.price_minor, "capacity": sku.capacity}
            for sku in event.skus
        ],
    }, "\n".join(lines)


def _time(name: str, text: str | None) -> int | None:
    return None if text is None else parse_time(name, text)


def _sku_line(event: Event, sku: Sku) -> str:
    price = money_text(sku.price_minor, event.currency)
    return f"  sku {sku.id}  {sku.name}  {price}  {sku.capacity} tickets"


async def _gates(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await sales.find_event(database, arguments.slug)
        gates = read_gates(arguments, event.gates)
        await sales.set_gates(database, redis, event, gates)
    told = told_gates(gates)
    return {"slug": event.slug, "gates": told}, f"{event.slug}: {told}"


async def _sku(settings: Settings, arguments: argparse.Namespace) -> Answer:
    change: dict[str, Any] = {}
    if arguments.limit is not None:
        if arguments.limit != NONE and not re.fullmatch(r"\d{1,4}", arguments.limit, re.ASCII):
            raise Failed("limit: a number of tickets, or none")
        change["max_per_buyer"] = None if arguments.limit == NONE else int(arguments.limit)
    if arguments.vat is not None:
        if not re.fullmatch(r"\d{1,2}(?:\.\d{1,2})?", arguments.vat, re.ASCII):
            raise Failed("vat: a percentage like 19 or 7.7")
        change["vat_percent"] = Decimal(arguments.vat)
    for name, text in (("from", arguments.sells_from), ("until", arguments.sells_until)):
        if text is not None:
            change[f"sells_{name}_ms"] = None if text == NONE else parse_time(name, text)
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await sales.find_event(database, arguments.slug)
        found = [sku for sku in event.skus if sku.name == arguments.name]
        if not found:
            raise Failed(
                f"{event.slug} has no {arguments.name!r}, but {', '.join(sku.name for sku in event.skus)}"
            )
        changed = SkuChange(found[0].id, change, arguments.position)
        _, after = await change_event(database, redis, event, {}, [changed])
        became = change | ({} if arguments.position is None else {"position": arguments.position})
        await AdminLog(redis, database).write(
            Deed(COMMAND_LINE, "event changed", event.id, arguments.name, became=became)
        )
    told = [
        {
            "id": sku.id,
            "name": sku.name,
            "vat_percent": float(sku.vat_percent),
            "max_per_buyer": sku.max_per_buyer,
            "sells_from": optional_iso(sku.sells_from_ms),
            "sells_until": optional_iso(sku.sells_until_ms),
        }
        for sku in after.skus
    ]
    lines = [
        f"{place}. {sku['name']}: {sku['vat_percent']:g}% VAT, {sku['max_per_buyer'] or event.max_per_buyer} a"
        f" buyer, on sale from {sku['sells_from'] or 'the opening'} until {sku['sells_until'] or 'the end'}"
        for place, sku in enumerate(told, 1)
    ]
    return {"slug": event.slug, "skus": told}, "\n".join(lines)


async def _list(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        found = [await _standing(redis, event) for event in await sales.list_events(database)]
    lines = [
        f"{e['slug']:<32} {e['sale']:<10} opens {e['opens_at']}  available {e['available']}, held {e['held']},"
        f" sold {e['sold']}  {e['name']}"
        for e in found
    ]
    return {"events": found}, "\n".join(lines) or "There are no events yet: ticketcraze event create --help"


async def _standing(redis: Redis, event: Event) -> dict[str, Any]:
    """How a sale stands; a sale that Redis does not have is `not_ready`."""
    try:
        state, stock, *_ = await sales.read_sale(redis, event)
        told: str = public_state(state, stock)
        counts = list(stock.values())
    except NotReady:
        told, counts = "not_ready", []
    return {
        "slug": event.slug,
        "id": event.id,
        "name": event.name,
        "sale": told,
        "opens_at": iso(event.opens_at_ms),
        "available": sum(sku.available for sku in counts),
        "held": sum(sku.held for sku in counts),
        "sold": sum(sku.sold for sku in counts),
    }


async def _cancel(settings: Settings, arguments: argparse.Namespace) -> Answer:
    reason = arguments.reason.strip()
    if len(reason) > MAX_NOTICE_CHARACTERS:
        raise Failed(f"reason: at most {MAX_NOTICE_CHARACTERS} characters")
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await sales.find_event(database, arguments.slug)
        await calling_off.call_off(database, redis, event, "the command line", reason)
        deadline = time.monotonic() + arguments.wait
        while True:
            stands = await calling_off.progress(database, event.id)
            text = (
                f"{event.slug}: {stands.to_call_off} of {stands.orders} orders to be called off,"
                f" {stands.refunds_pending} refunds on their way, {stands.refunds_done} done,"
                f" {stands.refunds_refused} refused"
            )
            if stands.done or time.monotonic() >= deadline:
                return {"slug": event.slug, **asdict(stands), "done": stands.done}, text
            if not arguments.json:
                print(text)
            await asyncio.sleep(PROGRESS_SECONDS)


async def _open(settings: Settings, arguments: argparse.Namespace) -> Answer:
    return await _set_state(settings, arguments.slug, "open")


async def _pause(settings: Settings, arguments: argparse.Namespace) -> Answer:
    words = " ".join(arguments.words).strip()
    if len(words) > MAX_NOTICE_CHARACTERS:
        raise Failed(f"words: at most {MAX_NOTICE_CHARACTERS} characters")
    return await _set_state(settings, arguments.slug, "paused", words)


async def _close(settings: Settings, arguments: argparse.Namespace) -> Answer:
    return await _set_state(settings, arguments.slug, "closed")


async def _set_state(settings: Settings, slug: str, state: str, words: str = "") -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        event = await sales.find_event(database, slug)
        await sales.set_state(database, redis, event, state, words, COMMAND_LINE)
        state, stock, *_ = await sales.read_sale(redis, event)
    told = public_state(state, stock)
    return {"slug": event.slug, "sale": told}, f"{event.slug}: {told}"
