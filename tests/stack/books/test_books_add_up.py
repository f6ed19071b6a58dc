"""What an organiser takes out of the books adds up to them: orders, payments, refunds, fees, taxes, receipts."""

import csv
import json
from collections import Counter
from decimal import Decimal

from app.ids import new_id
from app.orders.facts import Returned
from app.orders.refund_requests import Wanted, decide
from app.organisers.exports import export, rows_of
from app.sale.catalog import parse_sku, vat_of
from app.units import to_decimal, to_minor
from tests.world.books import World, in_a_world, live_a_little, paid, refunds_done

Rows = list[dict[str, str]]


async def exported(world: World, what: str) -> Rows:
    """As CSV; JSON lines say the same, and the rows are as many as is said before."""
    text, lines = [
        b"".join([part async for part in export(world.database, world.event.id, what, form)]).decode()
        for form in ("csv", "jsonl")
    ]
    rows = list(csv.DictReader(text.splitlines()))
    assert [json.loads(line).keys() for line in lines.splitlines()] == [row.keys() for row in rows]
    assert await rows_of(world.database, world.event.id, what) in (len(rows), None)
    return rows


def total(rows: Rows, column: str, **where: str) -> Decimal:
    chosen = [row for row in rows if all(row[name] == value for name, value in where.items())]
    return sum((Decimal(row[column]) for row in chosen), Decimal(0))


def test_the_exports_add_up_to_the_books(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await world.database.execute("UPDATE skus SET vat_percent = 19 WHERE id = %s", (world.sku,))
        await live_a_little(world)
        order_id = await world.order(3)
        await world.write(paid(order_id, 3 * 4_500))
        one = await decide(world.database, order_id, Wanted(items=(Returned(world.sku, 1),)), "ada", new_id())
        await world.write(one.fact())
        await world.write(*refunds_done(await world.read(order_id)))
        payments, refunds, taxes = [await exported(world, name) for name in ("payments", "refunds", "taxes")]
        orders, receipts, fees = [await exported(world, name) for name in ("orders", "receipts", "fees")]
        figures = (await world.check())[5].figures

        taken = to_decimal(int(figures["taken_minor_USD"])) - await stray(world)
        returned = to_decimal(int(figures["returned_minor_USD"]))
        assert total(payments, "amount", kind="CHARGE", status="COMPLETED") == total(fees, "amount") == taken
        assert total(refunds, "amount", status="REFUNDED") == returned

        # What was sold, less what was taken back, is the money kept, but for amounts given back for goodwill, what
        # waits in a review, and a refund that was refused.
        gross, goodwill = total(taxes, "gross"), Decimal("5.00")
        review = total(payments, "amount", order_id=world.orders["review"])
        assert gross - goodwill + review == taken - returned
        for row in taxes:
            assert to_minor(Decimal(row["vat"])) == vat_of(to_minor(Decimal(row["gross"])), Decimal("19.00"))
            assert Decimal(row["vat"]) + Decimal(row["net"]) == Decimal(row["gross"])
        assert Counter(row["order_id"] for row in orders).most_common(1)[0][1] == 1

        buyers = await exported(world, "buyers")
        assert total(buyers, "spent") == taken - returned
        assert total(buyers, "orders") == len(orders)
        assert total(buyers, "tickets") == len(
            [ticket for ticket in await exported(world, "tickets") if ticket["status"] == "VALID"]
        )

        numbers = sorted(int(row["receipt"]) for row in receipts)
        bought = [row for row in orders if row["status"] in ("CONFIRMED", "PARTIALLY_REFUNDED", "REFUNDED")]
        assert numbers == list(range(1, len(bought) + 1)), "without gaps, one for each that was ever bought"

    in_a_world(own_env, story)


async def stray(world: World) -> Decimal:
    """Money of an order that is in no books is in no order's export."""
    row = await world.database.fetch_one(
        "SELECT COALESCE(SUM(p.amount), 0) AS amount FROM payments p LEFT JOIN orders o ON o.id = p.order_id"
        " WHERE o.id IS NULL AND p.kind = 'CHARGE' AND RIGHT(p.order_id, 8) = %s",
        (f"{world.event.id:08x}",),
    )
    assert row
    return Decimal(row["amount"])


def test_a_batch_that_is_refused_leaves_no_gap_in_the_receipts(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        orders = [await world.order() for _ in range(6)]
        await world.write(*(paid(order_id) for order_id in orders[:3]))
        twice = paid(orders[3])
        await world.ledger.write([twice])
        stolen = [paid(orders[4]), paid(orders[5])]
        stolen[1] = type(twice)(
            **{name: getattr(twice, name) for name in twice.__struct_fields__} | {"order_id": orders[5]}
        )
        assert len(await world.ledger.write(stolen)) == 1, "the batch is refused, and each order written alone"
        await world.ledger.settle()
        numbers = sorted(int(row["receipt"]) for row in await exported(world, "receipts"))
        assert numbers == [1, 2, 3, 4, 5]

    in_a_world(own_env, story)


def test_a_sku_may_name_its_vat() -> None:
    assert parse_sku("Floor:11900:300:19").vat_minor == 1_900
    assert parse_sku("Floor:4500:300").vat_minor == 0
    assert parse_sku("Floor:1000:300:7.7").vat_minor == 71
