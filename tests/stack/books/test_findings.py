"""What does not agree is a row with what mends it, and closes once it is mended; a look costs what has changed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from app.infra.kafka import open_orders_log, open_producer
from app.infra.keys import REPAIRS, order_key
from app.infra.mysql import Connection, Database
from app.payments import findings
from app.payments.findings import Finding, Reconciler, mend, open_findings
from app.payments.provider import Checkout, ListedRefund, PaymentNotice, RefundPage, TransactionPage, fact_of
from app.units import now_ms
from tests.world.books import PRICE_MINOR, World, in_a_world, paid, refund_asked, refunds_done
from tests.world.commands import ticketcraze


class Listing:
    """A provider with these charges in its list; it does nothing else."""

    name = "sandbox"

    def __init__(self, *charges: PaymentNotice) -> None:
        self.charges = list(charges)
        self.refunds: list[ListedRefund] = []

    async def list_transactions(self, since_ms: int, after: str = "") -> TransactionPage:
        return TransactionPage([c for c in self.charges if c.occurred_at_ms >= since_ms], "")

    async def list_refunds(self, since_ms: int, after: str = "") -> RefundPage:
        return RefundPage([r for r in self.refunds if r.occurred_at_ms >= since_ms], "")

    async def create_checkout(self, order: object, attempt: object) -> Checkout:
        raise NotImplementedError

    async def close_checkout(self, ref: str) -> None:
        raise NotImplementedError

    def verify_callback(self, headers: object, body: bytes) -> PaymentNotice:
        raise NotImplementedError

    async def refund(self, transaction_id: str, amount_minor: int, currency: str, idempotency_key: str) -> str:
        raise NotImplementedError


def charge(order_id: str, transaction_id: str, amount_minor: int = PRICE_MINOR, **more: Any) -> PaymentNotice:
    return PaymentNotice(
        notice_id="n",
        outcome="succeeded",
        provider="sandbox",
        order_id=order_id,
        payment_id="p",
        transaction_id=transaction_id,
        amount_minor=amount_minor,
        currency="USD",
        occurred_at_ms=now_ms() - 1,
        **more,
    )


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is given time to come to rest."""
    monkeypatch.setattr(findings, "SETTLED_MS", 0)
    monkeypatch.setattr(findings, "CALLBACK_MS", 0)


async def found(world: World) -> dict[str, Finding]:
    return {finding.kind: finding for finding in await open_findings(world.database, world.event.id)}


@asynccontextmanager
async def looking(world: World, provider: Listing) -> AsyncIterator[Reconciler]:
    await world.database.execute("DELETE FROM findings")
    await world.database.execute("DELETE FROM compared")
    yield Reconciler(world.database, world.redis, [provider])


async def confirmed(world: World) -> tuple[str, str]:
    order_id = await world.order()
    money = paid(order_id)
    await world.write(money)
    return order_id, money.transaction_id


