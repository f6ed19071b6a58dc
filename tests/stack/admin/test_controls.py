"""What organisers change while a sale runs: at once, within what is held and sold, and in the log."""

import asyncio
import io
import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import httpx
import pytest
from PIL import Image
from redis import Redis

from app.infra.keys import key
from app.infra.mysql import Row, open_database
from app.organisers.log import read_log
from app.settings import Settings
from tests.stack.admin.people import Admin, browser, new_admin, sign_in, token_of
from tests.world.buyers import OpenSale, Sale, assert_sound, make_event, next_frame, refused, skus_of
from tests.world.stack import Stack
from tests.world.waiting import until

EVENTS = "/api/v1/admin/events"


@pytest.fixture(scope="module")
def admin(env: dict[str, str]) -> Admin:
    return new_admin(env)


@pytest.fixture(scope="module")
def api(stack: Stack, admin: Admin) -> Iterator[httpx.Client]:
    """The admin API, as an owner."""
    with browser(stack) as client:
        token_of(sign_in(client, admin.name, admin.password))
        yield client


@pytest.fixture
def sale(stack: Stack) -> Iterator[OpenSale]:
    """A sale of ten tickets, slow and narrow; sound at the end."""
    with ExitStack() as closing:
        sale = OpenSale(stack, make_event(stack.env, "Floor:4500:10", rate=1, room=2), closing)
        yield sale
        assert_sound(stack.env, sale.sale)


def logged(stack: Stack, event_id: int) -> list[Row]:
    async def read() -> list[Row]:
        async with open_database(Settings.from_environment(stack.env)) as database:
            return await read_log(database, event_id)

    return asyncio.run(read())


def change(api: httpx.Client, sale: OpenSale, revision: int | None = None, **what: Any) -> httpx.Response:
    headers = {"If-Match": f'"{revision}"'} if revision else {}
    return api.patch(f"{EVENTS}/{sale.sale.slug}", json=what, headers=headers)


def test_codes_that_are_asked_for_count_within_a_second_in_every_process(
    stack: Stack, api: httpx.Client, sale: OpenSale
) -> None:
    path = f"{stack.web}/api/v1/events/{sale.sale.slug}/queue"

    def all_are(answered: int) -> bool:
        """Whether strangers fare so, each by a connection of their own: some process answers it."""
        return all(httpx.post(path, trust_env=False).status_code == answered for _ in range(10))

    assert all_are(httpx.codes.OK)
    for asked, answered in (("required", httpx.codes.FORBIDDEN), ("none", httpx.codes.OK)):
        put = api.put(f"{EVENTS}/{sale.sale.slug}/codes", json={"asked": asked})
        assert put.status_code == httpx.codes.OK
        until(partial(all_are, answered), 1.0, f"codes being {asked}")


def test_a_picture_is_shown_under_a_name_for_ever_and_what_is_none_is_refused(
    api: httpx.Client, sale: OpenSale
) -> None:
    path = f"{EVENTS}/{sale.sale.slug}"
    for sent, says in (
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "JPEG, PNG or WebP"),
        (b"PK\x03\x04" + bytes(100), "JPEG, PNG or WebP"),
    ):
        told = refused(api.put(f"{path}/picture", content=sent), 422, "invalid")
        assert says in told["detail"]
    with suppress(httpx.WriteError):  # refused by its length, before it has come
        told = refused(api.put(f"{path}/picture", content=bytes(50_000_000)), 413, "too_large")
        assert "8,388,608 bytes" in told["detail"]
    assert api.get(f"{path}/settings").json()["picture"] is None

    shown = []
    for colour in ("red", "blue"):
        written = io.BytesIO()
        Image.new("RGB", (400, 300), colour).save(written, "PNG")
        answer = api.put(f"{path}/picture", content=written.getvalue())
        assert answer.status_code == httpx.codes.OK, answer.text
        shown.append(answer.json()["picture"])
        got = api.get(shown[-1])
        assert (got.status_code, got.headers["content-type"]) == (httpx.codes.OK, "image/jpeg")
        assert "immutable" in got.headers["cache-control"]
        until(lambda: api.get(f"/api/v1/events/{sale.sale.slug}").json()["picture"] == shown[-1])
    assert shown[0] != shown[1]
    assert api.delete(f"{path}/picture").json()["picture"] is None
    assert api.get(f"/pictures/{'0' * 64}.jpg").status_code == httpx.codes.NOT_FOUND


