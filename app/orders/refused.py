"""Refunds that the provider refused: money that is to go back and is still here, and how it is asked for again."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from app.ids import derived_id
from app.infra.mysql import Connection
from app.orders.facts import RefundRequested
from app.orders.lifecycle import Payment, left_of
from app.orders.reading import read_payments
from app.units import now_ms

PAGE = 500


@dataclass(frozen=True)
class Refused:
    """A refund that was refused and not asked for again; `amount_minor` is what of it may still go back."""

    order_id: str
    refund: Payment
    amount_minor: int

    def again(self) -> RefundRequested:
        """The fact that asks for it again: the same one however often, so it has its effect once."""
        return RefundRequested(
            fact_id=_again_id(self.refund),
            order_id=self.order_id,
            occurred_at_ms=now_ms(),
            payment_id=self.refund.parent_id or "",
            amount_minor=self.amount_minor,
            reason=f"refund {self.refund.id} was refused",
        )


def _again_id(refund: Payment) -> str:
    return derived_id("refund again", refund.id)


def refused_of(order_id: str, payments: Sequence[Payment]) -> list[Refused]:
    """The refused refunds among the payments of an order, without those that were made up for since.

    Together they never ask for more than is left of their charges.
    """
    asked = {payment.id for payment in payments}
    left = {p.id: left_of(payments, p) for p in payments if p.kind == "CHARGE" and p.status == "COMPLETED"}
    found = []
    for refund in payments:
        if refund.status != "REFUND_FAILED" or _again_id(refund) in asked:
            continue
        charge_id = refund.parent_id or ""
        amount_minor = min(refund.amount_minor, left.get(charge_id, 0))
        if amount_minor > 0:
            left[charge_id] -= amount_minor
            found.append(Refused(order_id, refund, amount_minor))
    return found


async def read_refused(connection: Connection, tail: str = "") -> AsyncIterator[Refused]:
    """All of them, by order id; with `tail`, those of orders whose ids end so."""
    after = ""
    while rows := await connection.fetch_all(
        "SELECT DISTINCT order_id FROM payments WHERE status = 'REFUND_FAILED' AND order_id > %s"
        " AND order_id LIKE %s ORDER BY order_id LIMIT %s",
        (after, f"%{tail}", PAGE),
    ):
        ids = [row["order_id"] for row in rows]
        after = ids[-1]
        payments = await read_payments(connection, ids)
        for order_id in ids:
            for refused in refused_of(order_id, payments[order_id]):
                yield refused


async def count_refused(connection: Connection, event_id: int | None) -> int:
    """How many there are of an event, or of all of them for None."""
    tail = "" if event_id is None else f"{event_id:08x}"
    return len([refused async for refused in read_refused(connection, tail)])