def test_what_a_provider_and_the_books_do_not_both_have_is_found_and_mended(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        (here, here_tx), (other, other_tx) = await confirmed(world), await confirmed(world)
        lost = await world.order()
        provider = Listing(
            charge(other, other_tx, PRICE_MINOR + 1, fee_minor=31), charge(lost, "tx lost".replace(" ", "-"))
        )
        async with looking(world, provider) as reconciler, open_producer(world.settings) as producer:
            await reconciler.look()
            seen = await found(world)
            assert {(one.kind, one.order_id) for one in seen.values()} == {
                ("missing_here", lost), ("missing_there", here), ("amount", other),
            }  # fmt: skip
            assert seen["missing_there"].reference == here_tx
            assert not await mend(world.database, world.redis, producer, seen["amount"]), "people see to it"
            async with open_orders_log(world.settings) as log:
                assert await mend(world.database, world.redis, producer, seen["missing_here"])
                assert (await log.lag())[1] == 1
            await world.write(fact_of(provider.charges[1]))
            await findings.close(world.database, seen["amount"].id)
            await findings.close(world.database, seen["missing_there"].id)
            await reconciler._look_again_at_open_ones()
            assert await found(world) == {}
            fees = await world.database.fetch_all("SELECT transaction_id, fee FROM provider_fees")
            assert (other_tx, "0.31") in {(row["transaction_id"], str(row["fee"])) for row in fees}

    in_a_world(own_topics, story)


def test_a_redis_that_is_behind_or_lost_an_order_is_found_and_mended(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        behind, lost = await world.order(), await world.order()
        provider = Listing()
        async with looking(world, provider) as reconciler, open_producer(world.settings) as producer:
            await reconciler.look()
            assert await found(world) == {}
            provider.charges = [charge(behind, "tx-1")]
            await world.ledger.write([fact_of(provider.charges[0])])  # and Redis is not told
            world.ledger._unsettled.clear()
            await world.execute("UPDATE orders SET updated_at = UTC_TIMESTAMP(3) WHERE id = %s", lost)
            await world.redis.delete(order_key(world.event.id, lost))
            await reconciler.look()
            seen = await found(world)
            assert {(one.kind, one.order_id) for one in seen.values()} == {
                ("redis_behind", behind), ("redis_lost", lost),
            }  # fmt: skip
            for one in seen.values():
                assert await mend(world.database, world.redis, producer, one)
            assert await world.redis.hget(order_key(world.event.id, behind), "status") == "CONFIRMED"
            assert await world.redis.srem(REPAIRS, str(world.event.id)) == 1, "it was asked for"
            await reconciler.look()
            assert set(await found(world)) == {"redis_lost"}, "the rebuild is another process's"

    in_a_world(own_topics, story)


def test_money_that_is_short_or_kept_for_nothing_and_a_refused_refund_are_found(
    own_topics: dict[str, str],
) -> None:
    async def story(world: World) -> None:
        (short, short_tx), (kept, kept_tx), (refused, refused_tx) = [await confirmed(world) for _ in range(3)]
        provider = Listing(*(charge(o, t) for o, t in ((short, short_tx), (kept, kept_tx), (refused, refused_tx))))
        await world.write(*refund_asked(await world.read(refused), 700))
        await world.write(*refunds_done(await world.read(refused), ok=False))
        await world.execute("UPDATE orders SET total = total + 1 WHERE id = %s", short)
        await world.execute("UPDATE orders SET status = 'EXPIRED' WHERE id = %s", kept)
        await world.execute("UPDATE orders SET status = 'REJECTED' WHERE id = %s", kept)
        async with looking(world, provider) as reconciler, open_producer(world.settings) as producer:
            await reconciler.look()
            seen = await found(world)
            assert {(one.kind, one.order_id) for one in seen.values()} == {
                ("money_short", short), ("money_kept", kept), ("refund_refused", refused),
            }  # fmt: skip
            assert await mend(world.database, world.redis, producer, seen["refund_refused"])
            await world.execute("UPDATE orders SET total = total - 1 WHERE id = %s", short)
            await reconciler.look()
            assert "money_short" not in await found(world)

    in_a_world(own_topics, story)


def test_refunds_that_a_provider_and_the_books_do_not_both_have_are_found(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        bought = {
            name: await confirmed(world)
            for name in ("sound", "wrong", "failed", "not there", "theirs", "under way", "tried in vain")
        }
        provider = Listing(*(charge(order_id, transaction_id) for order_id, transaction_id in bought.values()))
        for name in ("sound", "wrong", "failed", "not there"):
            order_id, transaction_id = bought[name]
            await world.write(*refund_asked(await world.read(order_id), 700))
            await world.write(*(done := refunds_done(await world.read(order_id))))
            if name != "not there":
                minor = 800 if name == "wrong" else 700
                provider.refunds.append(
                    listed(done[0].transaction_id, transaction_id, minor, failed=name == "failed")  # type: ignore[union-attr]
                )
        await world.write(*refund_asked(await world.read(bought["under way"][0]), 700))
        provider.refunds += [
            listed("re-theirs", bought["theirs"][1]),
            listed("re-soon", bought["under way"][1]),
            listed("re-in-vain", bought["tried in vain"][1], failed=True),
            listed("re-of-nothing", "a-charge-nobody-knows"),
        ]
        async with looking(world, provider) as reconciler:
            await reconciler.look()
            seen = {(one.kind, one.order_id) for one in await open_findings(world.database, world.event.id)}
            assert seen == {
                ("refund_amount", bought["wrong"][0]),
                ("refund_failed", bought["failed"][0]),
                ("refund_missing_there", bought["not there"][0]),
                ("refund_missing_here", bought["theirs"][0]),
            }
            await reconciler.look()
            assert len(await open_findings(world.database, world.event.id)) == len(seen), "once each"

    in_a_world(own_topics, story)


def listed(refund_id: str, transaction_id: str, amount_minor: int = 700, *, failed: bool = False) -> ListedRefund:
    return ListedRefund(refund_id, transaction_id, amount_minor, "USD", now_ms() - 1, failed)


def test_a_fee_that_is_another_one_now_is_found(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id, transaction_id = await confirmed(world)
        provider = Listing(charge(order_id, transaction_id, fee_minor=31))
        async with looking(world, provider) as reconciler:
            await reconciler.look()
            assert await found(world) == {}
            provider.charges = [charge(order_id, transaction_id, fee_minor=45)]
            await reconciler.look()
            assert "keeps $0.45, and said $0.31" in (await found(world))["fee"].detail

    in_a_world(own_topics, story)


def test_a_look_compares_what_was_touched_and_the_whole_everything(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        bought = [await confirmed(world) for _ in range(5)]
        provider = Listing(*(charge(order_id, transaction_id) for order_id, transaction_id in bought))
        async with looking(world, provider) as reconciler:
            await reconciler.look()
            await world.execute("UPDATE orders SET updated_at = updated_at - INTERVAL 1 HOUR")
            await world.execute("UPDATE orders SET updated_at = UTC_TIMESTAMP(3) WHERE id = %s", bought[0][0])
            assert await reconciler._look_at_orders(whole=False) == 1
            assert await reconciler._look_at_orders(whole=True) >= 5
            assert await found(world) == {}

    in_a_world(own_topics, story)


def test_what_a_look_reads_of_the_books_does_not_grow_with_what_was_sold(own_topics: dict[str, str]) -> None:
    """Rows as MySQL counts them, with five orders from before and with thirty more, bought or not."""

    async def story(world: World) -> None:
        async def rows_read() -> int:
            await world.execute("UPDATE orders SET updated_at = updated_at - INTERVAL 1 HOUR")
            await world.execute("UPDATE payments SET created_at = created_at - INTERVAL 1 HOUR")
            order_id, transaction_id = await confirmed(world)
            since_ms, until_ms = now_ms() - 60_000, now_ms() + 60_000
            async with world.database.connection() as connection:
                one = cast(Database, OneConnection(connection))
                reconciler = Reconciler(one, world.redis, [])
                before = await handler_reads(connection)
                counted = sum([len(ids) async for ids in findings._touched(one, since_ms, until_ms)])
                await reconciler._look_for_missing("sandbox", since_ms, until_ms, {transaction_id})
                after = await handler_reads(connection)
            assert counted == 1, order_id
            return after - before

        for _ in range(5):
            await confirmed(world)
        few = await rows_read()
        for _ in range(15):
            await confirmed(world)
            await world.order()
        assert await rows_read() <= few + 2

    in_a_world(own_topics, story)


class OneConnection:
    """A database of one connection, so that the rows it reads can be counted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.fetch_all = connection.fetch_all

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        yield self._connection


async def handler_reads(connection: Connection) -> int:
    rows = await connection.fetch_all("SHOW SESSION STATUS LIKE 'Handler_read%'")
    return sum(int(row["Value"]) for row in rows)


def test_findings_are_listed_mended_and_closed_by_command(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        lost, odd = await world.order(), await world.order()
        notice = charge(lost, "tx-lost")
        told = Finding("missing_here", "tell_ledger", lost, "sandbox took $45.00", "sandbox", "tx-lost", notice)
        seen = Finding("amount", "people", odd, "sandbox says $1.00", "sandbox", "tx-odd")
        async with world.database.connection() as connection:
            await connection.execute("DELETE FROM findings")
            await findings.keep_findings(connection, [told, seen])

        async def mend_by(*words: str) -> tuple[int, dict[str, Any]]:
            return await asyncio.to_thread(ticketcraze, own_topics, "mend", *words)

        code, answer = await mend_by("--list")
        assert code == 0
        listed = {one["id"]: (one["kind"], one["action"], one["order_id"]) for one in answer["findings"]}
        assert listed == {
            told.id: ("missing_here", "tell_ledger", lost), seen.id: ("amount", "people", odd),
        }  # fmt: skip
        assert await mend_by() == (0, {"mended": [told.id], "people": []}), "all that needs no people"
        async with open_orders_log(world.settings) as log:
            assert (await log.lag())[1] == 1
        assert await mend_by(seen.id) == (0, {"mended": [], "people": [seen.id]})
        assert await mend_by("--done", seen.id) == (0, {"closed": [seen.id]})
        code, answer = await mend_by(seen.id)
        assert (code, answer["error"]) == (1, f"No finding {seen.id} is open.")
        await findings.close(world.database, told.id)
        assert await mend_by("--list") == (0, {"findings": []})

    in_a_world(own_topics, story)