def test_stock_is_added_and_withdrawn_never_below_what_is_held_and_sold(
    stack: Stack, api: httpx.Client, sale: OpenSale
) -> None:
    (sku,) = sale.sale.skus
    buyer = sale.buyer()
    buyer.order(3)
    refusal = refused(change(api, sale, skus=[{"id": sku.id, "capacity": 2}]), 409, "in_use")
    assert (refusal["sku_id"], refusal["taken"]) == (sku.id, 3)
    box = {"name": "Box", "price": 9_900, "capacity": 1}
    fewer = change(api, sale, skus=[{"name": "Floor", "capacity": 3}, box])
    assert fewer.status_code == httpx.codes.OK, fewer.text
    assert [(s["name"], s["capacity"]) for s in fewer.json()["skus"]] == [("Floor", 3), ("Box", 1)]
    assert sale.available() == 0
    more = change(api, sale, skus=[{"id": sku.id, "capacity": 5, "price": 5_000}])
    assert more.status_code == httpx.codes.OK
    until(lambda: sale.available() == 2)
    dearer = buyer.client.post(
        f"/events/{sale.sale.slug}/orders",
        json={"items": [{"sku_id": sku.id, "quantity": 1}]},
        headers={"Idempotency-Key": uuid.uuid4().hex},
    )
    assert dearer.json()["total"] == 5_000
    row = next(row for row in logged(stack, sale.sale.id) if row["action"] == "event changed")
    assert (json.loads(row["was"]), json.loads(row["became"])) == (
        {"Floor: price": 4_500, "Floor: capacity": 3},
        {"Floor: price": 5_000, "Floor: capacity": 5},
    )


def test_of_two_organisers_the_second_is_shown_the_change(api: httpx.Client, sale: OpenSale) -> None:
    snapshot = api.get(f"{EVENTS}/{sale.sale.slug}")
    revision = snapshot.json()["event"]["revision"]
    assert snapshot.headers["etag"] == f'"{revision}"'
    assert change(api, sale, revision, rate_per_minute=600).json()["revision"] == revision + 1
    problem = refused(change(api, sale, revision, rate_per_minute=30, room=7), 409, "changed")
    assert (problem["event"]["rate_per_minute"], problem["event"]["revision"]) == (600, revision + 1)
    assert change(api, sale, revision + 1, rate_per_minute=30).json()["rate_per_minute"] == 30
    refused(api.patch(f"{EVENTS}/{sale.sale.slug}", json={}, headers={"If-Match": "yesterday"}), 422, "invalid")


def test_a_change_counts_at_once(stack: Stack, api: httpx.Client, sale: OpenSale) -> None:
    first, *others = [sale.buyer(let_in=False) for _ in range(4)]
    until(lambda: first.place()["status"] == "admitted")
    assert [buyer.place()["status"] for buyer in others] == ["waiting"] * 3
    answer = change(api, sale, rate_per_minute=60_000, room=100, pass_ttl_seconds=77, max_per_buyer=1)
    assert answer.status_code == httpx.codes.OK
    until(lambda: [buyer.place()["status"] for buyer in others] == ["admitted"] * 3, 5)
    refused(
        others[0].client.post(
            f"/events/{sale.sale.slug}/orders",
            json={"items": [{"sku_id": sale.sale.skus[0].id, "quantity": 2}]},
            headers={"Idempotency-Key": "two"},
        ),
        409,
        "limit",
    )
    now = until(lambda: _with(api, sale, room=100))
    assert (now["event"]["pass_ttl_seconds"], now["pace"]["held_back_by"]) == (77, "nobody")


def _with(api: httpx.Client, sale: OpenSale, **event: Any) -> Any:
    now = api.get(f"{EVENTS}/{sale.sale.slug}").json()
    return now if event.items() <= now["event"].items() else None


def test_so_many_come_in_now_whatever_rate_and_room_say(api: httpx.Client, sale: OpenSale) -> None:
    buyers = [sale.buyer(let_in=False) for _ in range(6)]
    until(lambda: buyers[0].place()["status"] == "admitted")
    answer = api.post(f"{EVENTS}/{sale.sale.slug}/admit", json={"count": 4})
    assert answer.json() == {"count": 4, "waiting": 5}
    until(lambda: [buyer.place()["status"] for buyer in buyers] == ["admitted"] * 5 + ["waiting"], 5)
    held_back = until(lambda: _held_back(api, sale))
    assert held_back == "room"
    for count in (0, -1, 10_001, "4", 1.5):
        refused(api.post(f"{EVENTS}/{sale.sale.slug}/admit", json={"count": count}), 422, "invalid")
    api.post(f"{EVENTS}/{sale.sale.slug}/state", json={"state": "paused"})
    refused(api.post(f"{EVENTS}/{sale.sale.slug}/admit", json={"count": 4}), 409, "not_open")
    assert buyers[5].place()["status"] == "waiting"
    api.post(f"{EVENTS}/{sale.sale.slug}/state", json={"state": "open"})


