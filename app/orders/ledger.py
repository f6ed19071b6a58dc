"""The ledger: the one writer of orders, order_items, payments and inventory_audit in MySQL.

A batch of facts becomes one transaction with a constant number of multi-row statements:
load the touched orders -> fold each order's facts through orders.apply -> write -> commit -> settle Redis.
Every step can be repeated: a fact that comes twice changes nothing, and the settling is idempotent.
"""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from asyncmy.errors import MySQLError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.ids import event_of, short_code
from app.infra import traces
from app.infra.mysql import Connection, Database, in_list
from app.infra.redis import NotReady
from app.orders.facts import (
    OUTBOX_FACTS,
    CancelRequested,
    Fact,
    HoldExtended,
    HoldKept,
    OrderPlaced,
    PaymentSucceeded,
    RefundDecided,
    encode,
)
from app.orders.figures import save_figures
from app.orders.lifecycle import (
    REVIEW_TTL_MS,
    UNKNOWN,
    Order,
    Payment,
    Terms,
    apply,
    claim,
    needs_reclaim,
    reject,
    taken,
    undecided,
)
from app.orders.numbering import number_receipts
from app.orders.reading import held_order, read_orders, read_payments
from app.orders.rebuild import request_repair
from app.orders.reservations import correct_answer, reclaim, settle
from app.units import now_ms, optional_ms, to_datetime, to_decimal

log = logging.getLogger(__name__)

CHECK_VIOLATED = (3819, 4025)  # MySQL's and MariaDB's number for it
LATE_WAIT_MS = 6 * 3_600_000  # how long late money waits for Redis to say whether its tickets are gone


class Unappliable(Exception):
    """A fact cannot be written for a reason that trying again does not mend; the text says which."""


Also = Callable[[Connection, Sequence[tuple[Order, Order]]], Awaitable[None]]
Movement = tuple[str, int, int, str]  # order or decision, sku, change of what is available, reason


class Change:
    """What a batch makes of one order."""

    def __init__(self, before: Order) -> None:
        self.before = before
        self.after = before
        self.movements: list[Movement] = []

    def step(self, after: Order, fact: Fact | None = None) -> None:
        """Goes one step on, and notes what stock left or came back."""
        was, takes = taken(self.after), taken(after)
        ref = fact.fact_id if isinstance(fact, RefundDecided) else after.id
        for sku_id in sorted(was.keys() | takes.keys()):
            if more := was.get(sku_id, 0) - takes.get(sku_id, 0):
                placed = self.after.status == UNKNOWN
                reason = "PLACED" if placed else "RECLAIMED" if more < 0 else after.status
                self.movements.append((ref, sku_id, more, reason))
        self.after = after

    def reject(self) -> None:
        """Undoes the steps: the last guard said no."""
        rejected = reject(self.after, now_ms())
        self.after, self.movements = self.before, []
        self.step(rejected)


