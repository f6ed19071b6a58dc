"""What must always be true of the stock in Redis: numbers 1 and 2, and at rest number 7."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from redis.asyncio import Redis

from app.infra import scripts
from app.infra.keys import key, keys, order_key
from app.infra.redis import NotReady, Restarted
from app.orders.reservations import parse_items
from app.sale.catalog import Event, Stock, parse_stock
from app.watch.verify.finding import MOST_NAMED, Finding

# In one look at an event; Redis serves nobody else for 2 ms with this many holds, 1 ms with this many buyers.
# A bigger sale is looked at page by page.
MOST_HOLDS = 1_000
MOST_BUYERS = 2_000
PAGE = 500
LOOKS = 3  # at a sale that moved while its pages were read
LOADING_SECONDS = 1.0


@dataclass(frozen=True)
class Sale:
    """An event in Redis at one instant, as verify.lua says."""

    stock: dict[int, Stock]
    unreadable: str  # why there is no stock
    holds: int
    holds_looked_at: int
    held: dict[int, int]  # by sku, as the hold records say
    strange_holds: list[str]
    buyers: int
    bought: int  # -1: not looked at
    over_limit: list[str]
    is_rebuilt: bool = False  # a rebuild is under way: there is nothing to be true of


async def read_sales(redis: Redis, events: Sequence[Event]) -> dict[int, Sale]:
    """The events that Redis has, each at one instant."""
    sales = {event.id: await read_sale(redis, event.id) for event in events}
    missing = [event_id for event_id, sale in sales.items() if sale is None]
    if missing:
        # A new event is in the books a moment before it is in Redis.
        await asyncio.sleep(LOADING_SECONDS)
        sales |= {event_id: await read_sale(redis, event_id) for event_id in missing}
    return {event_id: sale for event_id, sale in sales.items() if sale}


async def read_sale(redis: Redis, event_id: int) -> Sale | None:
    """An event: at one instant, or page by page while it stands still; None when Redis does not have it.

    While it moves, what of a big sale was not looked at is said.
    """
    sale, read = await _at_one_instant(redis, event_id), None
    for _ in range(LOOKS):
        if sale is None or sale.unreadable or (sale.holds == sale.holds_looked_at and sale.bought >= 0):
            return sale
        sale, read = await _page_by_page(redis, event_id, sale)
        if read and _adds_up(read):
            return read
    return read or sale


def _adds_up(sale: Sale) -> bool:
    taken = sum(sku.held + sku.sold for sku in sale.stock.values())
    held = {sku.sku_id: sku.held for sku in sale.stock.values() if sku.held}
    return not sale.strange_holds and sale.held == held and sale.bought == taken


async def _page_by_page(redis: Redis, event_id: int, before: Sale) -> tuple[Sale | None, Sale | None]:
    """The sale now, and as its pages say: None when it moved meanwhile, and they do not say one instant."""
    holds = await _walk(redis, event_id, "holds")
    bought = {buyer: int(tickets) for buyer, tickets in (await _walk(redis, event_id, "bought")).items()}
    limit = int(await redis.hget(key(event_id, "sale"), "max_per_buyer") or 0)
    now = await _at_one_instant(redis, event_id)
    if now is None or (now.stock, now.holds, now.buyers) != (before.stock, before.holds, before.buyers):
        return now, None
    held: Counter[int] = Counter()
    for item in (item for items in holds.values() if items for item in parse_items(items)):
        held[item.sku_id] += item.quantity
    return now, replace(
        now,
        holds=len(holds),
        holds_looked_at=len(holds),
        held=dict(held),
        strange_holds=[order_id for order_id, items in holds.items() if not items][:MOST_NAMED],
        bought=sum(bought.values()),
        over_limit=[buyer for buyer, tickets in bought.items() if not 0 <= tickets <= limit][:MOST_NAMED],
    )


async def _walk(redis: Redis, event_id: int, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    cursor = "0"
    while True:
        cursor, flat = await scripts.run(
            redis, "verify_page", keys(event_id, name), [name, order_key(event_id, ""), cursor, PAGE]
        )
        found |= _pairs(flat)
        if cursor == "0":
            return found


async def _at_one_instant(redis: Redis, event_id: int) -> Sale | None:
    try:
        answer = await scripts.run(
            redis,
            "verify",
            keys(event_id, "sale", "stock", "holds", "bought"),
            [order_key(event_id, ""), MOST_HOLDS, MOST_BUYERS, MOST_NAMED],
        )
    except (NotReady, Restarted):
        if await redis.hget(key(event_id, "sale"), "rebuild"):
            return Sale({}, "", 0, 0, {}, [], 0, 0, [], is_rebuilt=True)
        return None
    fields, holds, looked_at, held, strange, buyers, bought, over_limit = answer
    stock: dict[int, Stock] = {}
    unreadable = "" if fields else "there is no stock"
    try:
        stock = parse_stock(_pairs(fields))
    except (KeyError, ValueError) as error:
        unreadable = f"the stock cannot be read: {error}"
    held_by_sku = {int(sku_id): quantity for sku_id, quantity in _pairs(held).items()}
    return Sale(stock, unreadable, holds, looked_at, held_by_sku, strange, buyers, bought, over_limit)


def _pairs(flat: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def check_sum(events: Sequence[Event], sales: Mapping[int, Sale]) -> Finding:
    """1: nothing is below zero, and available + held + sold = capacity, per sku."""
    totals: Counter[str] = Counter(skus=0, capacity=0, available=0, held=0, sold=0)
    problems = []
    for event in events:
        sale = sales.get(event.id)
        if sale is None or sale.unreadable:
            problems.append(f"event {event.slug}: {sale.unreadable if sale else 'not in Redis'}")
            continue
        if sale.is_rebuilt:
            totals.update(not_ready=1)
        for sku in sale.stock.values():
            totals.update(skus=1, capacity=sku.capacity, available=sku.available, held=sku.held, sold=sku.sold)
            counts = f"available {sku.available}, held {sku.held}, sold {sku.sold}"
            if min(sku.available, sku.held, sku.sold) < 0:
                problems.append(f"event {event.slug}, sku {sku.sku_id}: below zero: {counts}")
            if sku.available + sku.held + sku.sold != sku.capacity:
                problems.append(f"event {event.slug}, sku {sku.sku_id}: {counts} of {sku.capacity}")
    return Finding({"events": len(events), **totals}, problems)


def check_holds(events: Sequence[Event], sales: Mapping[int, Sale]) -> Finding:
    """2: the hold records add up to what is held, buyers have what is held and sold, and nobody too much."""
    totals: Counter[str] = Counter(holds=0, buyers=0, tickets=0)
    problems = []
    for event in events:
        sale = sales.get(event.id)
        if sale is None or sale.unreadable:
            continue  # number 1 says so
        totals.update(holds=sale.holds, buyers=sale.buyers, tickets=max(sale.bought, 0))
        complete = sale.holds == sale.holds_looked_at
        if not complete:
            totals.update(holds_not_looked_at=sale.holds - sale.holds_looked_at)
        for sku_id in sorted(sale.stock.keys() | sale.held.keys()):
            in_stock = sale.stock[sku_id].held if sku_id in sale.stock else 0
            in_records = sale.held.get(sku_id, 0)
            if in_stock < in_records or (complete and in_stock > in_records):
                problems.append(f"event {event.slug}, sku {sku_id}: held {in_stock}, the records say {in_records}")
        problems += [f"hold {order_id}: no record that claims it" for order_id in sale.strange_holds]
        problems += [
            f"event {event.slug}: buyer {buyer} is below zero or over the limit" for buyer in sale.over_limit
        ]
        taken = sum(sku.held + sku.sold for sku in sale.stock.values())
        if sale.bought < 0:
            totals.update(buyers_not_looked_at=sale.buyers)
        elif sale.bought != taken:
            problems.append(f"event {event.slug}: {taken} tickets held and sold, buyers have {sale.bought}")
    return Finding(dict(totals), problems)


def compare(events: Sequence[Event], sales: Mapping[int, Sale], books: Mapping[int, Stock]) -> Finding:
    """7: Redis and MySQL count the same. Their difference means something only at rest."""
    problems = []
    for event in events:
        stock = sales[event.id].stock if event.id in sales else {}
        for sku_id in sorted({sku.id for sku in event.skus} | stock.keys()):
            in_redis, in_mysql = stock.get(sku_id), books.get(sku_id)
            if in_redis != in_mysql:
                counts = f"Redis {_counts(in_redis)}, MySQL {_counts(in_mysql)}"
                problems.append(f"event {event.slug}, sku {sku_id}: {counts}")
    return Finding({"skus": len(books)}, problems)


def _counts(sku: Stock | None) -> str:
    if sku is None:
        return "nothing"
    return f"{sku.available} + {sku.held} + {sku.sold} of {sku.capacity} for {sku.price_minor}"
