"""The manners of HTTP: what may be cached, lists that go on, addresses of what was made, refusals that help."""

import json
import os
import signal
import socket
import time
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.world.apart import apart
from tests.world.buyers import Sale, api, come_in, join, make_event, order, until_status
from tests.world.commands import ticketcraze
from tests.world.processes import Process
from tests.world.stack import Stack
from tests.world.waiting import until


@pytest.fixture(scope="module")
def sale(env: dict[str, str]) -> Sale:
    return make_event(env, "Floor:4500:50")


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with api(stack) as client:
        yield client


def site(stack: Stack, **headers: str) -> httpx.Client:
    """A client of everything else."""
    return httpx.Client(base_url=stack.web, headers=headers, trust_env=False)


def test_the_facts_of_a_sale_may_be_cached_for_a_second(client: httpx.Client, sale: Sale) -> None:
    for path in (f"/events/{sale.slug}", "/events?limit=1"):
        first = client.get(path)
        assert first.headers["cache-control"] == "public, max-age=1"
        assert "set-cookie" not in first.headers
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        if again.status_code == httpx.codes.OK:  # a second went by, and somebody else's test sold something
            again = client.get(path, headers={"If-None-Match": again.headers["etag"]})
        assert (again.status_code, again.content) == (httpx.codes.NOT_MODIFIED, b"")
        assert again.headers["cache-control"] == "public, max-age=1"
        assert client.get(path, headers={"If-None-Match": '"another"'}).status_code == httpx.codes.OK


def test_what_was_sold_is_told_a_second_later(client: httpx.Client, sale: Sale) -> None:
    def available() -> int:
        return int(client.get(f"/events/{sale.slug}").json()["skus"][0]["available"])

    come_in(client, sale)
    before = available()
    order(client, sale, 2)
    until(lambda: available() == before - 2, 2.0)


