"""What waiting may mend waits, what can never be ends at once, and the books agree afterwards."""

import asyncio
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec import structs

from app.ids import new_id
from app.infra.kafka import open_consumer, open_orders_log, open_producer
from app.infra.keys import REPAIRS, order_key
from app.infra.mysql import Database, DatabaseUnavailable
from app.infra.redis import NotReady, open_redis
from app.orders.facts import OrderPlaced, records
from app.orders.ledger import Ledger
from app.orders.lifecycle import Order
from app.orders.reading import find_order
from app.orders.reservations import OUTBOX_GROUP, fact_of_entry, reserve
from app.organisers.trouble import read_trouble
from app.payments.provider import Checkout, PaymentNotice, ProviderUnavailable, RefundPage, TransactionPage
from app.payments.providers import Providers
from app.units import now_ms
from tests.world.apart import prepare_books
from tests.world.books import World, in_a_world, lapsed, new_world, paid, refund_asked
from tests.world.machine import free_port
from workers import ledger
from workers.expiry import Expiry
from workers.ledger import Bookkeeper, Stalled
from workers.reconcile import Charges
from workers.refunds import Refunds
from workers.relay import CONSUMER, Relay
from workers.runner import Stop, every

NOWHERE = "redis://127.0.0.1:1"
LIMIT_SECONDS = 15.0


async def place(world: World, buyer: str, idempotency_key: str) -> str:
    await world.redis.zadd(world.key("passes"), {buyer: now_ms() + 600_000})
    hold = await reserve(
        world.redis, world.event.id, buyer, idempotency_key, [(world.sku, 1)], outbox_cap=1_000, max_orders=20
    )
    return hold.order_id


async def outbox(world: World) -> list[tuple[str, dict[str, str]]]:
    return cast(list[tuple[str, dict[str, str]]], await world.redis.xrange(world.key("outbox")))


async def outbox_facts(world: World) -> list[OrderPlaced]:
    facts = [fact_of_entry(entry_id, entry) for entry_id, entry in await outbox(world)]
    return [fact for fact in facts if isinstance(fact, OrderPlaced)]


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while not await look():  # noqa: ASYNC110  # another process changes it
            await asyncio.sleep(0.02)


@asynccontextmanager
async def ledger_without_redis(world: World) -> AsyncIterator[Ledger]:
    async with open_redis(replace(world.settings, redis_url=NOWHERE)) as gone:
        yield Ledger(world.database, gone)


