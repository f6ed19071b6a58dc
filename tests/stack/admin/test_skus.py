"""Kinds of tickets with rules of their own: their place in lists, how many of each a buyer may have, and when."""

import uuid
from contextlib import ExitStack

import httpx

from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.world.buyers import Buyer, OpenSale, assert_sound, make_event, refused
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

LATER, EARLIER = "2031-01-01T20:00:00.000Z", "2021-01-01T20:00:00.000Z"


def asks(buyer: Buyer, **quantities: int) -> httpx.Response:
    """An order of so many of each kind, by name."""
    ids = {sku.name: sku.id for sku in buyer.sale.skus}
    return buyer.client.post(
        f"/events/{buyer.sale.slug}/orders",
        json={"items": [{"sku_id": ids[name], "quantity": quantity} for name, quantity in quantities.items()]},
        headers={"Idempotency-Key": uuid.uuid4().hex},
    )


def taken(buyer: Buyer, **quantities: int) -> None:
    answer = asks(buyer, **quantities)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text


def test_a_kind_has_its_place_its_limit_and_its_time_and_each_counts_at_once(stack: Stack) -> None:
    with ExitStack() as closing:
        admin = new_admin(stack.env)
        organiser = closing.enter_context(browser(stack))
        token_of(sign_in(organiser, admin.name, admin.password))
        made = make_event(
            stack.env, "Floor:4500:10;limit=1", f"Over:100:5;until={EARLIER}", f"Late:9900:5;from={LATER}",
            max_per_buyer=8,
        )  # fmt: skip
        buyer = OpenSale(stack, made, closing).buyer()
        floor, over, late = made.skus
        path = f"/api/v1/admin/events/{made.slug}"

        def change(*skus: dict[str, object]) -> None:
            answer = organiser.patch(path, json={"skus": skus})
            assert answer.status_code == httpx.codes.OK, answer.text

        told = buyer.client.get(f"/events/{made.slug}").json()["skus"]
        assert [(sku["max_per_buyer"], sku["sells_from"], sku["sells_until"]) for sku in told] == [
            (1, None, None),
            (None, None, EARLIER),
            (None, LATER, None),
        ]
        soon = refused(asks(buyer, Late=1), 409, "sku_not_on_sale")
        assert (soon["sku_id"], soon["sells_from"], soon["sells_until"]) == (late.id, LATER, None)
        gone = refused(asks(buyer, Floor=1, Over=1), 409, "sku_not_on_sale")
        assert (gone["sku_id"], gone["sells_until"]) == (over.id, EARLIER)
        more = refused(asks(buyer, Floor=2), 409, "sku_limit")
        assert (more["sku_id"], more["has"], more["limit"]) == (floor.id, 0, 1)
        taken(buyer, Floor=1)
        assert refused(asks(buyer, Floor=1), 409, "sku_limit")["has"] == 1

        change({"id": floor.id, "max_per_buyer": 2}, {"id": late.id, "sells_from": None, "position": 1})
        taken(buyer, Floor=1, Late=3)
        refused(organiser.patch(path, json={"skus": [{"id": late.id, "max_per_buyer": 0}]}), 422, "invalid")
        until(
            lambda: (
                [sku["name"] for sku in buyer.client.get(f"/events/{made.slug}").json()["skus"]]
                == ["Late", "Floor", "Over"]
            )
        )

        code, answer = ticketcraze(stack.env, "rebuild", made.slug)
        assert code == 0, answer
        assert refused(asks(buyer, Floor=1), 409, "sku_limit")["has"] == 2
        code, answer = ticketcraze(
            stack.env, "event", "sku", made.slug, "Floor", "--limit", "none", "--position", "1"
        )
        assert (code, [sku["name"] for sku in answer["skus"]]) == (0, ["Floor", "Late", "Over"])
        taken(buyer, Floor=2)
        told = organiser.get(f"{path}/settings").json()["skus"]
        assert [(sku["name"], sku["position"], sku["max_per_buyer"]) for sku in told] == [
            ("Floor", 1, None),
            ("Late", 2, None),
            ("Over", 3, None),
        ]
        assert_sound(stack.env, made)


def test_the_vat_of_a_kind_is_set_changed_and_told_to_buyers(stack: Stack) -> None:
    with ExitStack() as closing:
        admin = new_admin(stack.env)
        organiser = closing.enter_context(browser(stack))
        token_of(sign_in(organiser, admin.name, admin.password))
        slug = f"test-{uuid.uuid4().hex[:12]}"
        floor = {"name": "Floor", "price": 10_700, "capacity": 5, "vat_percent": 7}
        body = {"slug": slug, "name": "Taxed", "opens_in": 0, "skus": [floor]}
        for percent in (7.125, -1, 100, "7"):
            bad = {**body, "skus": [{**floor, "vat_percent": percent}]}
            refused(organiser.post("/api/v1/admin/events", json=bad), 422, "invalid")
        created = organiser.post("/api/v1/admin/events", json=body)
        assert created.status_code == httpx.codes.CREATED, created.text
        path, buyers = f"/api/v1/admin/events/{slug}", f"/api/v1/events/{slug}"
        more = {"name": "Balcony", "price": 11_900, "capacity": 5, "vat_percent": 19}
        changed = organiser.patch(path, json={"skus": [{"name": "Floor", "vat_percent": 7.7}, more]})
        assert [sku["vat_percent"] for sku in changed.json()["skus"]] == [7.7, 19]
        until(lambda: [sku["vat"] for sku in organiser.get(buyers).json()["skus"]] == [765, 1_900])
        renamed = organiser.patch(path, json={"skus": [{"id": changed.json()["skus"][0]["id"], "name": "Stalls"}]})
        assert [sku["vat_percent"] for sku in renamed.json()["skus"]] == [7.7, 19]  # what is not named stays
        assert ticketcraze(stack.env, "event", "sku", slug, "Stalls", "--vat", "7.777")[0] != 0
        code, answer = ticketcraze(stack.env, "event", "sku", slug, "Stalls", "--vat", "0")
        assert (code, [sku["vat_percent"] for sku in answer["skus"]]) == (0, [0, 19])
        until(lambda: [sku["vat"] for sku in organiser.get(buyers).json()["skus"]] == [0, 1_900])


def test_nobody_is_let_in_for_a_kind_that_is_not_on_sale_yet(stack: Stack) -> None:
    with ExitStack() as closing:
        made = make_event(stack.env, "Floor:4500:1", f"Late:9900:9;from={LATER}")
        sale = OpenSale(stack, made, closing)
        first, second = sale.buyer(), sale.buyer(let_in=False)
        taken(first, Floor=1)
        assert second.place()["status"] == "waiting"
        code, answer = ticketcraze(stack.env, "event", "sku", made.slug, "Late", "--from", "none")
        assert code == 0, answer
        until(lambda: second.place()["status"] == "admitted")
        assert_sound(stack.env, made)
