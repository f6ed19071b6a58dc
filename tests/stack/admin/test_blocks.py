"""A buyer or an address that is kept out: at once, everywhere, until it is let in again."""

import httpx

from tests.stack.admin.people import browser, new_address, new_admin, sign_in, token_of
from tests.world.buyers import api, come_in, make_event, order, refused
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until


def test_whoever_is_blocked_loses_their_place_and_neither_joins_nor_orders(
    stack: Stack, env: dict[str, str]
) -> None:
    sale, admin = make_event(env), new_admin(env)
    path, queue = f"/api/v1/admin/events/{sale.slug}", f"/api/v1/events/{sale.slug}/queue"
    address = new_address()
    with browser(stack) as organiser, api(stack) as buyer, browser(stack, address) as robot:
        token_of(sign_in(organiser, admin.name, admin.password))
        come_in(buyer, sale)
        kept = order(buyer, sale, 1).json()["order_id"]
        buyer_id = str(until(lambda: organiser.get(f"{path}/orders").json()["orders"])[0]["buyer_id"])
        for who in ("somebody", "10.0.0.0/8", "=1+1"):
            refused(organiser.post(f"{path}/blocks", json={"who": who}), 422, "invalid")
        for who in (buyer_id, address):
            assert organiser.post(f"{path}/blocks", json={"who": who, "why": "a robot"}).status_code == 200
        assert order(buyer, sale, 1).status_code == httpx.codes.FORBIDDEN
        until(lambda: order(buyer, sale, 1).json()["code"] == "blocked", 2.0, "the block everywhere")
        refused(buyer.post(f"/events/{sale.slug}/queue"), 403, "blocked")
        until(lambda: robot.post(queue).status_code == httpx.codes.FORBIDDEN, 2.0, "the block of the address")
        assert buyer.get(f"/orders/{kept}").status_code == httpx.codes.OK, "what was ordered stays"

        listed = organiser.get(f"{path}/blocks").json()["blocked"]
        assert {one["who"] for one in listed} == {buyer_id, address}
        assert organiser.post(f"{path}/unblock", json={"who": buyer_id}).status_code == 200
        assert ticketcraze(env, "block", "end", sale.slug, address)[0] == 0
        assert ticketcraze(env, "block", "list", sale.slug)[1]["blocked"] == []
        refused(organiser.post(f"{path}/unblock", json={"who": address}), 404, "not_found")
        until(lambda: robot.post(queue).status_code == httpx.codes.OK, 2.0, "letting in again")
        until(lambda: buyer.post(f"/events/{sale.slug}/queue").status_code == httpx.codes.OK, 2.0)
    ticketcraze(env, "admin", "remove", admin.name)