def test_the_list_of_sales_goes_on_from_a_cursor(client: httpx.Client, env: dict[str, str]) -> None:
    made = [make_event(env, opens_in=10_000_000).slug for _ in range(5)]  # none of the others opens later
    listed: list[str] = []
    answer = client.get("/events?limit=2").json()
    while not set(made) <= set(listed):
        assert len(answer["events"]) == 2
        listed += [event["slug"] for event in answer["events"]]
        answer = client.get("/events", params={"limit": 2, "cursor": answer["next"]}).json()
    assert [slug for slug in listed if slug in made] == made[::-1], "those that open last come first, each once"
    everything = client.get("/events?limit=100").json()
    assert len(everything["events"]) == 100 or everything["next"] is None


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=-1", "cursor=x", "cursor=!", "cursor=MC4w4"]
)
def test_a_list_that_cannot_be_asked_for_like_this(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/events?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_what_was_made_is_found_at_its_location(client: httpx.Client, sale: Sale, stack: Stack) -> None:
    come_in(client, sale)
    placed = order(client, sale)
    location = placed.headers["location"]
    with site(stack, Authorization=f"Bearer {client.cookies['tc_buyer']}") as web:
        assert web.get(location).json()["order_id"] == placed.json()["order_id"]
        until_status(client, placed.json()["order_id"], "PENDING")
        started = client.post(f"/orders/{placed.json()['order_id']}/payments")
        payments = until(lambda: web.get(started.headers["location"]).json()["payments"])
        assert payments[0]["payment_id"] == started.json()["payment_id"]
        other = order(client, sale).json()["order_id"]
        assert client.delete(f"/orders/{other}").headers["location"] == f"/api/v1/orders/{other}"


def test_a_refusal_names_every_method_of_the_address(client: httpx.Client, sale: Sale, stack: Stack) -> None:
    allowed = {
        f"/events/{sale.slug}/queue": "DELETE, GET, HEAD, POST",
        f"/events/{sale.slug}": "GET, HEAD",
        f"/events/{sale.slug}/orders": "POST",
        f"/orders/{uuid.uuid4()}": "DELETE, GET, HEAD",
    }
    for path, methods in allowed.items():
        answer = client.patch(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)
    with site(stack) as web:
        assert web.put("/admin/login").headers["allow"] == "GET, HEAD, POST"
        assert web.head("/").status_code == httpx.codes.OK


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "application/json5", "x"]
)
def test_a_body_that_says_it_is_no_json(client: httpx.Client, sale: Sale, media_type: str) -> None:
    come_in(client, sale)
    body = json.dumps({"items": [{"sku_id": sale.skus[0].id, "quantity": 1}]})
    headers = {"Content-Type": media_type, "Idempotency-Key": uuid.uuid4().hex}
    answer = client.post(f"/events/{sale.slug}/orders", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8", ""])
def test_a_body_that_is_json_or_does_not_say(client: httpx.Client, sale: Sale, media_type: str) -> None:
    come_in(client, sale)
    body = json.dumps({"items": [{"sku_id": sale.skus[0].id, "quantity": 1}]})
    headers = {"Idempotency-Key": uuid.uuid4().hex, **({"Content-Type": media_type} if media_type else {})}
    assert client.post(f"/events/{sale.slug}/orders", content=body.encode(), headers=headers).status_code == 202


def test_a_wait_is_told_and_is_not_the_same_for_everybody(client: httpx.Client, env: dict[str, str]) -> None:
    sale = make_event(env)
    come_in(client, sale)
    ticketcraze(env, "event", "pause", sale.slug)
    waits = {int(order(client, sale).headers["retry-after"]) for _ in range(30)}
    assert min(waits) >= 5
    assert max(waits) <= 15
    assert len(waits) > 3


def test_who_lost_the_answer_joins_again_with_the_same_key(stack: Stack, sale: Sale) -> None:
    def number(key: str) -> int:
        with api(stack) as stranger:
            answer = stranger.post(f"/events/{sale.slug}/queue", headers={"Idempotency-Key": key})
            assert answer.status_code == httpx.codes.OK
            return int(answer.json()["number"])

    key = uuid.uuid4().hex
    assert number(key) == number(key)
    assert number(key) != number(uuid.uuid4().hex)
    assert number("short") != number("short"), "too easily shared to speak for anybody"


def test_a_key_says_who_one_is_only_to_strangers_and_in_one_sale(
    stack: Stack, env: dict[str, str], sale: Sale
) -> None:
    other, key = make_event(env), uuid.uuid4().hex
    headers = {"Idempotency-Key": key}
    with api(stack) as stranger, api(stack) as known:
        token = join(known, sale)
        stranger.post(f"/events/{sale.slug}/queue", headers=headers)
        known.post(f"/events/{sale.slug}/queue", headers=headers)
        mine = known.get(f"/events/{sale.slug}/queue").json()["number"]
        assert mine != stranger.get(f"/events/{sale.slug}/queue").json()["number"]
        order(known, sale)
        assert token
    with api(stack) as elsewhere:
        elsewhere.post(f"/events/{other.slug}/queue", headers=headers)
        assert elsewhere.get(f"/events/{sale.slug}/queue").status_code == 404


def test_my_orders_are_listed_newest_first(stack: Stack, env: dict[str, str]) -> None:
    sales = [make_event(env, max_per_buyer=10), make_event(env, max_per_buyer=10)]
    with api(stack) as buyer, api(stack) as other:
        placed = []
        for sale in sales:
            come_in(buyer, sale)
            placed += [order(buyer, sale).json()["order_id"] for _ in range(3)]
        join(other, sales[0])
        assert other.get("/me/orders").json() == {"orders": [], "next": None}
        first = buyer.get("/me/orders?limit=4").json()
        assert {first["orders"][0]["event"]["slug"], first["orders"][3]["event"]["slug"]} == {
            s.slug for s in sales
        }
        rest = buyer.get("/me/orders", params={"limit": 4, "cursor": first["next"]}).json()
        listed = [entry["order_id"] for entry in first["orders"] + rest["orders"]]
        assert listed == sorted(placed, reverse=True)
        assert rest["next"] is None
        one = until_status(buyer, listed[0], "PENDING")
        assert buyer.get("/me/orders?limit=1").json()["orders"] == [one]
        for query in ("cursor=x", "limit=51"):
            assert buyer.get(f"/me/orders?{query}").json()["code"] == "invalid"
    assert httpx.get(f"{stack.web}/api/v1/me/orders", trust_env=False).status_code == 401


def test_trouble_with_the_health_pages_is_told_as_a_problem(stack: Stack) -> None:
    with site(stack) as web:
        assert web.get("/healthz").json() == {"status": "alive"}
        ready = web.get("/readyz").json()
        assert set(ready["dependencies"]) == {"redis", "mysql", "kafka"}
        assert isinstance(ready["rebuilding"], dict)
        for path in ("/healthz", "/readyz", "/metrics"):
            answer = web.delete(path)
            assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")


def test_every_problem_explains_itself(stack: Stack, client: httpx.Client) -> None:
    problem = client.get("/nothing").json()
    with site(stack) as web:
        told = web.get(problem["type"])
        assert told.headers["content-type"] == "application/json"
        assert (told.json()["code"], told.json()["status"], told.json()["title"]) == (
            "not_found", 404, problem["title"]
        )  # fmt: skip
        assert told.json()["advice"]
        page = web.get(problem["type"], headers={"Accept": "text/html,*/*"})
        assert (page.headers["content-type"], page.headers["vary"]) == ("text/html; charset=utf-8", "Accept")
        assert told.json()["advice"] in page.text.replace("&#39;", "'")
        assert web.get("/problems/rain").status_code == 404


@pytest.mark.parametrize("path", ["/events/", "/api/v1/events/", "//evil.example/", "/admin/"])
def test_nothing_leads_to_where_the_host_header_says(stack: Stack, path: str) -> None:
    with site(stack, Host="evil.example") as web:
        answer = web.get(f"{stack.web}{path}")
        assert answer.status_code == 404
        assert "location" not in answer.headers


def test_a_client_that_goes_away_in_mid_body_leaves_no_trace(
    stack: Stack, client: httpx.Client, sale: Sale
) -> None:
    come_in(client, sale)
    address, log = urlsplit(stack.web), stack.folder / "log" / "web.log"
    before = log.stat().st_size
    for _ in range(5):
        with socket.create_connection((str(address.hostname), address.port or 80)) as line:
            line.sendall(
                f"POST /api/v1/events/{sale.slug}/orders HTTP/1.1\r\nHost: {address.netloc}\r\n"
                f"Cookie: tc_buyer={client.cookies['tc_buyer']}\r\nIdempotency-Key: k\r\n"
                "Content-Length: 1000\r\n\r\n{".encode()
            )
            time.sleep(0.05)  # until it is being read
    client.get("/events?limit=1")
    assert "Traceback" not in log.read_bytes()[before:].decode()


def test_a_process_that_is_told_to_stop_says_so_before_it_does(stack: Stack) -> None:
    with apart(stack, DRAIN_SECONDS="1.5") as env:

        def ask(path: str) -> httpx.Response | None:
            try:
                return httpx.get(env["PUBLIC_URL"] + path, trust_env=False)
            except httpx.TransportError:
                return None

        web = Process("app.main", env)
        try:
            web.until_it_answers(f"{env['PUBLIC_URL']}/readyz")
            began = time.monotonic()
            os.kill(web.pid, signal.SIGTERM)
            until(lambda: (answer := ask("/readyz")) and answer.json().get("code") == "draining", 1.0)
            served = ask("/api/v1/events")
            assert served is not None
            assert served.status_code == httpx.codes.OK, "who comes now is served"
            until(lambda: not web.runs())
            assert time.monotonic() - began >= 1.5
            assert ask("/healthz") is None
        finally:
            web.stop()