class Ledger:
    """Writes facts. `checkpoint` is called with the name of each step that a crash could interrupt.

    `also` writes what follows from changed orders, each as it was and is, in the same transaction.
    """

    def __init__(
        self,
        database: Database,
        redis: Redis,
        checkpoint: Callable[[str], None] = lambda step: None,
        review_ttl_ms: int = REVIEW_TTL_MS,
        also: Also | None = None,
    ) -> None:
        self._database = database
        self._redis = redis
        self._checkpoint = checkpoint
        self._review_ttl_ms = review_ttl_ms
        self._also = also
        self._unsettled: dict[str, Order] = {}
        self._ended_entries: list[tuple[int, str]] = []
        self._doubtful: list[CancelRequested | HoldExtended | HoldKept] = []  # of orders that are not in the books
        self._answers: list[tuple[OrderPlaced, Order]] = []  # refused, and what the books have for the same key
        self._to_repair: set[int] = set()

    async def write(self, facts: Sequence[Fact]) -> list[tuple[Fact, str]]:
        """Writes a batch of facts, in order, and commits it.

        Returns the facts that can never be applied, each with the reason. Raises DatabaseUnavailable: then what
        was not written may be written again. Call `settle` afterwards.
        """
        if not facts:
            return []
        by_order: dict[str, list[Fact]] = defaultdict(list)
        for fact in facts:
            by_order[fact.order_id].append(fact)
        try:
            await self._write(by_order)
        except (MySQLError, Unappliable) as error:
            log.warning("batch of %d facts refused (%s): each order on its own", len(facts), error)
            return await self._write_one_by_one(by_order)
        return []

    async def settle(self) -> None:
        """Makes Redis follow what was written. Raises RedisError; what is not settled stays for the next call."""
        began_ns = traces.began()
        for refused, written in self._answers:
            await correct_answer(self._redis, refused, written)
        await self._end_doubtful()
        orders: dict[int, list[Order]] = defaultdict(list)
        entries: dict[int, list[str]] = defaultdict(list)
        for order in self._unsettled.values():
            orders[order.event_id].append(order)
        for event_id, entry in self._ended_entries:
            entries[event_id].append(entry)
        for event_id in orders.keys() | entries.keys():
            if missing := await settle(self._redis, event_id, orders[event_id], entries[event_id]):
                log.error("event %d: Redis does not know %d orders that take stock", event_id, missing)
                self._to_repair.add(event_id)
        if traces.is_on():
            for order in self._unsettled.values():
                version = order.version
                traces.tell(
                    "news", order.id, began_ns, f"news/{version}", f"ledger/{version}", status=order.status
                )
        for event_id in self._to_repair:
            await request_repair(self._redis, event_id)
        self._answers.clear()
        self._doubtful.clear()
        self._unsettled.clear()
        self._ended_entries.clear()
        self._to_repair.clear()

    async def _end_doubtful(self) -> None:
        """Ends the outbox entries of what was asked for an order that will never be in the books."""
        for fact in self._doubtful:
            order = await held_order(self._redis, fact.order_id)
            if order is None or order.status == "REJECTED":
                self._ended_entries.append((event_of(fact.order_id), fact.outbox_id))

    async def _write_one_by_one(self, by_order: dict[str, list[Fact]]) -> list[tuple[Fact, str]]:
        refused: list[tuple[Fact, str]] = []
        for order_id, facts in by_order.items():
            try:
                await self._write({order_id: facts})
            except (MySQLError, Unappliable):
                reasons = [(fact, await self._write_or_refuse(fact)) for fact in facts]
                refused += [(fact, reason) for fact, reason in reasons if reason]
        return refused

    async def _write_or_refuse(self, fact: Fact) -> str:
        """Writes one fact, or says why it can never be written."""
        alone: dict[str, list[Fact]] = {fact.order_id: [fact]}
        try:
            try:
                await self._write(alone)
            except MySQLError as error:
                if error.args[0] not in CHECK_VIOLATED:
                    raise
                log.error("order %s: there are not as many tickets; it is rejected", fact.order_id)
                await self._write(alone, rejecting=True)
                self._to_repair.add(event_of(fact.order_id))
        except (MySQLError, Unappliable) as error:
            log.error("order %s: %s cannot be written: %s", fact.order_id, type(fact).__name__, error)
            await self._refuse(fact)
            return str(error)
        return ""

    async def _refuse(self, fact: Fact) -> None:
        """Notes what becomes of a fact that can never be written: an order is rejected where it is held."""
        if isinstance(fact, OUTBOX_FACTS):
            self._ended_entries.append((event_of(fact.order_id), fact.outbox_id))
        if isinstance(fact, OrderPlaced):
            rejected = Order(
                fact.order_id, "REJECTED", 1, event_of(fact.order_id), expires_at_ms=fact.expires_at_ms
            )
            self._unsettled[rejected.id] = rejected
            async with self._database.connection() as connection:
                for written in await read_orders(
                    connection,
                    "event_id = %s AND buyer_id = %s AND idempotency_key = %s",
                    (fact.event_id, fact.buyer_id, fact.idempotency_key),
                ):
                    self._answers.append((fact, written))
                    self._unsettled[written.id] = written

    async def _write(self, by_order: dict[str, list[Fact]], *, rejecting: bool = False) -> None:
        began_ns = traces.began()
        reclaiming = _Reclaiming(self._redis)
        async with self._database.transaction() as connection:
            known = await _load(connection, by_order)
            terms = await _load_terms(connection, by_order)
            changes = [
                await self._fold(known[order_id], facts, reclaiming, terms) for order_id, facts in by_order.items()
            ]
            if rejecting:
                for change in changes:
                    change.reject()
            changed = [change for change in changes if change.after is not change.before]
            await _save(connection, changed)
            if self._also:
                await self._also(connection, [(change.before, change.after) for change in changed])
            self._checkpoint("before commit")
        self._checkpoint("after commit")
        if traces.is_on():
            for change in changed:
                facts, order = by_order[change.after.id], change.after
                said = {"facts": " ".join(type(fact).__name__ for fact in facts), "status": order.status}
                traces.tell("ledger", order.id, began_ns, f"ledger/{order.version}", encode(facts[-1]), **said)
        for change in changes:
            outbox = [f for f in by_order[change.after.id] if isinstance(f, OUTBOX_FACTS)]
            if change.after.status != UNKNOWN:
                self._unsettled[change.after.id] = change.after
                self._ended_entries += [(change.after.event_id, fact.outbox_id) for fact in outbox]
            else:
                self._doubtful += [fact for fact in outbox if not isinstance(fact, OrderPlaced)]

    async def _fold(
        self, order: Order, facts: list[Fact], reclaiming: "_Reclaiming", terms: dict[int, Terms]
    ) -> Change:
        change = Change(order)
        for fact in facts:
            reclaimed = needs_reclaim(change.after, fact) and await reclaiming.ask(change.after, fact)
            after = apply(
                change.after,
                fact,
                reclaimed,
                review_ttl_ms=self._review_ttl_ms,
                terms=terms.get(event_of(order.id)),
            )
            change.step(after, fact)
        return change


