"""The tickets of an order: made with it, void with it, and somebody else's once they are handed on."""

import asyncio
import uuid

import httpx

from app.ids import new_id
from app.infra.kafka import open_producer
from app.infra.mysql import open_database
from app.orders.facts import RefundRequested, records
from app.settings import Settings
from app.tickets.codes import TicketKeys
from app.tickets.door import use
from app.units import now_ms
from tests.stack.tickets.conftest import Bought, Shop
from tests.world.buyers import api, come_in, order, refused, until_status
from tests.world.waiting import until


def hand_on(bought: Bought, ticket_id: str, request_key: str = "", key: str = "") -> httpx.Response:
    client = api(bought.stack) if key else bought.buyer
    return client.post(
        f"/orders/{bought.order_id}/tickets/{ticket_id}/handover",
        params={"key": key} if key else {},
        headers={"Idempotency-Key": request_key or uuid.uuid4().hex},
    )


def test_a_paid_order_has_a_ticket_for_each_that_was_bought_and_its_link_shows_them(shop: Shop) -> None:
    bought = shop.bought(3)
    tickets = bought.tickets()
    assert [(t["sku_id"], t["name"], t["status"]) for t in tickets] == [
        (shop.sale.skus[0].id, "Floor", "valid")
    ] * 3
    keys = TicketKeys(Settings.from_environment(shop.stack.env).ticket_keys)
    claims = [keys.read(ticket["code"]) for ticket in tickets]
    assert {claim.event_id for claim in claims} == {shop.sale.id}
    assert len({claim.ticket_id for claim in claims}) == 3
    link = bought.buyer.get(f"/orders/{bought.order_id}").json()["link"]
    with api(shop.stack) as stranger:
        assert stranger.get(f"/orders/{bought.order_id}/tickets?{link.partition('?')[2]}").json() == tickets
        refused(stranger.get(f"/orders/{bought.order_id}/tickets"), 401, "unauthorized")


def test_an_order_that_is_not_paid_has_no_tickets(shop: Shop) -> None:
    with api(shop.stack) as buyer:
        come_in(buyer, shop.sale)
        order_id = order(buyer, shop.sale).json()["order_id"]
        until_status(buyer, order_id, "PENDING")
        assert buyer.get(f"/orders/{order_id}/tickets").json() == []
        buyer.delete(f"/orders/{order_id}")


def test_the_public_keys_are_published(shop: Shop) -> None:
    answer = httpx.get(f"{shop.stack.web}/.well-known/ticket-keys.json", trust_env=False).json()
    keys = TicketKeys(Settings.from_environment(shop.stack.env).ticket_keys)
    assert [(key["kid"], key["x"], key["crv"]) for key in answer["keys"]] == [
        (key.id, key.x, "Ed25519") for key in keys.public
    ]


def test_a_ticket_that_is_handed_on_has_a_new_code_that_only_its_new_holder_sees(shop: Shop) -> None:
    bought = shop.bought(2)
    first, second = bought.tickets()
    request_key = uuid.uuid4().hex
    answer = hand_on(bought, first["ticket_id"], request_key)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    assert hand_on(bought, first["ticket_id"], request_key).json() == answer.json(), (
        "the same key, the same answer"
    )
    refused(hand_on(bought, first["ticket_id"]), 410, "void")
    old, new, other = bought.tickets()
    assert (old["ticket_id"], old["status"], old["handed_on"]) == (first["ticket_id"], "void", False)
    assert (new["ticket_id"], new["code"], new["handed_on"]) == (answer.json()["ticket_id"], None, True)
    assert other == second
    refused(hand_on(bought, new["ticket_id"]), 404, "not_found")
    key = answer.json()["link"].partition("?key=")[2]
    again = hand_on(bought, new["ticket_id"], key=key)
    assert again.status_code == httpx.codes.CREATED, "its holder may hand it on"
    refused(hand_on(bought, new["ticket_id"], key=key), 410, "void")
    refused(hand_on(bought, again.json()["ticket_id"], key=key), 401, "unauthorized")


def test_of_twenty_that_hand_on_the_same_ticket_at_once_one_does(shop: Shop) -> None:
    bought = shop.bought(1)
    [ticket] = bought.tickets()

    async def rush() -> list[int]:
        cookies = dict(bought.buyer.cookies)
        async with httpx.AsyncClient(base_url=bought.buyer.base_url, cookies=cookies, trust_env=False) as client:
            path = f"/orders/{bought.order_id}/tickets/{ticket['ticket_id']}/handover"
            answers = await asyncio.gather(
                *(client.post(path, headers={"Idempotency-Key": uuid.uuid4().hex}) for _ in range(20))
            )
        return sorted(answer.status_code for answer in answers)

    assert asyncio.run(rush()) == [201] + [410] * 19


def test_a_refund_voids_the_tickets_and_those_that_were_used_stay_so(shop: Shop) -> None:
    bought = shop.bought(3)
    used, *others = bought.tickets()
    handed = hand_on(bought, others[0]["ticket_id"]).json()["ticket_id"]

    async def use_and_refund() -> None:
        async with open_database(Settings.from_environment(shop.stack.env)) as database:
            entry = await use(database, used["ticket_id"], "A", "0" * 12)
            assert entry
            assert entry.let_in

    asyncio.run(use_and_refund())
    refund_all(bought)
    until(lambda: all(t["status"] != "valid" for t in bought.tickets()), what="the end of the tickets")
    by_id = {ticket["ticket_id"]: ticket for ticket in bought.tickets()}
    assert by_id[used["ticket_id"]]["status"] == "used"
    assert by_id[handed]["status"] == by_id[others[1]["ticket_id"]]["status"] == "void"


def refund_all(bought: Bought) -> None:
    """The whole charge goes back."""
    [charge] = [
        p for p in bought.buyer.get(f"/orders/{bought.order_id}").json()["payments"] if p["kind"] == "CHARGE"
    ]

    async def ask() -> None:
        async with open_producer(Settings.from_environment(bought.stack.env)) as producer:
            await producer.send(
                records(
                    RefundRequested(
                        fact_id=new_id(),
                        order_id=bought.order_id,
                        occurred_at_ms=now_ms(),
                        payment_id=charge["payment_id"],
                        amount_minor=charge["amount"],
                        reason="a test",
                    )
                )
            )

    asyncio.run(ask())
