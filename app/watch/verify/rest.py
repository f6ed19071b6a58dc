"""What must be true when nothing is on its way: numbers 8 to 10."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from redis.asyncio import Redis

from app.infra.kafka import OrdersLog
from app.infra.keys import key
from app.infra.mysql import Database
from app.orders.reservations import due_holds
from app.sale.catalog import Event
from app.watch.processes import REPORT_SECONDS, Report, reports
from app.watch.verify.books import Books
from app.watch.verify.finding import MOST_NAMED, Figures, Finding

HOLD_GRACE_MS = 15_000
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
    facts: int

    @property
    def none(self) -> bool:
        """Whether nothing is on its way."""
        return not (self.outbox or self.lag or self.refunds_pending or self.due_holds)


async def read_motion(
    redis: Redis, database: Database, log: OrdersLog, events: Sequence[Event], event_id: int | None
) -> Motion:
    """What is on its way now, for these events; the lag is that of the whole topic."""
    outbox = due = 0
    for event in events:
        outbox += await redis.xlen(key(event.id, "outbox"))
        due += len(await due_holds(redis, event.id, MOST_NAMED))
    async with database.connection() as connection:
        refunds_pending = await Books(connection, event_id).refunds_pending()
    lag, facts = await log.lag()
    return Motion(outbox, lag, refunds_pending, due, facts)


async def check_motion(log: OrdersLog, motion: Motion) -> Finding:
    """8: the outbox is empty, the ledger has read all facts, and what is in the dlq has a reason."""
    figures: Figures = {"outbox": motion.outbox, "lag": motion.lag, "refunds_pending": motion.refunds_pending}
    problems = [f"{name}: {count}" for name, count in figures.items() if count]
    letters = await log.dlq()
    figures["dlq"] = letters.reasons.total() + len(letters.unexplained)
    for reason, count in letters.reasons.most_common(REASONS_SHOWN):
        figures[f"dlq: {reason[:80]}"] = count
    problems += [f"dlq record {record}: no reason" for record in letters.unexplained]
    return Finding(figures, problems)


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
    problems += [f"order {order_id}: answered, and not in the books" for order_id in answers]
    for row in await database.fetch_all(
        "SELECT buyer_id, COUNT(*) AS orders FROM orders WHERE (%s IS NULL OR event_id = %s)"
        " GROUP BY event_id, buyer_id, idempotency_key HAVING orders > 1 LIMIT %s",
        (event_id, event_id, MOST_NAMED),
    ):
        problems.append(f"buyer {row['buyer_id']}: {row['orders']} orders for one key")
    return Finding(figures, problems)


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


async def check_leaks(redis: Redis, events: Sequence[Event]) -> Finding:
    """10: no hold is past its end, and no process is silent, keeps a connection borrowed or piles up files."""
    problems = []
    seconds, _ = await redis.time()
    overdue = 0
    for event in events:
        for order_id, end_ms in await due_holds(redis, event.id, MOST_NAMED):
            if end_ms + HOLD_GRACE_MS < seconds * 1000:
                overdue += 1
                problems.append(f"hold {order_id}: {seconds - end_ms // 1000} s past its end")
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