def _held_back(api: httpx.Client, sale: OpenSale) -> str | None:
    now = api.get(f"{EVENTS}/{sale.sale.slug}").json()
    return now["pace"]["held_back_by"] if now["funnel"]["admitted"] == 5 else None


def test_a_message_reaches_every_page_and_goes_again(stack: Stack, api: httpx.Client, sale: OpenSale) -> None:
    buyer = sale.buyer(let_in=False)
    path = f"{EVENTS}/{sale.sale.slug}/message"
    with sale.socket(buyer.token) as socket:
        assert api.post(path, json={"text": "<b>Doors</b> \n at eight"}).status_code == httpx.codes.OK
        next_frame(socket, type="stock", message="<b>Doors</b> at eight")
        page = httpx.get(f"{stack.web}/events/{sale.sale.slug}", trust_env=False).text
        assert "&lt;b&gt;Doors&lt;/b&gt; at eight" in page
        api.post(path, json={"text": ""})
        next_frame(socket, type="stock", message=None)
    refused(api.post(path, json={"text": "x" * 281}), 422, "invalid")


@pytest.mark.parametrize(
    "what",
    [
        {"room": 0},
        {"room": 10**9},
        {"rate_per_minute": "600"},
        {"pass_ttl_seconds": -1},
        {"name": ""},
        {"name": "A night \u202egnp.exe"},
        {"name": "A night\nof lights"},
        {"venue": "A hall \u2066"},
        {"skus": [{"name": "Floor \u202e", "price": 1, "capacity": 1}]},
        {"opens_at": "soon"},
        {"skus": [{"name": "New"}]},
        {"skus": [{"id": 1, "capacity": 5}]},
        {"skus": [{"name": "New", "price": 0, "capacity": 1}]},
        {"slug": "another"},
        {"skus": [{"name": "FLOOR", "price": 1, "capacity": 1}]},
        {"overbooking_percent": 99},
        {"deposit_percent": 20},
    ],
    ids=str,
)
def test_a_change_out_of_range_has_no_effect(api: httpx.Client, quiet: OpenSale, what: dict[str, Any]) -> None:
    before = api.get(f"{EVENTS}/{quiet.sale.slug}/settings").json()
    refused(change(api, quiet, **what), 422, "invalid")
    assert api.get(f"{EVENTS}/{quiet.sale.slug}/settings").json() == before


@pytest.fixture(scope="module")
def quiet(stack: Stack) -> OpenSale:
    return OpenSale(stack, make_event(stack.env), ExitStack())


def test_what_was_left_half_done_is_mended_from_the_books(stack: Stack, api: httpx.Client, sale: OpenSale) -> None:
    with Redis.from_url(stack.env["REDIS_URL"], decode_responses=True) as redis:
        sku = sale.sale.skus[0].id
        redis.hincrby(key(sale.sale.id, "stock"), f"{sku}:capacity", -4)
        redis.hincrby(key(sale.sale.id, "stock"), f"{sku}:available", -4)
        redis.hset(key(sale.sale.id, "sale"), "room", 1)
        until(lambda: redis.hget(key(sale.sale.id, "sale"), "room") == "2")
        assert redis.hget(key(sale.sale.id, "stock"), f"{sku}:available") == "10"


