"""What must always be true of the books: numbers 3 to 6 of what `ticketcraze verify` checks.

All of it is read in one consistent snapshot, so it holds in the middle of a sale too. Each statement looks at the
whole of one table, grouped, and gives back only what is wrong.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from asyncmy.errors import MySQLError

from app.infra.mysql import Connection, Database, Row
from app.orders.lifecycle import CLAIMS
from app.orders.refused import count_refused
from app.sale.catalog import Stock
from app.units import to_minor
from app.watch.verify.finding import MOST_NAMED, Finding

# What an order keeps of the money that came for it, and what of that is on its way back or could not go back.
_KEPT = """SUM(CASE WHEN p.kind = 'CHARGE' AND p.status = 'COMPLETED' THEN p.amount
                    WHEN p.status = 'REFUNDED' THEN -p.amount ELSE 0 END)"""
_GOING_BACK = "SUM(CASE WHEN p.status IN ('REFUND_PENDING', 'REFUND_FAILED') THEN p.amount ELSE 0 END)"

# What an order that keeps money keeps of it: its price, or its deposit while the rest may still come.
_PRICE = "CASE o.status WHEN 'PENDING' THEN o.deposit ELSE COALESCE(o.accepted, o.total) END"
_DEPOSITED = "o.status = 'PENDING' AND o.deposit_payment_id IS NOT NULL"

# A refund that somebody asked for leaves an order CONFIRMED until the money is back, and money that came twice is
# refunded automatically: so what is kept may exceed the total by what is going back, and is never below the total.
_PAID = f"""
    SELECT o.id, o.status, {_PRICE} AS price, {_KEPT} AS kept, {_GOING_BACK} AS going_back
    FROM orders o LEFT JOIN payments p ON p.order_id = o.id
         AND p.currency = COALESCE(o.accepted_currency, o.currency)
    WHERE (%s IS NULL OR o.event_id = %s)
          AND (o.status IN ('CONFIRMED', 'PARTIALLY_REFUNDED') OR {_DEPOSITED})
    GROUP BY o.id, o.status, o.accepted, o.total, o.deposit
    HAVING kept < CASE o.status WHEN 'PARTIALLY_REFUNDED' THEN 0 ELSE price END OR kept > price + going_back
    LIMIT %s"""  # noqa: S608  # no input in it
# Money in REVIEW or of an unknown order waits for somebody; any other order keeps none but for its price.
_KEPT_WRONGLY = f"""
    SELECT * FROM (
        SELECT p.order_id, p.currency AS paid_in, COALESCE(o.accepted_currency, o.currency) AS priced_in,
               CASE WHEN {_DEPOSITED} THEN 'DEPOSITED' ELSE COALESCE(o.status, 'UNKNOWN') END AS order_status,
               {_KEPT} AS kept, {_GOING_BACK} AS going_back
        FROM payments p LEFT JOIN orders o ON o.id = p.order_id
        WHERE (%s IS NULL OR RIGHT(p.order_id, 8) = %s)
        GROUP BY p.order_id, p.currency, o.status, o.currency, o.accepted_currency, o.deposit_payment_id
    ) money
    WHERE kept < 0 OR kept > going_back AND order_status NOT IN ('REVIEW', 'UNKNOWN')
          AND NOT (order_status IN ('CONFIRMED', 'PARTIALLY_REFUNDED', 'DEPOSITED') AND priced_in = paid_in)
    LIMIT %s"""  # noqa: S608  # no input in it
_MONEY = """
    SELECT p.currency, COALESCE(o.status, 'UNKNOWN') AS status,
           SUM(CASE WHEN p.kind = 'CHARGE' AND p.status = 'COMPLETED' THEN p.amount ELSE 0 END) AS taken,
           SUM(CASE p.status WHEN 'REFUNDED' THEN p.amount ELSE 0 END) AS returned,
           SUM(CASE p.status WHEN 'REFUND_PENDING' THEN p.amount ELSE 0 END) AS going_back,
           SUM(CASE p.status WHEN 'REFUND_FAILED' THEN p.amount ELSE 0 END) AS refund_failed
    FROM payments p LEFT JOIN orders o ON o.id = p.order_id
    WHERE (%s IS NULL OR RIGHT(p.order_id, 8) = %s)
    GROUP BY p.currency, o.status"""
_STRAY_REFUNDS = """
    SELECT r.id, r.order_id
    FROM payments r LEFT JOIN payments c
        ON c.id = r.parent_id AND c.kind = 'CHARGE' AND c.status = 'COMPLETED'
        AND c.order_id = r.order_id AND c.provider = r.provider AND c.currency = r.currency
    WHERE r.kind = 'REFUND' AND c.id IS NULL AND (%s IS NULL OR RIGHT(r.order_id, 8) = %s)
    LIMIT %s"""
_EXCESSIVE_REFUNDS = """
    SELECT c.id, c.order_id, c.amount, SUM(r.amount) AS refunds
    FROM payments r JOIN payments c ON c.id = r.parent_id
    WHERE r.kind = 'REFUND' AND r.status <> 'REFUND_FAILED' AND (%s IS NULL OR RIGHT(r.order_id, 8) = %s)
    GROUP BY c.id, c.order_id, c.amount HAVING refunds > c.amount
    LIMIT %s"""


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[Connection]:
    """A connection that sees the books as they stood at one instant, however long the reading takes."""
    async with database.connection() as connection:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        await connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        try:
            yield connection
        except MySQLError:
            await connection.execute("ROLLBACK")
            raise
        await connection.execute("COMMIT")


class Books:
    """The books of one event, or of all for None, on a connection from `snapshot`."""

    def __init__(self, connection: Connection, event_id: int | None) -> None:
        self._connection = connection
        self._event = (event_id, event_id)
        # Money for an order that nobody knows has no row in `orders`; every order id ends with its event's id.
        tail = None if event_id is None else f"{event_id:08x}"
        self._tail = (tail, tail)

    async def stock(self) -> dict[int, Stock]:
        """The stock by sku id, as the books have it."""
        rows = await self._connection.fetch_all(
            "SELECT s.id, s.capacity, s.held, s.sold, s.price FROM skus s JOIN events e ON e.id = s.event_id"
            " WHERE e.state <> 'draft' AND (%s IS NULL OR e.id = %s)",
            self._event,
        )
        return {
            row["id"]: Stock(
                sku_id=row["id"],
                capacity=row["capacity"],
                available=row["capacity"] - row["held"] - row["sold"],
                held=row["held"],
                sold=row["sold"],
                price_minor=to_minor(row["price"]),
            )
            for row in rows
        }

    async def check_stock(self) -> Finding:
        """3: held and sold are what the orders claim, and the audit adds up to what is available."""
        claimed: dict[int, Counter[str]] = defaultdict(Counter)
        for row in await self._connection.fetch_all(
            "SELECT i.sku_id, o.status, SUM(i.quantity - i.restocked) AS quantity"
            " FROM orders o JOIN order_items i ON i.order_id = o.id"
            " WHERE (%s IS NULL OR o.event_id = %s) GROUP BY i.sku_id, o.status",
            self._event,
        ):
            claimed[row["sku_id"]][CLAIMS.get(row["status"], "none")] += int(row["quantity"])
        audited = {
            row["sku_id"]: int(row["change_qty"])
            for row in await self._connection.fetch_all(
                "SELECT a.sku_id, SUM(a.change_qty) AS change_qty"
                " FROM inventory_audit a JOIN skus s ON s.id = a.sku_id"
                " WHERE (%s IS NULL OR s.event_id = %s) GROUP BY a.sku_id",
                self._event,
            )
        }
        skus = await self.stock()
        finding = Finding(
            {
                "skus": len(skus),
                "available": sum(sku.available for sku in skus.values()),
                "held": sum(sku.held for sku in skus.values()),
                "sold": sum(sku.sold for sku in skus.values()),
            }
        )
        for sku_id, sku in skus.items():
            orders, audit = claimed[sku_id], audited.get(sku_id, 0)
            if (sku.held, sku.sold) != (orders["held"], orders["sold"]):
                finding.problems.append(
                    f"sku {sku_id}: held {sku.held} and sold {sku.sold},"
                    f" its orders say {orders['held']} and {orders['sold']}"
                )
            if audit != sku.available:
                finding.problems.append(f"sku {sku_id}: {sku.available} available, the audit says {audit}")
            if sku.available < 0:
                finding.problems.append(f"sku {sku_id}: {-sku.available} more than there are")
        return finding

    async def check_totals(self) -> Finding:
        """4: totals are what the items cost, and the charges of confirmed orders are their totals."""
        finding = Finding({"orders": 0, "confirmed": 0})
        for row in await self._connection.fetch_all(
            "SELECT status, COUNT(*) AS orders FROM orders WHERE (%s IS NULL OR event_id = %s) GROUP BY status",
            self._event,
        ):
            finding.figures["orders"] = int(finding.figures["orders"]) + row["orders"]
            if row["status"] == "CONFIRMED":
                finding.figures["confirmed"] = row["orders"]
        for row in await self._connection.fetch_all(
            "SELECT o.id, o.total, SUM(i.price * i.quantity) AS cost"
            " FROM orders o LEFT JOIN order_items i ON i.order_id = o.id"
            " WHERE (%s IS NULL OR o.event_id = %s) GROUP BY o.id, o.total"
            " HAVING cost IS NULL OR cost <> o.total LIMIT %s",
            (*self._event, MOST_NAMED),
        ):
            finding.problems.append(
                f"order {row['id']}: total {row['total']}, its items cost {row['cost'] or 'nothing'}"
            )
        for row in await self._connection.fetch_all(_PAID, (*self._event, MOST_NAMED)):
            finding.problems.append(
                f"order {row['id']}: {row['status']} with a price of {row['price']}, and {row['kept']} was kept"
            )
        return finding

    async def check_money(self) -> Finding:
        """5: refunds stay within their charges, and the money that is here is what the orders say."""
        finding = Finding()
        for row in await self._connection.fetch_all(_STRAY_REFUNDS, (*self._tail, MOST_NAMED)):
            finding.problems.append(
                f"refund {row['id']} of order {row['order_id']}: no completed charge of that order and currency"
            )
        for row in await self._connection.fetch_all(_EXCESSIVE_REFUNDS, (*self._tail, MOST_NAMED)):
            finding.problems.append(
                f"charge {row['id']} of order {row['order_id']}: {row['refunds']} of {row['amount']} refunded"
            )
        for row in await self._connection.fetch_all(_KEPT_WRONGLY, (*self._tail, MOST_NAMED)):
            finding.problems.append(
                f"order {row['order_id']}: {row['order_status']}, and {row['kept']} {row['paid_in']} was kept"
            )
        await self._balance(finding)
        # Nothing is wrong in the books, but somebody has to see to them: `ticketcraze refunds list`.
        finding.figures["refused_refunds"] = await count_refused(self._connection, self._event[0])
        return finding

    async def _balance(self, finding: Finding) -> None:
        """Money in less money out is what the orders say, but for refunds that are on their way or failed."""
        said: dict[str, Decimal] = defaultdict(Decimal)
        for row in await self._connection.fetch_all(
            f"SELECT COALESCE(o.accepted_currency, o.currency) AS currency, SUM({_PRICE}) AS total"  # noqa: S608
            f" FROM orders o WHERE (o.status = 'CONFIRMED' OR {_DEPOSITED}) AND (%s IS NULL OR o.event_id = %s)"
            " GROUP BY COALESCE(o.accepted_currency, o.currency)",
            self._event,
        ):
            said[row["currency"]] += row["total"]
        money: dict[str, Row] = defaultdict(lambda: defaultdict(Decimal))
        for row in await self._connection.fetch_all(_MONEY, self._tail):
            for name in ("taken", "returned", "going_back", "refund_failed"):
                money[row["currency"]][name] += row[name]
            if row["status"] in ("PARTIALLY_REFUNDED", "REVIEW", "UNKNOWN"):
                said[row["currency"]] += row["taken"] - row["returned"]
        for currency in sorted(said.keys() | money.keys()):
            sums, says = money[currency], said[currency]
            beyond = sums["taken"] - sums["returned"] - says
            finding.figures[f"orders_say_minor_{currency}"] = to_minor(says)
            for name in ("taken", "returned", "going_back", "refund_failed"):
                finding.figures[f"{name}_minor_{currency}"] = to_minor(sums[name])
            if not 0 <= beyond <= sums["going_back"] + sums["refund_failed"]:
                finding.problems.append(
                    f"{currency}: {sums['taken']} taken, {sums['returned']} returned, the orders say {says}"
                )

    async def check_transactions(self) -> Finding:
        """6: no transaction of a provider is there twice, and no charge is completed without one."""
        finding = Finding()
        count = await self._connection.fetch_one(
            "SELECT COUNT(transaction_id) AS transactions FROM payments"
            " WHERE (%s IS NULL OR RIGHT(order_id, 8) = %s)",
            self._tail,
        )
        finding.figures["transactions"] = count["transactions"] if count else 0
        for row in await self._connection.fetch_all(
            "SELECT provider, transaction_id, COUNT(*) AS times, MIN(order_id) AS order_id FROM payments"
            " WHERE transaction_id IS NOT NULL GROUP BY provider, transaction_id"
            " HAVING times > 1 AND SUM(%s IS NULL OR RIGHT(order_id, 8) = %s) > 0 LIMIT %s",
            (*self._tail, MOST_NAMED),
        ):
            finding.problems.append(
                f"order {row['order_id']}: transaction {row['transaction_id']} of {row['provider']}"
                f" is there {row['times']} times"
            )
        for row in await self._connection.fetch_all(
            "SELECT id, order_id FROM payments WHERE kind = 'CHARGE' AND status = 'COMPLETED'"
            " AND transaction_id IS NULL AND (%s IS NULL OR RIGHT(order_id, 8) = %s) LIMIT %s",
            (*self._tail, MOST_NAMED),
        ):
            finding.problems.append(
                f"charge {row['id']} of order {row['order_id']}: completed without a transaction"
            )
        return finding

    async def late_charges(self) -> int:
        """How many charges came too late, while nobody could say whether their tickets are gone."""
        row = await self._connection.fetch_one(
            "SELECT COUNT(*) AS charges FROM late_charges l JOIN orders o ON o.id = l.order_id"
            " WHERE (%s IS NULL OR o.event_id = %s)",
            self._event,
        )
        return int(row["charges"]) if row else 0

    async def refunds_pending(self) -> int:
        """How many refunds are on their way."""
        row = await self._connection.fetch_one(
            "SELECT COUNT(*) AS refunds FROM payments"
            " WHERE status = 'REFUND_PENDING' AND (%s IS NULL OR RIGHT(order_id, 8) = %s)",
            self._tail,
        )
        return int(row["refunds"]) if row else 0
