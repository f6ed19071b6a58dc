"""What must always be true, checked against the running servers: `ticketcraze verify`.

1 to 6 hold at every instant, in the middle of a sale too: Redis is read by one script an event, MySQL in one
snapshot. 7 to 10 compare the parts with each other, which makes sense only when nothing is on its way between them.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from app import scripts
from app.catalog import Event, Stock, parse_stock
from app.database import Database
from app.keys import key, keys, order_key
from app.processes import REPORT_SECONDS, Report, reports
from app.reservations import due_holds
from app.sales import list_events
from app.settings import Settings
from app.verify_books import Books, Figures, Finding, snapshot
from app.verify_log import OrdersLog, open_orders_log

MOST_EVENTS = 10_000
MOST_HOLDS = 20_000  # in one look at an event: Redis serves nobody else meanwhile
MOST_BUYERS = 100_000
MOST_NAMED = 100
NAMED_IN_DETAIL = 5
LOADING_SECONDS = 1.0
POLL_SECONDS = 0.2
HOLD_GRACE_MS = 15_000
BORROWED_SAMPLES = 3
OPEN_FILES = 200  # of a process without sockets; each socket may cost two
ORDERS_PAGE = 20_000

TITLES = {
    1: "Redis: nothing below zero, and available + held + sold = capacity",
    2: "Redis: the hold records add up to what is held, and nobody is over their limit",
    3: "MySQL: orders add up to held and sold, and the audit to what is available",
    4: "Totals are price times quantity, and what is confirmed is paid",
    5: "Refunds stay within their charges, and the money kept is what the orders say",
    6: "Every transaction of a provider is counted once",
    7: "Redis and MySQL count the same",
    8: "Nothing is on its way, and whatever is in the dlq says why",
    9: "Every order that was answered exists once, and no other",
    10: "No hold is overdue, and no process is silent or leaks",
}


@dataclass(frozen=True)
class Check:
    """One line of DESIGN section 10. `detail` is empty when it is ok, else it names some of what is wrong."""

    number: int
    title: str
    ok: bool
    figures: Figures
    detail: str


@dataclass(frozen=True)
class _Sale:
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


@dataclass(frozen=True)
class _Motion:
    """What is on its way. `facts` grows with whatever happens, so two that are equal enclose a time of rest."""

    outbox: int
    lag: int
    facts: int
    refunds_pending: int
    due_holds: int

    @property
    def none(self) -> bool:
        return not (self.outbox or self.lag or self.refunds_pending or self.due_holds)


async def verify(
    settings: Settings, redis: Redis, database: Database, event: Event | None, at_rest_seconds: float | None
) -> list[Check]:
    """Checks one event, or all of them for None.

    Without `at_rest_seconds` 1 to 6. With it: waits that long at most until nothing is on its way, then checks all
    ten; what happens meanwhile makes it look again while there is time.

    Raises RedisError, DatabaseUnavailable, KafkaUnavailable.
    """
    events = [event] if event else await list_events(database, MOST_EVENTS)
    event_id = event.id if event else None
    if at_rest_seconds is None:
        checks, _ = await _check_always(redis, database, events, event_id)
        return checks
    async with open_orders_log(settings) as log:
        deadline = time.monotonic() + at_rest_seconds
        while True:
            before = await _motion(redis, database, log, events, event_id)
            if before.none or time.monotonic() >= deadline:
                checks, differences = await _check_always(redis, database, events, event_id)
                checks.append(_check(7, differences))
                checks.append(_check(8, await _check_rest(log, before)))
                checks.append(_check(9, await _check_answers(redis, database, events, event_id)))
                checks.append(_check(10, await _check_leaks(redis, events)))
                if time.monotonic() >= deadline or await _motion(redis, database, log, events, event_id) == before:
                    return checks
            await asyncio.sleep(POLL_SECONDS)


def _check(number: int, finding: Finding) -> Check:
    named = finding.problems[:NAMED_IN_DETAIL]
    if len(finding.problems) > len(named):
        named.append(f"and {len(finding.problems) - len(named)} more")
    return Check(number, TITLES[number], not finding.problems, finding.figures, "; ".join(named))


async def _check_always(
    redis: Redis, database: Database, events: Sequence[Event], event_id: int | None
) -> tuple[list[Check], Finding]:
    """1 to 6, and how Redis and MySQL differ, which counts only at rest."""
    sales = await _read_sales(redis, events)
    async with snapshot(database) as connection:
        books = Books(connection, event_id)
        findings = {
            1: _check_sum(events, sales),
            2: _check_holds(events, sales),
            3: await books.check_stock(),
            4: await books.check_totals(),
            5: await books.check_money(),
            6: await books.check_transactions(),
        }
        differences = _compare(events, sales, await books.stock())
    return [_check(number, finding) for number, finding in findings.items()], differences


async def _read_sales(redis: Redis, events: Sequence[Event]) -> dict[int, _Sale]:
    """The events that Redis has."""
    sales = {event.id: await _read_sale(redis, event.id) for event in events}
    missing = [event_id for event_id, sale in sales.items() if sale is None]
    if missing:
        # A new event is in the books a moment before it is in Redis.
        await asyncio.sleep(LOADING_SECONDS)
        sales |= {event_id: await _read_sale(redis, event_id) for event_id in missing}
    return {event_id: sale for event_id, sale in sales.items() if sale}


async def _read_sale(redis: Redis, event_id: int) -> _Sale | None:
    answer = await scripts.run(
        redis,
        "verify",
        keys(event_id, "sale", "stock", "holds", "bought"),
        [order_key(event_id, ""), MOST_HOLDS, MOST_BUYERS, MOST_NAMED],
    )
    if not answer:
        return None
    fields, holds, looked_at, held, strange, buyers, bought, over_limit = answer
    stock: dict[int, Stock] = {}
    unreadable = ""
    try:
        stock = parse_stock(_pairs(fields))
    except (KeyError, ValueError) as error:
        unreadable = f"the stock cannot be read: {error}"
    held_by_sku = {int(sku_id): quantity for sku_id, quantity in _pairs(held).items()}
    return _Sale(stock, unreadable, holds, looked_at, held_by_sku, strange, buyers, bought, over_limit)


def _pairs(flat: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _check_sum(events: Sequence[Event], sales: Mapping[int, _Sale]) -> Finding:
    totals: Counter[str] = Counter(skus=0, capacity=0, available=0, held=0, sold=0)
    problems = []
    for event in events:
        sale = sales.get(event.id)
        if sale is None or sale.unreadable:
            problems.append(f"event {event.slug}: {sale.unreadable if sale else 'not in Redis'}")
            continue
        for sku in sale.stock.values():
            totals.update(skus=1, capacity=sku.capacity, available=sku.available, held=sku.held, sold=sku.sold)
            counts = f"available {sku.available}, held {sku.held}, sold {sku.sold}"
            if min(sku.available, sku.held, sku.sold) < 0:
                problems.append(f"event {event.slug}, sku {sku.sku_id}: below zero: {counts}")
            if sku.available + sku.held + sku.sold != sku.capacity:
                problems.append(f"event {event.slug}, sku {sku.sku_id}: {counts} of {sku.capacity}")
    return Finding({"events": len(events), **totals}, problems)


def _check_holds(events: Sequence[Event], sales: Mapping[int, _Sale]) -> Finding:
    totals: Counter[str] = Counter(holds=0, buyers=0, tickets=0)
    problems = []
    for event in events:
        sale = sales.get(event.id)
        if sale is None:
            continue  # number 1 says so
        totals.update(holds=sale.holds, buyers=sale.buyers, tickets=max(sale.bought, 0))
        for sku_id in sale.stock.keys() | sale.held.keys():
            in_stock = sale.stock[sku_id].held if sku_id in sale.stock else 0
            in_records = sale.held.get(sku_id, 0)
            if in_stock < in_records or (in_stock > in_records and sale.holds == sale.holds_looked_at):
                problems.append(f"event {event.slug}, sku {sku_id}: held {in_stock}, the records say {in_records}")
        if sale.holds > sale.holds_looked_at:
            totals.update(holds_not_looked_at=sale.holds - sale.holds_looked_at)
        problems += [f"hold {order_id}: no record that claims it" for order_id in sale.strange_holds]
        problems += [f"event {event.slug}: buyer {buyer} is over the limit" for buyer in sale.over_limit]
        taken = sum(sku.held + sku.sold for sku in sale.stock.values())
        if sale.bought < 0:
            totals.update(buyers_not_looked_at=sale.buyers)
        elif sale.bought != taken:
            problems.append(f"event {event.slug}: {taken} tickets held and sold, buyers have {sale.bought}")
    return Finding(dict(totals), problems)


def _compare(events: Sequence[Event], sales: Mapping[int, _Sale], books: Mapping[int, Stock]) -> Finding:
    problems = []
    for event in events:
        stock = sales[event.id].stock if event.id in sales else {}
        for sku_id in sorted({sku.id for sku in event.skus} | stock.keys()):
            in_redis, in_mysql = stock.get(sku_id), books.get(sku_id)
            if in_redis != in_mysql:
                problems.append(
                    f"event {event.slug}, sku {sku_id}: Redis {_counts(in_redis)}, MySQL {_counts(in_mysql)}"
                )
    return Finding({"skus": len(books)}, problems)


def _counts(sku: Stock | None) -> str:
    if sku is None:
        return "nothing"
    return f"{sku.available}/{sku.held}/{sku.sold} of {sku.capacity} at {sku.price_minor}"


async def _motion(
    redis: Redis, database: Database, log: OrdersLog, events: Sequence[Event], event_id: int | None
) -> _Motion:
    outbox = due = 0
    for event in events:
        outbox += await redis.xlen(key(event.id, "outbox"))
        due += len(await due_holds(redis, event.id, MOST_NAMED))
    lag, facts = await log.lag()
    async with database.connection() as connection:
        refunds = await Books(connection, event_id).refunds_pending()
    return _Motion(outbox, lag, facts, refunds, due)


async def _check_rest(log: OrdersLog, motion: _Motion) -> Finding:
    figures: Figures = {"outbox": motion.outbox, "lag": motion.lag, "refunds_pending": motion.refunds_pending}
    problems = [f"{name}: {count}" for name, count in figures.items() if count]
    dlq = await log.dlq()
    figures["dlq"] = sum(dlq.reasons.values()) + len(dlq.unexplained)
    for reason, count in dlq.reasons.most_common(NAMED_IN_DETAIL):
        figures[f"dlq: {reason[:80]}"] = count
    problems += [f"dlq record {record} says no reason" for record in dlq.unexplained]
    return Finding(figures, problems)


async def _check_answers(
    redis: Redis, database: Database, events: Sequence[Event], event_id: int | None
) -> Finding:
    """Compares who was answered with what, in Redis, with the orders in the books."""
    answered, problems = await _read_answers(redis, event_id)
    count = len(answered)
    orders = 0
    for event in events:
        after = ""
        while rows := await database.fetch_all(
            "SELECT id, buyer_id, idempotency_key FROM orders WHERE event_id = %s AND id > %s ORDER BY id LIMIT %s",
            (event.id, after, ORDERS_PAGE),
        ):
            for row in rows:
                answer = answered.pop(row["id"], None)
                if answer is None:
                    problems.append(f"order {row['id']}: no client was answered with it")
                elif answer != (event.id, row["buyer_id"], row["idempotency_key"]):
                    problems.append(f"order {row['id']}: another buyer or key was answered with it")
            orders += len(rows)
            after = rows[-1]["id"]
    problems += [f"order {order_id}: answered, and not in the books" for order_id in answered]
    for row in await database.fetch_all(
        "SELECT buyer_id, COUNT(*) AS orders FROM orders WHERE (%s IS NULL OR event_id = %s)"
        " GROUP BY event_id, buyer_id, idempotency_key HAVING orders > 1 LIMIT %s",
        (event_id, event_id, MOST_NAMED),
    ):
        problems.append(f"buyer {row['buyer_id']}: {row['orders']} orders for one key")
    return Finding({"answers": count, "orders": orders}, problems)


async def _read_answers(redis: Redis, event_id: int | None) -> tuple[dict[str, tuple[int, str, str]], list[str]]:
    """Which (event, buyer, key) was answered with which order, and the orders answered more than once."""
    answered: dict[str, tuple[int, str, str]] = {}
    twice = []
    prefix = f"tc:{{{event_id or '*'}}}:answers:"
    names: list[str] = []