class _Reclaiming:
    """Asks Redis for the stock of late money, in one batch.

    Once it does not answer it is not asked again, nor about a sale that it does not have.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._is_silent = False
        self._missing: set[int] = set()

    async def ask(self, order: Order, fact: Fact) -> bool | None:
        """Whether the order has its stock again; None while nobody can say, for LATE_WAIT_MS at most."""
        answer = None
        if not self._is_silent and order.event_id not in self._missing:
            try:
                answer = await reclaim(self._redis, order)
            except NotReady:
                log.warning("late money waits until Redis has event %d", order.event_id)
                self._missing.add(order.event_id)
            except RedisError as error:
                log.warning("late money waits until Redis can say: %s %s", type(error).__name__, error)
                self._is_silent = True
        if answer is None and now_ms() - fact.occurred_at_ms > LATE_WAIT_MS:
            return False
        return answer


async def _load(connection: Connection, by_order: dict[str, list[Fact]]) -> dict[str, Order]:
    """The orders of a batch, locked; one that is not in the books is UNKNOWN. Raises Unappliable."""
    ids = sorted(by_order)
    known = {order.id: order for order in await read_orders(connection, f"id IN {in_list(ids)} FOR UPDATE", ids)}
    charges = [f for facts in by_order.values() for f in facts if isinstance(f, PaymentSucceeded)]
    await _check_transactions(connection, charges)
    missing = [order_id for order_id in ids if order_id not in known]
    strays = await read_payments(connection, missing) if missing else {}
    for order_id in missing:
        known[order_id] = Order(
            order_id, UNKNOWN, event_id=event_of(order_id), payments=tuple(strays.get(order_id, ()))
        )
    return known


async def _load_terms(connection: Connection, by_order: dict[str, list[Fact]]) -> dict[int, Terms]:
    """In which instalments new orders of these facts are paid, by event; no event that knows none."""
    placed = (fact for facts in by_order.values() for fact in facts if isinstance(fact, OrderPlaced))
    event_ids = sorted({fact.event_id for fact in placed})
    if not event_ids:
        return {}
    return {
        row["id"]: Terms(row["deposit_percent"], row["rest_due_days"], optional_ms(row["starts_at"]))
        for row in await connection.fetch_all(
            "SELECT id, deposit_percent, rest_due_days, starts_at FROM events"  # noqa: S608
            f" WHERE deposit_percent IS NOT NULL AND id IN {in_list(event_ids)}",
            event_ids,
        )
    }


async def _check_transactions(connection: Connection, charges: list[PaymentSucceeded]) -> None:
    """Raises Unappliable when one of these transactions was counted for another order."""
    order_of = {(fact.provider, fact.transaction_id): fact.order_id for fact in charges}
    for provider in {fact.provider for fact in charges}:
        ids = [fact.transaction_id for fact in charges if fact.provider == provider]
        for row in await connection.fetch_all(
            "SELECT transaction_id, order_id FROM payments"  # noqa: S608
            f" WHERE kind = 'CHARGE' AND provider = %s AND transaction_id IN {in_list(ids)}",
            [provider, *ids],
        ):
            if row["order_id"] != order_of[provider, row["transaction_id"]]:
                raise Unappliable(
                    f"transaction {row['transaction_id']} was counted for order {row['order_id']} already"
                )


_INSERT_ORDERS = """
    INSERT INTO orders (id, event_id, buyer_id, status, version, total, currency, idempotency_key, request_hash,
                        placed_at, expires_at, extended, updated_at, accepted, accepted_currency,
                        code, deposit, rest_due_at, deposit_payment_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_UPDATE_ORDERS = f"""{_INSERT_ORDERS}
    ON DUPLICATE KEY UPDATE status = VALUES(status), version = VALUES(version), expires_at = VALUES(expires_at),
                            extended = VALUES(extended), updated_at = VALUES(updated_at),
                            accepted = VALUES(accepted), accepted_currency = VALUES(accepted_currency),
                            deposit_payment_id = VALUES(deposit_payment_id)"""
_INSERT_ITEMS = "INSERT INTO order_items (order_id, sku_id, quantity, price) VALUES (%s, %s, %s, %s)"
_UPDATE_ITEMS = """
    INSERT INTO order_items (order_id, sku_id, quantity, price, void, restocked) VALUES (%s, %s, %s, %s, %s, %s)
    ON DUPLICATE KEY UPDATE void = VALUES(void), restocked = VALUES(restocked)"""
_INSERT_PAYMENTS = """
    INSERT INTO payments (id, order_id, kind, parent_id, request_id, provider, transaction_id, amount, currency,
                          status, created_at, updated_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_UPDATE_PAYMENTS = f"""{_INSERT_PAYMENTS}
    ON DUPLICATE KEY UPDATE status = VALUES(status), transaction_id = VALUES(transaction_id),
                            amount = VALUES(amount), currency = VALUES(currency),
                            updated_at = VALUES(updated_at)"""
_INSERT_AUDIT = """
    INSERT INTO inventory_audit (sku_id, change_qty, reason, ref_id, created_at) VALUES (%s, %s, %s, %s, %s)"""


async def _save(connection: Connection, changes: list[Change]) -> None:
    now = to_datetime(now_ms())
    # Stock first: two ledgers then meet at the skus, in one order, and never wait for each other in a ring.
    await _save_stock(connection, changes)
    known = [change for change in changes if change.after.status != UNKNOWN]
    new = [change.after for change in known if change.before.status == UNKNOWN]
    changed = [change.after for change in known if change.before.status != UNKNOWN]
    await connection.insert_many(_INSERT_ORDERS, [_order_row(order, now) for order in new])
    await connection.insert_many(
        _INSERT_ITEMS, [(o.id, i.sku_id, i.quantity, to_decimal(i.price_minor)) for o in new for i in o.items]
    )
    await connection.insert_many(_UPDATE_ORDERS, [_order_row(order, now) for order in changed])
    came_back = [change.after for change in known if change.after.back != change.before.back]
    await connection.insert_many(_UPDATE_ITEMS, [row for order in came_back for row in _back_rows(order)])
    new_payments, changed_payments = [], []
    for change in changes:
        before = {payment.id: payment for payment in change.before.payments}
        for payment in change.after.payments:
            if payment.id not in before:
                new_payments.append(_payment_row(change.after.id, payment, now))
            elif payment is not before[payment.id]:
                changed_payments.append(_payment_row(change.after.id, payment, now))
    await connection.insert_many(_INSERT_PAYMENTS, new_payments)
    await connection.insert_many(_UPDATE_PAYMENTS, changed_payments)
    await _save_undecided(connection, changes, now)
    await connection.insert_many(
        _INSERT_AUDIT,
        [(sku_id, qty, reason, ref, now) for c in changes for ref, sku_id, qty, reason in c.movements],
    )
    await number_receipts(connection, [(change.before, change.after) for change in known], now)
    await save_figures(connection, [(change.before, change.after) for change in changes])


async def _save_undecided(connection: Connection, changes: list[Change], now: datetime) -> None:
    was = {charge.id for change in changes for charge in undecided(change.before)}
    becomes = {charge.id: change.after.id for change in changes for charge in undecided(change.after)}
    await connection.insert_many(
        "INSERT INTO late_charges (payment_id, order_id, since) VALUES (%s, %s, %s)",
        [(charge_id, order_id, now) for charge_id, order_id in becomes.items() if charge_id not in was],
    )
    if decided := was - becomes.keys():
        await connection.execute(
            f"DELETE FROM late_charges WHERE payment_id IN {in_list(decided)}",  # noqa: S608
            [*decided],
        )


def _order_row(order: Order, now: datetime) -> tuple[Any, ...]:
    return (
        order.id,
        order.event_id,
        order.buyer_id,
        order.status,
        order.version,
        to_decimal(order.total_minor),
        order.currency,
        order.idempotency_key,
        order.request_hash,
        to_datetime(order.placed_at_ms),
        to_datetime(order.expires_at_ms),
        order.extended,
        now,
        to_decimal(order.accepted_minor) if order.accepted_minor else None,
        order.accepted_currency or None,
        short_code(order.id).lower(),
        to_decimal(order.deposit_minor) if order.deposit_minor else None,
        to_datetime(order.rest_due_at_ms) if order.rest_due_at_ms else None,
        order.deposit_id or None,
    )


def _back_rows(order: Order) -> list[tuple[Any, ...]]:
    lines = {item.sku_id: item for item in order.items}
    return [
        (
            order.id,
            back.sku_id,
            lines[back.sku_id].quantity,
            to_decimal(lines[back.sku_id].price_minor),
            back.void,
            back.restocked,
        )
        for back in order.back
    ]


def _payment_row(order_id: str, payment: Payment, now: datetime) -> tuple[Any, ...]:
    return (
        payment.id,
        order_id,
        payment.kind,
        payment.parent_id,
        payment.request_id,
        payment.provider,
        payment.transaction_id,
        to_decimal(payment.amount_minor),
        payment.currency,
        payment.status,
        to_datetime(payment.created_at_ms),
        now,
    )


async def _save_stock(connection: Connection, changes: list[Change]) -> None:
    """One summed UPDATE; the CHECK on skus is the last guard against selling what is not there."""
    deltas: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for change in changes:
        for order, sign in ((change.before, -1), (change.after, 1)):
            column = int(claim(order) == "sold")
            for sku_id, quantity in taken(order).items():
                deltas[sku_id][column] += sign * quantity
    deltas = {sku_id: delta for sku_id, delta in sorted(deltas.items()) if any(delta)}
    if deltas:
        case = "CASE id" + " WHEN %s THEN %s" * len(deltas) + " END"
        held = [number for sku_id, delta in deltas.items() for number in (sku_id, delta[0])]
        sold = [number for sku_id, delta in deltas.items() for number in (sku_id, delta[1])]
        await connection.execute(
            f"UPDATE skus SET held = held + {case}, sold = sold + {case} WHERE id IN {in_list(deltas)}",  # noqa: S608
            [*held, *sold, *deltas],
        )
