"""What the shop tells of orders that changed, in the ledger's transaction: mail to buyers, webhooks to organisers.

Whatever the batch, the statements are the same few.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from app.ids import derived_id
from app.infra.mysql import Connection, Row, in_list
from app.orders.lifecycle import BOUGHT, Order, Payment
from app.outbound.contacts import changes_of, confirmation
from app.outbound.outbox import Message, enqueue
from app.tickets.issuing import Step, follow_orders
from app.units import DAY_MS, iso, now_ms

TOO_LATE = ("EXPIRED", "CANCELED", "REJECTED")
REMIND_MS = 3 * DAY_MS  # before the rest of an order is due


async def follow(connection: Connection, steps: Sequence[Step]) -> None:
    """Tickets and messages of orders that changed."""
    await follow_orders(connection, steps)
    at_ms = now_ms()
    mails = [mail for before, after in steps for mail in mails_of(before, after)]
    changes = await changes_of(connection, sorted({mail.order_id for mail in mails if mail.order_id}))
    wanted = [
        confirmation(mail.order_id, mail.event_id, changes[mail.order_id])
        if mail.kind == "order.confirmed"
        else mail
        for mail in mails
        if mail.order_id in changes
    ]
    await enqueue(connection, [*wanted, *await _webhooks(connection, steps, at_ms)], at_ms)
    for _, order in deposited(steps):  # by then its buyer may have given an address
        reminder = Message(derived_id("mail", "rest.due", order.id), "rest.due", order.event_id, order.id)
        await enqueue(connection, [reminder], remind_at_ms(at_ms, order.expires_at_ms))


def deposited(steps: Sequence[Step]) -> list[Step]:
    """Those of these changes that are a deposit: the rest is paid later."""
    return [
        (before, after)
        for before, after in steps
        if after.deposit_id and not before.deposit_id and after.status == "PENDING"
    ]


def remind_at_ms(at_ms: int, due_at_ms: int) -> int:
    """When a buyer is reminded of what is due: REMIND_MS before, or halfway where the time is short."""
    return due_at_ms - min(REMIND_MS, (due_at_ms - at_ms) // 2)


def mails_of(before: Order, after: Order) -> Iterator[Message]:
    """The mails that a change of an order brings about."""
    if after.status in BOUGHT and before.status not in BOUGHT:
        yield Message("", "order.confirmed", after.event_id, after.id)
    for _, order in deposited([(before, after)]):
        yield Message(derived_id("mail", "deposit.paid", order.id), "deposit.paid", order.event_id, order.id)
    was = {payment.id: payment.status for payment in before.payments}
    for payment in after.payments:
        if payment.kind != "REFUND" or was.get(payment.id) == payment.status:
            continue
        if payment.parent_id == after.deposit_id and payment.status == "REFUND_PENDING":
            if after.status == "EXPIRED":
                yield _mail("rest.missed", after, payment)
        elif payment.status == "REFUNDED":
            yield _mail("order.refunded", after, payment)
        elif (
            payment.status == "REFUND_PENDING"
            and after.status in TOO_LATE
            and before.status in (*TOO_LATE, "PENDING")
        ):
            yield _mail("payment.late", after, payment)


def _mail(kind: str, order: Order, payment: Payment) -> Message:
    body = msgspec.json.encode({"amount": payment.amount_minor, "currency": payment.currency}).decode()
    return Message(derived_id("mail", kind, payment.id), kind, order.event_id, order.id, body=body)


async def _webhooks(connection: Connection, steps: Sequence[Step], at_ms: int) -> list[Message]:
    """For each webhook what it wants to be told of these orders."""
    event_ids = sorted({after.event_id for _, after in steps})
    hooks = await webhooks_of(connection, event_ids) if event_ids else []
    if not hooks:
        return []
    told = [told for before, after in steps for told in _told(before, after)]
    sold_more = sorted({a.event_id for b, a in steps if a.status in BOUGHT and b.status not in BOUGHT})
    if sold_more:
        for row in await connection.fetch_all(
            "SELECT event_id, SUM(capacity) AS capacity FROM skus"  # noqa: S608
            f" WHERE event_id IN {in_list(sold_more)} GROUP BY event_id HAVING SUM(capacity) = SUM(sold)",
            sold_more,
        ):
            last = max(after.id for _, after in steps if after.event_id == row["event_id"])
            told.append(("sale.sold_out", row["event_id"], None, last, {"capacity": int(row["capacity"])}))
    return [message for fact in told for message in for_webhooks(hooks, *fact, at_ms)]


def _told(before: Order, after: Order) -> Iterator[tuple[str, int, str | None, str, dict[str, Any]]]:
    """Kind, event, order, what it comes from, and what is said."""
    said: dict[str, Any] = {"order_id": after.id, "status": after.status, "currency": after.currency}
    if after.status in BOUGHT and before.status not in BOUGHT:
        items = [{"sku_id": item.sku_id, "quantity": item.quantity} for item in after.items]
        yield (
            "order.confirmed",
            after.event_id,
            after.id,
            after.id,
            said | {"total": after.total_minor, "items": items},
        )
    was = {payment.id: payment.status for payment in before.payments}
    for payment in after.payments:
        if payment.kind == "REFUND" and payment.status == "REFUNDED" and was.get(payment.id) != "REFUNDED":
            amount = {"amount": payment.amount_minor, "currency": payment.currency}
            yield "order.refunded", after.event_id, after.id, payment.id, said | amount


async def webhooks_of(connection: Connection, event_ids: Sequence[int]) -> list[Row]:
    """The webhooks that are told of these events."""
    return await connection.fetch_all(
        f"SELECT id, event_id, kinds FROM webhooks WHERE event_id IN {in_list([0, *event_ids])}",  # noqa: S608
        [0, *event_ids],
    )


def for_webhooks(
    hooks: Sequence[Row],
    kind: str,
    event_id: int,
    order_id: str | None,
    source: str,
    said: dict[str, Any],
    at_ms: int,
) -> list[Message]:
    """A message to each webhook that wants this kind of thing of this event. `source` makes it the same."""
    body = msgspec.json.encode({"type": kind, "timestamp": iso(at_ms), "data": {"event_id": event_id, **said}})
    return [
        Message(
            derived_id("webhook", str(hook["id"]), kind, source),
            kind,
            event_id,
            order_id,
            hook["id"],
            body.decode(),
        )
        for hook in hooks
        if hook["event_id"] in (0, event_id) and (not hook["kinds"] or kind in hook["kinds"].split())
    ]