def test_keys_that_differ_in_blanks_only_are_orders_of_their_own(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        buyer = secrets.token_hex(16)
        ids = [await place(world, buyer, key) for key in ("abc", "abc ", "abc  ")]
        await world.carry()
        assert [(await world.read(order_id)).status for order_id in ids] == ["PENDING"] * 3
        assert [(await world.read(order_id)).idempotency_key for order_id in ids] == ["abc", "abc ", "abc  "]
        assert await world.failing() == {}

    in_a_world(own_env, story)


def test_an_order_for_a_key_that_the_books_have_is_rejected_and_the_key_answers_as_they_say(
    own_env: dict[str, str],
) -> None:
    async def story(world: World) -> None:
        buyer = secrets.token_hex(16)
        first = await place(world, buyer, "key")
        await world.carry()
        await world.redis.delete(world.key(f"answers:{buyer}"))  # Redis forgot that it answered
        second = await place(world, buyer, "key")

        (placed,) = await outbox_facts(world)
        refused = await world.ledger.write([placed])
        assert [fact for fact, _ in refused] == [placed]
        await world.ledger.settle()

        assert await world.redis.hget(order_key(world.event.id, second), "status") == "REJECTED"
        answer = await world.redis.hget(world.key(f"answers:{buyer}"), "key")
        assert str(answer).startswith(f"{first} ")
        assert await world.redis.xlen(world.key("outbox")) == 0
        assert await world.failing() == {}

    in_a_world(own_env, story)


def test_an_order_that_can_never_be_written_gives_its_tickets_back(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await world.place()
        (placed,) = await outbox_facts(world)
        impossible = structs.replace(placed, total_minor=10**15)
        assert len(await world.ledger.write([impossible])) == 1
        await world.ledger.settle()
        assert await world.redis.hget(order_key(world.event.id, order_id), "status") == "REJECTED"
        assert await world.redis.hget(world.key("stock"), f"{world.sku}:held") == "0"
        assert await world.failing() == {}

    in_a_world(own_env, story)


def test_late_money_waits_for_redis_and_nothing_else_does(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        late, other = await world.order(), await world.order()
        await world.write(lapsed(late))
        money = paid(late)
        async with ledger_without_redis(world) as ledger:
            assert await ledger.write([money, paid(other)]) == []
        assert [(await world.read(id_)).status for id_ in (late, other)] == ["EXPIRED", "CONFIRMED"]
        assert "late_charges: 1" in (await world.failing())[8]

        await world.write(money, paid(other))  # the second, with a charge of its own, goes back
        assert (await world.read(late)).status == "CONFIRMED"
        assert await world.database.fetch_all("SELECT * FROM late_charges") == []

    in_a_world(own_env, story)


def test_late_money_of_a_sale_that_redis_does_not_have_holds_up_no_other(own_env: dict[str, str]) -> None:
    """Once it was asked for first in each batch, and nobody asked for the others in it."""

    async def story(world: World) -> None:
        async with new_world(world.settings) as gone:
            lost, late = await gone.order(), await world.order()
            await gone.write(lapsed(lost))
            await world.write(lapsed(late))
            await gone.redis.delete(gone.key("sale"))
            await world.write(paid(lost), paid(late))
            assert [(await world.read(id_)).status for id_ in (lost, late)] == ["EXPIRED", "CONFIRMED"]

    in_a_world(own_env, story)


def test_an_order_that_redis_lost_has_the_sale_repaired(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await world.place()
        facts = await outbox_facts(world)
        await world.redis.delete(order_key(world.event.id, order_id))
        await world.write(*facts)
        assert await world.redis.srem(REPAIRS, str(world.event.id)) == 1, "it was asked for"

    in_a_world(own_env, story)


def test_an_order_that_redis_lost_ends_by_the_books(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        kept, lost = await world.order(), await world.order()
        await world.execute("UPDATE orders SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 HOUR")
        await world.redis.zrem(world.key("holds"), lost)
        assert f"order {lost}: past its end in the books" in (await world.failing())[10]
        async with open_producer(world.settings) as producer, open_orders_log(world.settings) as log:
            await Expiry(world.redis, producer, world.database).look_into_books()
            assert (await log.lag())[1] == 1, f"only {lost} is said to have lapsed, Redis holds {kept}"

    in_a_world(own_topics, story)


def test_holds_that_are_stuck_hide_no_others(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        stuck = {f"01941200-0000-7000-8000-{n:04x}{world.event.id:08x}": 1 for n in range(1_200)}
        await world.redis.zadd(world.key("holds"), stuck)
        async with open_producer(world.settings) as producer, open_orders_log(world.settings) as log:
            expiry = Expiry(world.redis, producer, world.database)
            await expiry.tick()
            assert (await log.lag())[1] == 1_200
            await world.redis.zadd(world.key("holds"), {await world.place(): 2})
            await expiry.tick()
            assert (await log.lag())[1] == 1_201

    in_a_world(own_topics, story)


def test_an_entry_that_was_sent_often_is_sent_again_within_a_minute(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        await world.place()
        async with open_producer(world.settings) as producer, open_orders_log(world.settings) as log:
            relay = Relay(world.redis, producer, lambda step: None)
            await relay.carry()
            ((entry_id, _),) = await outbox(world)
            await world.redis.xclaim(
                world.key("outbox"), OUTBOX_GROUP, CONSUMER, 0, [entry_id], idle=61_000, retrycount=12
            )
            relay = Relay(world.redis, producer, lambda step: None)
            relay._taken_over.add(world.key("outbox"))
            await relay.carry()
            assert (await log.lag())[1] == 2

    in_a_world(own_topics, story)


def test_an_outbox_that_redis_lost_stops_no_other_one(own_topics: dict[str, str]) -> None:
    """Once the look for what to send again found it gone before the reading did: nothing was carried any more."""

    async def story(world: World) -> None:
        async with open_producer(world.settings) as producer, open_orders_log(world.settings) as log:
            relay = Relay(world.redis, producer, lambda step: None)
            await relay.carry()
            await world.redis.delete(world.key("outbox"))
            relay._check_again_at = 0.0
            with pytest.raises(NotReady):
                await relay.carry()
            await world.place()
            await relay.carry()
            assert (await log.lag())[1] == 1

    in_a_world(own_topics, story)


def test_a_ledger_that_waits_for_kafka_without_end_starts_again(
    own_topics: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a broker was killed, a commit once waited for as long as the process lived."""

    async def never(offsets: object) -> None:
        await asyncio.Event().wait()

    async def story(world: World) -> None:
        monkeypatch.setattr(ledger, "LONGEST_BATCH_SECONDS", 5.0)
        order_id = await world.order()
        async with open_producer(world.settings) as producer, open_consumer(world.settings) as consumer:
            monkeypatch.setattr(consumer, "commit", never)
            bookkeeper = Bookkeeper(consumer, world.ledger, producer, world.settings, lambda step: None)
            await producer.send(records(paid(order_id)))
            with pytest.raises(Stalled):
                await asyncio.wait_for(every(0, bookkeeper.batch, Stop()), 20)

    in_a_world({**own_topics, "LEDGER_GROUP": own_topics["ORDERS_TOPIC"]}, story)


class SlowToRefund:
    """A provider that never answers for some charges; the name is not the sandbox's."""

    name = "slow"

    def __init__(self, hangs: str) -> None:
        self.hangs = hangs
        self.refunded: set[str] = set()

    async def refund(self, transaction_id: str, amount_minor: int, currency: str, idempotency_key: str) -> str:
        if transaction_id.startswith(self.hangs):
            raise ProviderUnavailable("no answer")
        self.refunded.add(transaction_id)
        return f"back-{idempotency_key}"

    async def create_checkout(self, order: object, attempt: object) -> Checkout:
        raise NotImplementedError

    async def close_checkout(self, ref: str) -> None:
        raise NotImplementedError

    def verify_callback(self, headers: object, body: bytes) -> PaymentNotice:
        raise NotImplementedError

    async def list_transactions(self, since_ms: int, after: str = "") -> TransactionPage:
        return TransactionPage([], "")

    async def list_refunds(self, since_ms: int, after: str = "") -> RefundPage:
        return RefundPage([], "")


def test_a_refund_that_gets_no_answer_is_asked_for_ever_more_rarely_and_is_trouble(
    own_topics: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_seconds = 1_000.0
    asked_at: list[float] = []

    class Unavailable(SlowToRefund):
        async def refund(self, *charge: Any) -> str:
            asked_at.append(now_seconds)
            return await super().refund(*charge)

    async def story(world: World) -> None:
        nonlocal now_seconds
        monkeypatch.setattr("workers.refunds.time", SimpleNamespace(monotonic=lambda: now_seconds))
        order_id = await world.order()
        money = structs.replace(paid(order_id), provider="slow")
        await world.write(money)
        await world.write(*refund_asked(await world.read(order_id), 4_500))
        provider = Unavailable(money.transaction_id)
        async with open_producer(world.settings) as producer:
            refunds = Refunds(world.database, producer, Providers(provider))

            async def go_on(seconds: int) -> None:
                """Ticks, by a clock of our own."""
                nonlocal now_seconds
                for _ in range(0, seconds, 5):
                    await refunds.tick()
                    await asyncio.gather(*refunds._under_way.values())
                    now_seconds += 5

            await go_on(1_100)
            assert [b - a for a, b in pairwise(asked_at)] == [15, 30, 60, 120, 240, 300, 300]
            await world.execute("UPDATE payments SET updated_at = updated_at - INTERVAL 31 MINUTE")
            trouble = await read_trouble(world.database, world.event.id, 0, [])
            assert [(item.kind, item.order_id) for item in trouble.items] == [("stuck_refund", order_id)]
            provider.hangs = "nothing any more"
            await go_on(300)
            assert provider.refunded == {money.transaction_id}, "it is never given up"

    in_a_world(own_topics, story)


def test_refunds_that_get_no_answer_starve_no_others(own_topics: dict[str, str]) -> None:
    async def story(world: World) -> None:
        orders: list[Order] = []
        for number in range(38):
            order_id = await world.order()
            name = "good" if number == 37 else "slow"
            money = structs.replace(paid(order_id), provider="slow", transaction_id=f"{name}-{number}-{new_id()}")
            await world.write(money)
            orders.append(await world.read(order_id))
        await world.write(*(fact for order in orders for fact in refund_asked(order, 4_500)))
        provider = SlowToRefund("slow")
        async with open_producer(world.settings) as producer:
            refunds = Refunds(world.database, producer, Providers(provider))

            async def is_back() -> bool:
                await refunds.tick()
                return bool(provider.refunded)

            await until(is_back)
            await refunds.stop()

    in_a_world(own_topics, story)


class Listing(SlowToRefund):
    """A provider with one charge in its list."""

    def __init__(self, notice: PaymentNotice) -> None:
        super().__init__("")
        self._notice = notice

    async def list_transactions(self, since_ms: int, after: str = "") -> TransactionPage:
        return TransactionPage([self._notice] if self._notice.occurred_at_ms >= since_ms else [], "")


@pytest.mark.parametrize("clock_ms", [0, -55_000, -3_500_000, 3_600_000])
def test_a_charge_is_told_until_it_is_in_the_books_whatever_the_providers_clock_says(
    own_topics: dict[str, str], clock_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.reconcile.CALLBACK_SECONDS", 0.0)

    async def story(world: World) -> None:
        order_id = await world.order()
        money = structs.replace(paid(order_id), provider="slow")
        notice = PaymentNotice(
            notice_id="n",
            outcome="succeeded",
            provider="slow",
            order_id=order_id,
            payment_id=money.payment_id,
            transaction_id=money.transaction_id,
            amount_minor=money.amount_minor,
            currency="USD",
            occurred_at_ms=now_ms() + clock_ms,
        )
        await world.database.execute("DELETE FROM reconciliations")
        await world.database.execute(
            "INSERT INTO reconciliations VALUES ('slow', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))"
        )
        async with open_producer(world.settings) as producer, open_orders_log(world.settings) as log:
            for times in (1, 2):
                charges = Charges(world.database, producer, Listing(notice))  # as after a restart
                await charges.compare()
                assert (await log.lag())[1] == times
                assert charges.trouble() == "", "a lost callback that was just made up for alarms nobody"
            await world.write(money)
            await charges.compare()
            await charges.compare()
            assert (await log.lag())[1] == 2, "it is in the books"

    in_a_world(own_topics, story)


def test_an_order_is_found_while_mysql_is_gone(own_env: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await world.order()
        gone = Database("mysql+asyncmy://nobody:x@127.0.0.1:1/none", 1)
        await gone.open()
        found = await find_order(gone, world.redis, order_id)
        assert found is not None
        assert (found.status, found.total_minor) == ("PENDING", 4_500)

    in_a_world(own_env, story)


@pytest.fixture(scope="module")
def own_mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a MariaDB of our own. While it is read-only, `boss` may write and `app` may not."""
    binary, installer = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if not binary or not installer:
        pytest.skip("MariaDB's own programs are not installed")
    home: Path = tmp_path_factory.mktemp("mysql")
    setup = home / "setup.sql"
    setup.write_text(
        "CREATE DATABASE IF NOT EXISTS books CHARACTER SET utf8mb4;\n"
        "CREATE OR REPLACE USER 'boss'@'%' IDENTIFIED BY 'b';\nGRANT ALL ON *.* TO 'boss'@'%';\n"
        "CREATE OR REPLACE USER 'app'@'%' IDENTIFIED BY 'a';\nGRANT ALL ON books.* TO 'app'@'%';\n"
    )
    user = ("--user=root",)
    subprocess.run(
        [installer, "--no-defaults", f"--datadir={home / 'data'}", "--skip-test-db", *user],
        check=True,
        capture_output=True,
    )
    port = free_port()
    running = subprocess.Popen(
        [
            binary, "--no-defaults", f"--datadir={home / 'data'}", f"--port={port}", "--bind-address=127.0.0.1",
            "--socket=m.sock", f"--init-file={setup}", "--skip-name-resolve", *user,
        ],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield port
    finally:
        running.terminate()
        running.wait(30)


def test_a_read_only_mysql_is_waited_for_and_no_fact_is_refused(own_env: dict[str, str], own_mysql: int) -> None:
    place_of_it = f"127.0.0.1:{own_mysql}/books?charset=utf8mb4"
    env = {
        **own_env,
        "DATABASE_URL": f"mysql+asyncmy://app:a@{place_of_it}",
        "OWNER_DATABASE_URL": f"mysql+asyncmy://app:a@{place_of_it}",
    }

    async def prepare() -> None:
        database = Database(env["DATABASE_URL"], 1)
        await database.open()

        async def is_up() -> bool:
            try:
                return await database.fetch_one("SELECT 1 AS up") is not None
            except DatabaseUnavailable:
                return False

        await until(is_up)
        await prepare_books(database)
        await database.close()

    async def story(world: World) -> None:
        boss = Database(f"mysql+asyncmy://boss:b@{place_of_it}", 1)
        await boss.open()
        order_id = await world.order()
        money = paid(order_id)
        await boss.execute("SET GLOBAL read_only = ON")
        try:
            for _ in range(3):
                with pytest.raises(DatabaseUnavailable, match=r"read.only"):
                    await world.ledger.write([money])
        finally:
            await boss.execute("SET GLOBAL read_only = OFF")
            await boss.close()
        await world.write(money)
        assert (await world.read(order_id)).status == "CONFIRMED"
        assert await world.failing() == {}

    asyncio.run(prepare())
    in_a_world(env, story)