def test_an_event_is_drafted_checked_put_on_sale_and_never_deleted(stack: Stack, api: httpx.Client) -> None:
    slug = f"test-{uuid.uuid4().hex[:12]}"
    body = {
        "slug": slug,
        "name": "A night of lights",
        "skus": [{"name": "Floor", "price": 4_500, "capacity": 50}],
        "room": 200,
        "rate_per_minute": 10,
        "opens_in": 3_600,
        "draft": True,
    }
    made = api.post(EVENTS, json=body)
    assert made.status_code == httpx.codes.CREATED, made.text
    assert (made.json()["state"], made.headers["etag"]) == ("draft", '"1"')
    assert any("half empty" in hint for hint in made.json()["hints"])
    assert httpx.get(f"{stack.web}/events/{slug}", trust_env=False).status_code == httpx.codes.NOT_FOUND
    assert slug not in httpx.get(f"{stack.web}/api/v1/events", trust_env=False).text
    assert slug in api.get(EVENTS).text
    refused(api.post(EVENTS, json=body), 422, "invalid")
    assert api.patch(f"{EVENTS}/{slug}", json={"skus": [{"name": "Floor", "capacity": 20}]}).is_success
    assert api.post(f"{EVENTS}/{slug}/state", json={"state": "scheduled"}).is_success
    until(lambda: httpx.get(f"{stack.web}/events/{slug}", trust_env=False).status_code == httpx.codes.OK, 3)
    refused(api.post(f"{EVENTS}/{slug}/state", json={"state": "scheduled"}), 409, "not_a_draft")
    refused(api.delete(f"{EVENTS}/{slug}"), 409, "not_a_draft")
    moved = api.patch(f"{EVENTS}/{slug}", json={"opens_at": "2031-01-01T20:00Z"})
    assert moved.json()["opens_at"] == "2031-01-01T20:00:00.000Z"
    settings = moved.json()
    assert_sound(stack.env, Sale(slug, settings["id"], skus_of(settings)))


def test_what_is_said_of_an_event_is_markdown_and_never_markup(stack: Stack, api: httpx.Client) -> None:
    sale = make_event(stack.env)
    text = "# Lights\n\n**loud** <script>alert(1)</script> [a](javascript:alert(1)) ![b](//evil/x.png)"
    assert api.patch(f"{EVENTS}/{sale.slug}", json={"description": text}).is_success

    def about() -> str | None:
        page = httpx.get(f"{stack.web}/events/{sale.slug}", trust_env=False).text
        return page.partition('data-testid="about"')[2] or None

    told = until(about, 5)
    for wanted in ("<h1>Lights</h1>", "<strong>loud</strong>", "&lt;script&gt;"):
        assert wanted in told
    assert "<img" not in told.partition("</section>")[0]
    assert 'href="javascript' not in told
    refused(api.patch(f"{EVENTS}/{sale.slug}", json={"description": "x" * 10_001}), 422, "invalid")


def test_only_a_closed_sale_is_archived_and_then_it_is_on_no_list(stack: Stack, api: httpx.Client) -> None:
    sale = make_event(stack.env)
    refused(api.patch(f"{EVENTS}/{sale.slug}", json={"archived": True}), 409, "not_closed")
    api.post(f"{EVENTS}/{sale.slug}/state", json={"state": "closed"})
    assert api.patch(f"{EVENTS}/{sale.slug}", json={"archived": True}).json()["archived"] is True
    assert sale.slug not in httpx.get(f"{stack.web}/api/v1/events?limit=100", trust_env=False).text
    assert api.patch(f"{EVENTS}/{sale.slug}", json={"archived": False}).json()["archived"] is False


def test_a_draft_is_deleted_and_its_name_is_free(api: httpx.Client) -> None:
    slug = f"test-{uuid.uuid4().hex[:12]}"
    body = {"slug": slug, "name": "A", "skus": [{"name": "Floor", "price": 1, "capacity": 1}], "draft": True}
    for _ in range(2):
        assert api.post(EVENTS, json=body).status_code == httpx.codes.CREATED
        assert api.delete(f"{EVENTS}/{slug}").status_code == httpx.codes.NO_CONTENT
        assert api.get(f"{EVENTS}/{slug}/settings").status_code == httpx.codes.NOT_FOUND


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"slug": "No"},
        {"name": "A night \u202egnp.exe"},
        {"skus": []},
        {"skus": [{"name": "A", "price": 1, "capacity": 0}]},
        {"skus": [{"name": "A", "price": 1, "capacity": 1}] * 2},
        {"currency": "XXX"},
        {"opens_at": "2031-01-01"},
        {"opens_at": "2031-01-01T20:00Z", "opens_in": 1},
        {"draw_secret": "0" * 64},
    ],
    ids=str,
)
def test_an_event_that_cannot_be_is_not_made(api: httpx.Client, what: dict[str, Any]) -> None:
    usual = {
        "slug": f"test-{uuid.uuid4().hex[:12]}",
        "name": "A",
        "skus": [{"name": "Floor", "price": 1, "capacity": 1}],
    }
    refused(api.post(EVENTS, json=usual | what if what else {}), 422, "invalid")
