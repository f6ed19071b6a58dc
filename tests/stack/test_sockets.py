"""The buyers' websocket: who may listen, what is told first, and what is told then."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from app.tokens import Tokens, new_buyer
from tests.world.buyers import (
    Frame,
    OpenSale,
    Sale,
    api,
    frames_until,
    join,
    make_event,
    next_frame,
    order,
    pay,
    until_status,
)
from tests.world.stack import Stack


@pytest.fixture(scope="module")
def sale(env: dict[str, str]) -> Sale:
    return make_event(env, "Floor:4500:50", "Balcony:2500:50")


@pytest.fixture
def world(stack: Stack, sale: Sale) -> Iterator[OpenSale]:
    with ExitStack() as closing:
        yield OpenSale(stack, sale, closing)


def close_code(socket: ClientConnection) -> int | None:
    """Why the server closed."""
    with pytest.raises(ConnectionClosed) as closed:
        frames_until(socket, lambda frame: False)
    return closed.value.rcvd.code if closed.value.rcvd else None


@pytest.mark.parametrize("slug", ["nobody-knows", "%C3%A9", "%00", "a" * 500])
def test_an_unknown_event_is_one_that_was_not_joined(world: OpenSale, slug: str) -> None:
    token = world.buyer().token
    assert close_code(world.socket(token, slug)) == 4001


def test_who_has_not_joined_is_told_so(world: OpenSale) -> None:
    stranger = Tokens({"0": world.stack.env["SECRET_KEY"]}).of_buyer(new_buyer())
    assert close_code(world.socket(stranger)) == 4001


def test_who_left_has_not_joined(world: OpenSale) -> None:
    buyer = world.buyer()
    client, token = buyer.client, buyer.token
    client.delete(f"/events/{world.sale.slug}/queue")
    assert close_code(world.socket(token)) == 4001


@pytest.mark.parametrize("way", ["bearer", "cookie"])
@pytest.mark.parametrize("kind", ["none", "made up", "of another key", "altered", "of another use", "too long"])
def test_a_token_that_is_not_ours_is_refused(world: OpenSale, kind: str, way: str) -> None:
    ours = Tokens({"0": world.stack.env["SECRET_KEY"]})
    token = {
        "none": "",
        "made up": "token",
        "of another key": Tokens({"0": "x" * 64}).of_buyer(new_buyer()),
        "altered": ours.of_buyer(new_buyer())[:-3] + "AAA",
        "of another use": ours.of_resume(new_buyer()),
        "too long": ours.of_buyer(new_buyer()) + "x" * 3_000,
    }[kind]
    assert close_code(world.socket(token, way=way)) == 4003


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://["])
def test_a_page_of_another_site_is_refused(world: OpenSale, origin: str) -> None:
    token = world.buyer().token
    assert close_code(world.socket(token, way="cookie", origin=origin)) == 4003


def test_our_own_page_is_served(world: OpenSale) -> None:
    token = world.buyer().token
    assert next_frame(world.socket(token, way="cookie", origin=world.stack.web))["type"] == "place"


def test_other_sockets_do_not_exist(world: OpenSale) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{world.stack.web.replace('http', 'ws')}/ws/nothing")
    assert 400 <= refused.value.response.status_code < 500
    assert httpx.get(f"{world.stack.web}/ws/events/{world.sale.slug}", trust_env=False).status_code == 404


def test_everything_is_told_first_as_it_stands(world: OpenSale) -> None:
    buyer = world.buyer()
    client, token = buyer.client, buyer.token
    order_id = order(client, world.sale, quantity=2).json()["order_id"]
    as_it_stands = until_status(client, order_id, "PENDING")

    socket = world.socket(token)
    frames: dict[str, Frame] = {}  # news of the order may come in between
    while frames.keys() != {"place", "stock", "order"}:
        frame = next_frame(socket)
        frames[frame["type"]] = frame
    place, stock, told = frames["place"], frames["stock"], frames["order"]

    asked = client.get(f"/events/{world.sale.slug}/queue").json()
    assert place == {"type": "place", **{k: v for k, v in asked.items() if k != "token"}}
    assert (place["status"], place["position"]) == ("admitted", 0)

    event = client.get(f"/events/{world.sale.slug}").json()
    assert (stock["type"], stock["sale"]) == ("stock", "open")
    assert [sku["id"] for sku in stock["skus"]] == [sku["id"] for sku in event["skus"]]
    assert all(sku.keys() == {"id", "available", "held"} for sku in stock["skus"])

    assert told == {
        "type": "order",
        **{name: as_it_stands[name] for name in ("order_id", "status", "version", "total", "expires_at")},
    }


def test_who_has_no_order_is_told_of_none(world: OpenSale) -> None:
    token = world.buyer().token
    socket = world.socket(token)
    assert [next_frame(socket)["type"] for _ in range(2)] == ["place", "stock"]
    other = world.buyer().client
    order_id = order(other, world.sale).json()["order_id"]
    until_status(other, order_id, "PENDING")
    frames = frames_until(socket, lambda frame: frame["type"] == "stock")
    assert all(frame["type"] != "order" for frame in frames), "another buyer's order was told"


def test_the_versions_of_an_order_only_grow(world: OpenSale) -> None:
    buyer = world.buyer()
    client, token = buyer.client, buyer.token
    first, second = world.socket(token), world.socket(token)
    for socket in (first, second):
        frames_until(socket, lambda frame: frame["type"] == "stock")
    order_id = order(client, world.sale).json()["order_id"]
    until_status(client, order_id, "PENDING")
    pay(client, order_id, "decline")
    pay(client, order_id, "succeed")

    for socket in (first, second):
        frames = frames_until(socket, lambda frame: frame.get("status") == "CONFIRMED")
        told = [frame for frame in frames if frame["type"] == "order"]
        assert {frame["order_id"] for frame in told} == {order_id}
        versions = [frame["version"] for frame in told]
        assert versions == sorted(versions)
        assert [told[0]["status"], told[-1]["status"]] == ["PENDING", "CONFIRMED"]

    again = world.socket(token)
    last = frames_until(again, lambda frame: frame["type"] == "order")[-1]
    assert (last["status"], last["version"]) == ("CONFIRMED", versions[-1])


def test_the_stock_is_told_when_it_changes(world: OpenSale) -> None:
    buyer = world.buyer()
    client, token = buyer.client, buyer.token
    socket = world.socket(token)
    before = client.get(f"/events/{world.sale.slug}").json()["skus"][0]["available"]
    order(client, world.sale, quantity=3)
    frames_until(socket, lambda frame: frame["type"] == "stock" and frame["skus"][0]["available"] == before - 3)


def test_who_leaves_is_told_on_every_device(world: OpenSale) -> None:
    buyer = world.buyer()
    client, token = buyer.client, buyer.token
    sockets = [world.socket(token), world.socket(token)]
    for socket in sockets:
        assert next_frame(socket)["status"] == "admitted"
    client.delete(f"/events/{world.sale.slug}/queue")
    for socket in sockets:
        left = frames_until(socket, lambda frame: frame.get("status") == "left")[-1]
        assert (left["type"], left["number"], left["expires_at"]) == ("place", None, None)


def test_who_waits_before_the_sale_is_in_the_lobby(stack: Stack, env: dict[str, str]) -> None:
    soon = make_event(env, opens_in=3_600)
    with ExitStack() as closing:
        world = OpenSale(stack, soon, closing)
        client = closing.enter_context(api(stack))
        socket = world.socket(join(client, soon))
        place, stock = next_frame(socket), next_frame(socket)
        assert (place["status"], place["number"], place["position"]) == ("lobby", None, None)
        assert (stock["sale"], stock["skus"][0]["available"]) == ("scheduled", 20)


@pytest.mark.parametrize("message", ["hello", b"\x00\xff", "{}", ""])
def test_what_a_buyer_says_is_passed_over(world: OpenSale, message: str | bytes) -> None:
    buyer = world.buyer()
    client, token = buyer.client, buyer.token
    socket = world.socket(token)
    for _ in range(20):
        socket.send(message)
    order(client, world.sale)
    frames_until(socket, lambda frame: frame["type"] == "order")


def test_who_says_too_much_at_once_is_cut_off(world: OpenSale) -> None:
    token = world.buyer().token
    socket = world.socket(token)
    socket.send("x" * 5_000)
    assert close_code(socket) == 1009
