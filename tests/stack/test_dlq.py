"""Facts that could not be applied: kept without limit, listed with their reasons, and told to the ledger again."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from app.ids import new_id, new_order_id
from app.infra.kafka import connection_options, create_topics, dlq_topic, open_orders_log, open_producer
from app.orders.facts import records
from app.settings import Settings
from tests.stack.admin.people import signed_in
from tests.world.books import PRICE_MINOR, paid
from tests.world.buyers import OpenSale, make_event, refused, until_status
from tests.world.commands import ticketcraze
from tests.world.fixtures import own_env, topics_of_one_test
from tests.world.stack import Stack

LIMIT_SECONDS = 10.0
__all__ = ["own_env", "topics_of_one_test"]


async def set_aside(settings: Settings, key: str, value: bytes, reason: str) -> None:
    """Puts a record into the dlq, as the ledger does."""
    async with open_producer(settings) as producer:
        await producer.send([(key, value)], dlq_topic(settings), [("reason", reason.encode())])


async def settings_of_topic(settings: Settings, topic: str) -> dict[str, str]:
    """As Kafka has them; a broker hears of a new topic a moment later."""
    admin = AIOKafkaAdminClient(**connection_options(settings))
    await admin.start()
    wanted = [ConfigResource(ConfigResourceType.TOPIC, topic)]
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not (entries := (await admin.describe_configs(wanted))[0].resources[0][4]):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        await admin.close()
    return {name: value for name, value, *_ in entries}


def test_the_dlq_is_listed_and_told_again_by_commands(own_topics: dict[str, str]) -> None:
    settings = Settings.from_environment(own_topics)
    order_id = new_order_id(1)
    assert ticketcraze(own_topics, "dlq", "list") == (0, {"letters": []})

    async def lag() -> int:
        async with open_orders_log(settings) as log:
            return (await log.lag())[0]

    [(_, fact)] = records(paid(order_id))
    asyncio.run(set_aside(settings, order_id, fact, "a constraint"))
    asyncio.run(set_aside(settings, "", b"?", "undecodable"))
    code, answer = ticketcraze(own_topics, "dlq", "list")
    assert code == 0
    known, odd = answer["letters"]
    assert (known["order_id"], known["fact"], known["reason"]) == (
        order_id, f"PaymentSucceeded of order {order_id}", "a constraint",
    )  # fmt: skip
    assert (odd["fact"], odd["reason"]) == ("undecodable record of no order", "undecodable")

    assert ticketcraze(own_topics, "dlq", "replay", known["id"]) == (0, {"replayed": [known["id"]]})
    assert asyncio.run(lag()) == 1, "the ledger has it to read"
    assert [letter["id"] for letter in ticketcraze(own_topics, "dlq", "list")[1]["letters"]] == [odd["id"]]
    code, answer = ticketcraze(own_topics, "dlq", "replay", known["id"])
    assert (code, answer["error"]) == (1, f"The dlq has no {known['id']}, or it was replayed already.")
    assert ticketcraze(own_topics, "dlq", "replay") == (0, {"replayed": [odd["id"]]}), "all of them without an id"
    assert ticketcraze(own_topics, "dlq", "list") == (0, {"letters": []})
    assert asyncio.run(lag()) == 2


def test_topics_forget_no_dead_letter_and_no_fact_that_was_confirmed(own_topics: dict[str, str]) -> None:
    settings = Settings.from_environment(own_topics)
    dlq = asyncio.run(settings_of_topic(settings, dlq_topic(settings)))
    facts = asyncio.run(settings_of_topic(settings, settings.orders_topic))
    assert (dlq["retention.ms"], dlq["min.insync.replicas"]) == ("-1", "1")  # of a single broker
    assert facts["min.insync.replicas"] == "1"


def test_a_dlq_that_somebody_else_made_keeps_its_letters_too(own_topics: dict[str, str]) -> None:
    settings = Settings.from_environment(own_topics | {"ORDERS_TOPIC": f"made-{new_id()}"})
    dlq = dlq_topic(settings)

    async def until_kept_for(retention_ms: str) -> dict[str, str]:
        """A broker hears a moment later what was set."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while (kept := await settings_of_topic(settings, dlq)).get("retention.ms") != retention_ms:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return kept

    async def made_first() -> None:
        admin = AIOKafkaAdminClient(**connection_options(settings))
        await admin.start()
        theirs = {"retention.ms": "1000", "max.message.bytes": "2000000"}
        await admin.create_topics([NewTopic(dlq, 1, 1, topic_configs=theirs)])
        try:
            await until_kept_for("1000")
            await create_topics(settings)
            kept = await until_kept_for("-1")
            assert kept["max.message.bytes"] == "2000000", "what else was set there stays"
        finally:
            await admin.delete_topics([settings.orders_topic, dlq])
            await admin.close()

    asyncio.run(made_first())


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    with signed_in(stack) as client:
        yield client


def letters_of(api: httpx.Client, order_id: str) -> list[Any]:
    answer = api.get("/api/v1/admin/dlq")
    assert answer.status_code == httpx.codes.OK, answer.text
    return [letter for letter in answer.json()["letters"] if letter["order_id"] == order_id]


def test_a_letter_is_replayed_over_the_api_and_the_ledger_applies_it(
    open_sale: OpenSale, api: httpx.Client
) -> None:
    stack, buyer = open_sale.stack, open_sale.buyer()
    settings = Settings.from_environment(stack.env)
    order_id = buyer.order()
    [(_, fact)] = records(paid(order_id, PRICE_MINOR))
    asyncio.run(set_aside(settings, order_id, fact, "no connection to the books"))
    [letter] = letters_of(api, order_id)
    assert letter["reason"] == "no connection to the books"
    page = api.get(f"/admin/events/{open_sale.sale.slug}/trouble").text
    assert f"PaymentSucceeded of order {order_id} could not be applied: no connection to the books" in page
    assert f'"ids": ["{letter["id"]}"]' in page

    answer = api.post("/api/v1/admin/dlq/replay", json={"ids": [letter["id"]]})
    assert (answer.status_code, answer.json()) == (200, {"replayed": [letter["id"]]})
    until_status(buyer.client, order_id, "CONFIRMED")
    assert letters_of(api, order_id) == []
    assert letter["id"] not in api.get(f"/admin/events/{open_sale.sale.slug}/trouble").text
    refused(api.post("/api/v1/admin/dlq/replay", json={"ids": [letter["id"]]}), 422, "invalid")


@pytest.fixture
def open_sale(stack: Stack) -> Iterator[OpenSale]:
    with ExitStack() as closing:
        yield OpenSale(stack, make_event(stack.env), closing)
