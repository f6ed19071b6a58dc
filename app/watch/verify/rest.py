"""What must be true when nothing is on its way: numbers 8 to 10."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis

from app.ids import event_of
from app.infra.kafka import DeadLetter, OrdersLog
from app.infra.keys import key, order_key
from app.infra.mysql import Database, in_list
from app.orders.facts import (
    PaymentSucceeded,
    RefundFailed,
    RefundRequested,
    RefundSucceeded,
    UndecodableFact,
    decode,
)
from app.orders.reservations import due_holds, not_held
from app.sale.catalog import Event
from app.watch.processes import REPORT_SECONDS, Report, reports
from app.watch.verify.books import Books
from app.watch.verify.finding import MOST_NAMED, Figures, Finding

HOLD_GRACE_MS = 15_000
BOOKS_GRACE_SECONDS = 90  # the expiry worker looks there every 15 seconds, 30 after the end
SAMPLES = 3
OPEN_FILES = 200  # of a process without sockets
OPEN_FILES_A_SOCKET = 2
REASONS_SHOWN = 5
ORDERS_PAGE = 10_000
KEYS_PAGE = 1_000

_ANSWERS = re.compile(r"tc:\{(\d+)\}:answers:(.+)")

Answer = tuple[int, str, str]  # event id, buyer, Idempotency-Key
_Process = tuple[str, str]  # name, instance


@dataclass(frozen=True)
class Motion:
    """What is on its way. `facts` grows with all that happens: two that are equal enclose a time of rest."""

    outbox: int
    lag: int
    refunds_pending: int
    due_holds: int
    late_charges: int
    facts: int

    @property
    def none(self) -> bool:
        """Whether nothing is on its way."""
        return not (self.outbox or self.lag or self.refunds_pending or self.due_holds or self.late_charges)


async def read_motion(
    redis: Redis, database: Database, log: OrdersLog, events: Sequence[Event], event_id: int | None
) -> Motion:
    """What is on its way now, for these events; the lag is that of the whole topic."""
    outbox = due = 0
    for event in events:
        outbox += await redis.xlen(key(event.id, "outbox"))
        due += len(await due_holds(redis, event.id, MOST_NAMED))
    async with database.connection() as connection:
        books = Books(connection, event_id)
        refunds_pending, late_charges = await books.refunds_pending(), await books.late_charges()
    lag, facts = await log.lag()
    return Motion(outbox, lag, refunds_pending, due, late_charges, facts)


async def check_motion(database: Database, log: OrdersLog, motion: Motion) -> Finding:
    """8: the outbox is empty, the ledger has read all facts, what is in the dlq has a reason and is no money."""
    figures: Figures = {
        "outbox": motion.outbox,
        "lag": motion.lag,
        "refunds_pending": motion.refunds_pending,
        "late_charges": motion.late_charges,
    }
    problems = [f"{name}: {count}" for name, count in figures.items() if count]
    letters = await log.dlq()
    figures["dlq"] = len(letters)
    for reason, count in Counter(letter.reason for letter in letters if letter.reason).most_common(REASONS_SHOWN):
        figures[f"dlq: {reason[:80]}"] = count
    problems += [f"dlq record {letter.id}: no reason" for letter in letters if not letter.reason]
    problems += await money_in_dlq(database, letters)
    return Finding(figures, problems)


async def money_in_dlq(database: Database, letters: Sequence[DeadLetter]) -> list[str]:
    """The dead letters that are about money and did not get into the books in another way since."""
    problems = []
    for letter in letters:
        try:
            fact = decode(letter.value)
        except UndecodableFact:
            continue
        if isinstance(fact, PaymentSucceeded):
            row = await database.fetch_one(
                "SELECT order_id FROM payments WHERE kind = 'CHARGE' AND provider = %s AND transaction_id = %s",
                (fact.provider, fact.transaction_id),
            )
            if row and row["order_id"] == fact.order_id:
                continue
        if isinstance(fact, PaymentSucceeded | RefundRequested | RefundSucceeded | RefundFailed):
            name = type(fact).__name__
            problems.append(f"dlq record {letter.id}: {name} of order {fact.order_id}: {letter.reason}")
    return problems


async def check_answers(
    redis: Redis, database: Database, events: Sequence[Event], event_id: int | None
) -> Finding:
    """9: the orders that clients were answered with, by buyer and key, are the orders in the books."""
    answers, problems = await _read_answers(redis, event_id)
    figures: Figures = {"answers": len(answers), "orders": 0}
    for event in events:
        orders = 0
        after = ""
        while rows := await database.fetch_all(
            "SELECT id, buyer_id, idempotency_key FROM orders"
            " WHERE event_id = %s AND id > %s ORDER BY id LIMIT %s",
            (event.id, after, ORDERS_PAGE),
        ):
            for row in rows:
                answer = answers.pop(row["id"], None)
                if answer is None:
                    problems.append(f"order {row['id']}: no client was answered with it")
                elif answer != (event.id, row["buyer_id"], row["idempotency_key"]):
                    problems.append(f"order {row['id']}: answered to another buyer or key")
            orders += len(rows)
            after = rows[-1]["id"]
        figures["orders"] = int(figures["orders"]) + orders
    # An order that the books refuse is rejected where it was held, and the dlq says why.
    rejected = await _rejected(redis, list(answers))
    figures["rejected"] = len(rejected)
    problems += [f"order {id_}: answered, and not in the books" for id_ in answers if id_ not in rejected]
    for row in await database.fetch_all(
        "SELECT buyer_id, COUNT(*) AS orders FROM orders WHERE (%s IS NULL OR event_id = %s)"
        " GROUP BY event_id, buyer_id, idempotency_key HAVING orders > 1 LIMIT %s",
        (event_id, event_id, MOST_NAMED),
    ):
        problems.append(f"buyer {row['buyer_id']}: {row['orders']} orders for one key")
    return Finding(figures, problems)


async def _rejected(redis: Redis, order_ids: Sequence[str]) -> set[str]:
    async with redis.pipeline(transaction=False) as pipeline:
        for order_id in order_ids:
            pipeline.hget(order_key(event_of(order_id), order_id), "status")
        statuses = await pipeline.execute()
    return {id_ for id_, status in zip(order_ids, statuses, strict=True) if status == "REJECTED"}


async def _read_answers(redis: Redis, event_id: int | None) -> tuple[dict[str, Answer], list[str]]:
    """Order id -> whom it was answered to, and the orders that were answered to more than one."""
    answers: dict[str, Answer] = {}
    problems = []
    pattern = key(event_id, "answers:*") if event_id else "tc:{*}:answers:*"
    cursor = -1
    while cursor:
        cursor, found = await redis.scan(max(cursor, 0), match=pattern, count=KEYS_PAGE)
        names = cast(list[str], found)
        async with redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.hgetall(name)
            hashes = cast(list[dict[str, str]], await pipeline.execute())
        for name, fields in zip(names, hashes, strict=True):
            match = _ANSWERS.fullmatch(name)
            if match is None:
                continue
            for idempotency_key, text in fields.items():
                answer = (int(match[1]), match[2], idempotency_key)
                order_id = text.partition(" ")[0]
                if answers.setdefault(order_id, answer) != answer:
                    problems.append(f"order {order_id}: answered to more than one key")
    return answers, problems


async def check_leaks(redis: Redis, database: Database, events: Sequence[Event]) -> Finding:
    """10: no hold is past its end in Redis or in the books; no process is silent, leaks connections or files."""
    problems = []
    seconds, _ = await redis.time()
    overdue = 0
    for event in events:
        for order_id, end_ms in await due_holds(redis, event.id, MOST_NAMED):
            if end_ms + HOLD_GRACE_MS < seconds * 1000:
                overdue += 1
                problems.append(f"hold {order_id}: {seconds - end_ms // 1000} s past its end")
    for order_id in await _overdue_in_books(redis, database, events):
        overdue += 1
        problems.append(f"order {order_id}: past its end in the books, and Redis has no hold for it")
    processes = await reports(redis)
    leaks = await _lasting_leaks(redis, processes)
    living = {process.name for process in processes if process.ok}
    for process in processes:
        name = f"{process.name} {process.instance} (pid {process.pid})"
        if not process.ok:
            if process.name not in living:
                problems.append(
                    f"process {name}: silent for {process.age_ms // 1000} s, and no other has its name"
                )
            continue
        borrowed, files = leaks.get((process.name, process.instance), (0, 0))
        if files:
            problems.append(f"process {name}: {process.open_files} open files, {process.sockets} sockets")
        if borrowed:
            problems.append(f"process {name}: {borrowed} database connections do not come back")
    figures: Figures = {
        "overdue": overdue,
        "processes": sum(process.ok for process in processes),
        "silent": sum(not process.ok for process in processes),
        "borrowed": sum(borrowed for borrowed, _ in leaks.values()),
        "most_open_files": max((process.open_files for process in processes), default=0),
    }
    return Finding(figures, problems)


async def _overdue_in_books(redis: Redis, database: Database, events: Sequence[Event]) -> list[str]:
    """Orders that hold stock in the books past their end, and for which Redis cannot say a later one."""
    if not events:
        return []
    rows = await database.fetch_all(
        "SELECT id FROM orders WHERE status IN ('PENDING', 'REVIEW')"  # noqa: S608  # placeholders
        " AND expires_at < UTC_TIMESTAMP(3) - INTERVAL %s SECOND"
        f" AND event_id IN {in_list(events)} ORDER BY expires_at LIMIT %s",
        (BOOKS_GRACE_SECONDS, *(event.id for event in events), MOST_NAMED),
    )
    return await not_held(redis, [row["id"] for row in rows])


async def _lasting_leaks(redis: Redis, processes: Sequence[Report]) -> dict[_Process, tuple[int, int]]:
    """Connections borrowed and files too many, in each of several reports: one alone may have been at work."""
    least = _leaks(processes)
    for _ in range(SAMPLES - 1):
        if not any(borrowed or files for borrowed, files in least.values()):
            break
        await asyncio.sleep(REPORT_SECONDS)  # until the next reports
        now = _leaks(await reports(redis))
        least = {
            process: (min(borrowed, now[process][0]), min(files, now[process][1]))
            for process, (borrowed, files) in least.items()
            if process in now
        }
    return least


def _leaks(processes: Sequence[Report]) -> dict[_Process, tuple[int, int]]:
    return {
        (process.name, process.instance): (
            process.borrowed,
            max(process.open_files - OPEN_FILES - OPEN_FILES_A_SOCKET * process.sockets, 0),
        )
        for process in processes
        if process.ok
    }
