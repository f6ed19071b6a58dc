"""Whatever is sent, it is understood or refused: never a 500, and no stock changes."""

import json
import string
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.world.buyers import refused
from tests.world.shopper import CALLBACKS, World

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
almost_lines = st.fixed_dictionaries(
    {}, optional={"sku_id": json_values | st.integers(0, 9), "quantity": json_values | st.integers(-2, 12)}
)
almost_orders = st.fixed_dictionaries({"items": st.lists(almost_lines | json_values, max_size=4) | json_values})
header_text = st.text(string.printable[:95] + "".join(map(chr, range(160, 256))), max_size=300)


def understood(answer: httpx.Response) -> None:
    """Whatever was sent, it was not too much for the program."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"]


@FUZZ
@given(body=json_values | almost_orders)
def test_any_json_as_an_order(world: World, body: Any) -> None:
    """Asked for by a buyer without a pass, so that a body that happens to be good takes no ticket."""
    answer = world.waiting.post(world.orders, content=json.dumps(body), headers={"Idempotency-Key": "k"})
    understood(answer)
    assert answer.json()["code"] in ("invalid", "no_pass")


@FUZZ
@given(body=st.binary(max_size=200), path=st.sampled_from(["orders", "queue", "payments", "callback", "state"]))
def test_any_bytes_as_any_body(world: World, body: bytes, path: str) -> None:
    where = {
        "orders": world.orders,
        "queue": f"/events/{world.sale.slug}/queue",
        "payments": f"/orders/{world.order_id}/payments",
        "callback": CALLBACKS,
        "state": f"/admin/events/{world.sale.slug}/state",
    }[path]
    cookies = world.waiting.cookies if path == "orders" else None
    address = f"{world.stack.web}/api/v1{where}"
    headers = {"Idempotency-Key": "k"}
    understood(httpx.post(address, content=body, headers=headers, cookies=cookies, trust_env=False))


@FUZZ
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["Idempotency-Key", "Authorization", "Cookie", "Origin", "Content-Type", "Accept", "webhook-id",
             "webhook-timestamp", "webhook-signature", "X-Forwarded-For", "Host"]
        ),
        header_text | header_text.map("Bearer {}".format) | header_text.map("tc_buyer={0}; tc_admin={0}".format)
        | header_text.map("http://{}".format),
    ),
    path=st.sampled_from(["orders", "queue", "callback"]),
)  # fmt: skip
def test_any_headers(world: World, headers: dict[str, str], path: str) -> None:
    where = {"orders": world.orders, "queue": f"/events/{world.sale.slug}/queue", "callback": CALLBACKS}[path]
    sent: Any = {name: value.strip().encode("latin-1") for name, value in headers.items()}
    for method in ("POST", "GET"):
        understood(httpx.request(method, f"{world.stack.web}/api/v1{where}", headers=sent, trust_env=False))


@FUZZ
@given(
    part=st.text(min_size=1, max_size=60),
    path=st.sampled_from(["/events/{}", "/events/{}/queue", "/orders/{}", "/{}"]),
)
def test_any_path(world: World, part: str, path: str) -> None:
    understood(world.shopper.get(path.format(quote(part, safe=""))))


@FUZZ
@given(
    token=st.text(string.ascii_letters + string.digits + "-_.=", max_size=120),
    method=st.sampled_from(["GET", "POST", "DELETE"]),
)
def test_any_token(world: World, token: str, method: str) -> None:
    answer = httpx.request(
        method,
        f"{world.stack.web}/api/v1/events/{world.sale.slug}/queue",
        headers={"Authorization": f"Bearer x{token}"},
        trust_env=False,
    )
    refused(answer, 401, "unauthorized")
