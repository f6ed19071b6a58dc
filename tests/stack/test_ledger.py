"""The ledger, with books and a Redis of its own: what a sale that goes well does not show."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from app.ids import new_order_id
from app.infra.mysql import Database, Row
from app.infra.redis import open_redis
from app.orders.facts import Fact, Item, OrderPlaced
from app.orders.ledger import Ledger
from app.orders.lifecycle import UNKNOWN, Order, apply
from app.outbound.following import follow
from app.sale.catalog import Event
from app.sale.events import create_event
from app.settings import Settings
from app.units import to_decimal
from tests.unit.order_facts import histories, own_charge, own_refund, paid, placed, refund_asked, refunded
from tests.world.apart import own_redis, prepare_books, scratch
from tests.world.events import an_event

CAPACITY = 300


class Books:
    """A ledger and what it wrote. Every fact is told of an order of the event `event`, for two tickets."""

    def __init__(self, database: Database, ledger: Ledger, event: Event) -> None:
        self.database = database
        self.event = event
        self._ledger = ledger

    def new_order(self) -> str:
        return new_order_id(self.event.id)

    def told(self, order_id: str, *facts: Fact) -> list[Fact]:
        """The facts as this order's own."""
        items = (Item(self.event.skus[0].id, 2, 4_500),)
        return [
            structs.replace(fact, order_id=order_id, event_id=self.event.id, items=items, idempotency_key=order_id)
            if isinstance(fact, OrderPlaced)
            else structs.replace(fact, order_id=order_id)
            for fact in facts
        ]

    async def write(self, *facts: Fact) -> list[str]:
        """One batch, written and settled; the orders whose facts were refused."""
        refused = await self._ledger.write(facts)
        await self._ledger.settle()
        return [fact.order_id for fact, reason in refused if reason]

    async def statuses(self, *order_ids: str) -> list[str | None]:
        """The status of each order; None for one that is not in the books."""
        rows = await self.database.fetch_all("SELECT id, status FROM orders")
        return [{row["id"]: str(row["status"]) for row in rows}.get(order_id) for order_id in order_ids]

    async def everything(self) -> list[list[Row]]:
        """Every row of every table."""
        tables = ("orders", "order_items", "payments", "inventory_audit", "skus")
        return [await self.database.fetch_all(f"SELECT * FROM {table}") for table in tables]  # noqa: S608  # constants

    async def clear(self) -> None:
        """As if there had been no orders."""
        for table in ("order_items", "orders", "payments", "late_charges"):
            await self.database.execute(f"DELETE FROM {table}")  # noqa: S608  # constants
        await self.database.execute("DELETE FROM inventory_audit WHERE reason <> 'CAPACITY'")
        await self.database.execute("UPDATE skus SET held = 0, sold = 0")

    async def payments(self, order_id: str) -> set[tuple[str, str, str]]:
        """Id, status and amount of each."""
        rows = await self.database.fetch_all("SELECT * FROM payments WHERE order_id = %s", (order_id,))
        return {(row["id"], row["status"], str(row["amount"])) for row in rows}

    async def stock(self) -> tuple[int, int, int]:
        """Held, sold, and what is available by the audit."""
        sku = await self.database.fetch_one("SELECT held, sold FROM skus")
        audit = await self.database.fetch_one("SELECT SUM(change_qty) AS available FROM inventory_audit")
        assert sku
        assert audit
        return sku["held"], sku["sold"], int(audit["available"])


@asynccontextmanager
async def new_books(env: dict[str, str]) -> AsyncIterator[Books]:
    """Empty books with one event."""
    with own_redis(env) as own:
        async with scratch(env, "ledger") as database, open_redis(Settings.from_environment(own)) as redis:
            await prepare_books(database)
            event = await create_event(database, redis, an_event(f"Floor:4500:{CAPACITY}"))
            yield Books(database, Ledger(database, redis, also=follow), event)


def in_new_books(env: dict[str, str], story: Callable[[Books], Awaitable[None]]) -> None:
    async def tell() -> None:
        async with new_books(env) as books:
            await story(books)

    asyncio.run(tell())


def test_a_batch_that_is_written_twice_changes_nothing(env: dict[str, str]) -> None:
    async def story(books: Books) -> None:
        order = books.new_order()
        batch = books.told(order, placed(), paid("tx 1"), refund_asked("r 1", own_charge("tx 1"), 4_000))
        assert await books.write(*batch) == []
        assert await books.statuses(order) == ["CONFIRMED"]
        assert await books.stock() == (0, 2, CAPACITY - 2)

        once = await books.everything()
        assert await books.write(*batch) == []
        assert await books.everything() == once

    in_new_books(env, story)


