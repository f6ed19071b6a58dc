"""When there is too much, the right ones wait: those who only arrive. Nobody inside notices but by waiting."""

import uuid
from collections.abc import Iterator

import httpx
import pytest
from redis import Redis

from app.infra.keys import key
from tests.stack.payments.stripe_double import Stripe
from tests.world.apart import apart
from tests.world.buyers import Sale, make_event
from tests.world.processes import processes
from tests.world.stack import Stack
from tests.world.waiting import until

MOST = 3
SECONDS = 20.0


class Busy:
    """A web process for which a few orders on their way are too many, and admission beside it."""

    def __init__(self, env: dict[str, str], redis: Redis) -> None:
        self.env = env
        self.redis = redis
        self.sale, self.other = make_event(env, provider="stripe"), make_event(env)
        self.inside = self.join(self.sale).json()["token"]
        until(lambda: self.place() == "admitted", what="a pass")

    def ask(self, method: str, path: str, token: str = "", key: str = "", **options: object) -> httpx.Response:
        headers = {"Cookie": f"tc_lang=en; tc_buyer={token}" if token else "tc_lang=en"}
        headers |= {"Idempotency-Key": key} if key else {}
        return httpx.request(
            method,
            self.env["PUBLIC_URL"] + path,
            headers=headers,
            trust_env=False,
            **options,  # type: ignore[arg-type]
        )

    def place(self) -> str:
        return str(self.ask("GET", f"/api/v1/events/{self.sale.slug}/queue", self.inside).json()["status"])

    def order(self) -> httpx.Response:
        """Asked for by somebody inside."""
        return self.ask(
            "POST",
            f"/api/v1/events/{self.sale.slug}/orders",
            self.inside,
            json={"items": [{"sku_id": self.sale.skus[0].id, "quantity": 1}]},
            key=uuid.uuid4().hex,
        )

    def status(self, order_id: str) -> str:
        return str(self.ask("GET", f"/api/v1/orders/{order_id}", self.inside).json()["status"])

    def join(self, sale: Sale, token: str = "") -> httpx.Response:
        return self.ask("POST", f"/api/v1/events/{sale.slug}/queue", token)

    def fill(self) -> None:
        """Puts more orders on their way than may be."""
        for number in range(MOST + 1):
            self.redis.xadd(key(self.sale.id, "outbox"), {"type": "Nothing", "number": number})

    def empty(self) -> None:
        self.redis.xtrim(key(self.sale.id, "outbox"), maxlen=0)

    def says(self, word: str) -> bool:
        """Whether a process reports this of its load."""
        return any(word in text for text in self.redis.hvals("tc:processes"))


@pytest.fixture
def busy(stack: Stack) -> Iterator[Busy]:
    double = Stripe()
    stripe = {"STRIPE_API_URL": double.url, "STRIPE_API_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}
    with (
        apart(stack, OVERLOAD_OUTBOX=str(MOST), **stripe) as env,
        Redis.from_url(env["REDIS_URL"], decode_responses=True) as redis,
        processes(env, "app.main", "workers.admission"),
    ):
        yield Busy(env, redis)
    double.stop()


@pytest.mark.slow
def test_who_arrives_waits_and_nobody_else(busy: Busy) -> None:
    page = f"/events/{busy.sale.slug}"
    with processes(busy.env, "workers.relay", "workers.ledger"):
        ordered = busy.order().json()["order_id"]
        until(lambda: busy.status(ordered) == "PENDING", SECONDS, "an order that can be paid")
    busy.fill()
    until(lambda: busy.ask("GET", page).status_code == 503, SECONDS, "an answer that asks to wait")
    refused = [busy.ask("GET", page) for _ in range(8)]
    assert {answer.status_code for answer in refused} == {503}
    waits = {int(answer.headers["retry-after"]) for answer in refused}
    assert min(waits) >= 5
    assert len(waits) > 1, "not the same second for everybody"
    assert 'http-equiv="refresh"' in refused[0].text
    assert len(refused[0].content) < 1_000

    joining = busy.join(busy.sale)
    assert (joining.status_code, joining.json()["code"]) == (503, "busy")
    assert busy.join(busy.other, busy.inside).json()["code"] == "busy", "new in this sale, known in another"

    assert busy.join(busy.sale, busy.inside).status_code == httpx.codes.OK
    assert busy.ask("GET", page, busy.inside).status_code == httpx.codes.OK
    place = busy.ask("GET", f"/api/v1/events/{busy.sale.slug}/queue", busy.inside)
    assert place.status_code == httpx.codes.OK
    assert busy.order().status_code == httpx.codes.ACCEPTED
    paying = busy.ask("POST", f"/api/v1/orders/{ordered}/payments", busy.inside)
    assert paying.status_code == httpx.codes.CREATED, paying.text
    assert busy.ask("POST", "/api/v1/payments/callbacks/sandbox", content=b"{}").status_code == 401
    for path in ("/healthz", "/readyz", "/admin/login"):
        assert busy.ask("GET", path).status_code == httpx.codes.OK, path

    until(lambda: busy.says('"arrivals_wait":true') or busy.says('"is_shut":true'), SECONDS)
    until(lambda: busy.says('"pace":0.'), SECONDS, "slower admission")

    busy.empty()
    until(lambda: busy.ask("GET", page).status_code == httpx.codes.OK, SECONDS, "the end of it")
    assert busy.join(busy.sale).status_code == httpx.codes.OK
    until(lambda: not busy.says('"pace":0.'), SECONDS, "admission at its rate")