def test_money_from_before_its_order_goes_back_however_long_before(env: dict[str, str]) -> None:
    async def story(books: Books) -> None:
        order = books.new_order()
        await books.write(*books.told(order, paid("tx 1")))
        assert await books.statuses(order) == [None]
        assert await books.payments(order) == {(own_charge("tx 1"), "COMPLETED", "90.00")}

        await books.write(*books.told(order, placed()))
        assert await books.payments(order) == {
            (own_charge("tx 1"), "COMPLETED", "90.00"),
            (own_refund(own_charge("tx 1")), "REFUND_PENDING", "90.00"),
        }

    in_new_books(env, story)


def test_money_for_an_order_nobody_knows_can_be_given_back(env: dict[str, str]) -> None:
    async def story(books: Books) -> None:
        order = books.new_order()
        await books.write(*books.told(order, paid("tx 1")))
        await books.write(*books.told(order, refund_asked("r 1", own_charge("tx 1"), 9_000)))
        assert ("r 1", "REFUND_PENDING", "90.00") in await books.payments(order)

        await books.write(*books.told(order, refunded("r 1")))
        assert ("r 1", "REFUNDED", "90.00") in await books.payments(order)

    in_new_books(env, story)


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
def test_one_transaction_counts_for_one_order_only(env: dict[str, str], together: bool) -> None:
    async def story(books: Books) -> None:
        first, second, other = books.new_order(), books.new_order(), books.new_order()
        batches = [
            books.told(first, placed(), paid("tx 1")) + books.told(other, placed()),
            books.told(second, placed(), paid("tx 1")),
        ]
        if together:
            refused = await books.write(*batches[0], *batches[1])
        else:
            refused = await books.write(*batches[0]) + await books.write(*batches[1])

        assert refused == [second], "the money is kept for somebody to look at, the order is not concerned"
        assert await books.payments(second) == set()
        assert await books.statuses(first, second, other) == ["CONFIRMED", "PENDING", "PENDING"]

    in_new_books(env, story)


def test_the_last_guard_rejects_one_order_and_no_other(env: dict[str, str]) -> None:
    async def story(books: Books) -> None:
        await books.database.execute("UPDATE skus SET held = capacity - 3")
        first, second = books.new_order(), books.new_order()
        batch = [*books.told(first, placed()), *books.told(second, placed(), paid("tx 1"))]
        assert await books.write(*batch) == []

        assert await books.statuses(first, second) == ["PENDING", "REJECTED"]
        assert (own_refund(own_charge("tx 1")), "REFUND_PENDING", "90.00") in await books.payments(second)
        held, sold, available = await books.stock()
        assert (held, sold, available) == (CAPACITY - 1, 0, CAPACITY - 2)

    in_new_books(env, story)


def test_a_fact_that_no_column_takes_is_refused_and_the_others_are_written(env: dict[str, str]) -> None:
    async def story(books: Books) -> None:
        good, bad = books.new_order(), books.new_order()
        batch = [*books.told(bad, placed(), paid("\N{SNOWMAN}" * 200)), *books.told(good, placed())]
        assert await books.write(*batch) == [bad]
        assert await books.statuses(good, bad) == ["PENDING", "PENDING"]

    in_new_books(env, story)


def test_however_facts_fall_into_batches_the_books_say_what_the_lifecycle_says(env: dict[str, str]) -> None:
    """Stock that was given up cannot be claimed again here: this Redis holds no order."""

    async def tell(books: Books, facts: list[Fact], ends: list[bool]) -> None:
        await books.clear()
        order = Order(books.new_order(), UNKNOWN, event_id=books.event.id)
        batch: list[Fact] = []
        for fact, is_end in zip(books.told(order.id, *facts), ends, strict=True):
            order = apply(order, fact)
            batch.append(fact)
            if is_end:
                assert await books.write(*batch) == []
                batch = []
        assert await books.write(*batch) == []

        assert await books.statuses(order.id) == [None if order.status == UNKNOWN else order.status]
        assert await books.payments(order.id) == {
            (payment.id, payment.status, str(to_decimal(payment.amount_minor))) for payment in order.payments
        }
        held, sold = {"PENDING": (2, 0), "REVIEW": (2, 0), "CONFIRMED": (0, 2), "PARTIALLY_REFUNDED": (0, 2)}.get(
            order.status, (0, 0)
        )
        assert await books.stock() == (held, sold, CAPACITY - held - sold)

    with asyncio.Runner() as runner:
        opening = new_books(env)
        books = runner.run(opening.__aenter__())

        @settings(max_examples=40, deadline=None)
        @given(histories(), st.data())
        def check(history: list[tuple[Fact, bool | None]], data: st.DataObject) -> None:
            ends = data.draw(st.lists(st.booleans(), min_size=len(history), max_size=len(history)))
            runner.run(tell(books, [fact for fact, _ in history], ends))

        try:
            check()
        finally:
            runner.run(opening.__aexit__(None, None, None))
