"""`verify` asks the provider: a charge that is in no books is found, whoever lost it."""

from collections.abc import Iterator

import httpx
import pytest

from app.ids import new_id
from app.payments.provider import Attempt, PaymentNotice, fact_of
from app.payments.sandbox import SandboxProvider
from app.units import now_ms
from tests.world.apart import apart
from tests.world.books import World, in_a_world, paid, refunds_done
from tests.world.processes import Process
from tests.world.stack import Stack


@pytest.fixture(scope="module")
def env_with_sandbox(stack: Stack) -> Iterator[dict[str, str]]:
    """A world whose provider is its own, and whose books nobody reconciles."""
    with apart(stack) as env:
        sandbox = Process("sandbox.server", env)
        try:
            sandbox.until_it_answers(f"{env['SANDBOX_URL']}/healthz")
            yield env
        finally:
            sandbox.stop()


async def charge_and_lose_the_callback(world: World, order_id: str) -> PaymentNotice:
    async with SandboxProvider(world.settings) as sandbox, httpx.AsyncClient(trust_env=False) as browser:
        order = await world.read(order_id)
        address, ends_at_ms = f"{world.settings.public_url}/", now_ms() + 60_000
        attempt = Attempt(new_id(), order.total_minor, address, "A test", ends_at_ms)
        page = await sandbox.create_checkout(order, attempt)
        await browser.post(page.url, data={"outcome": "lost"})
        (notice,) = [n for n in (await sandbox.list_transactions(0)).notices if n.order_id == order_id]
    return notice


def test_a_charge_is_told_until_it_is_in_the_books(env_with_sandbox: dict[str, str]) -> None:
    async def story(world: World) -> None:
        order_id = await world.order()
        assert await world.failing() == {}
        notice = await charge_and_lose_the_callback(world, order_id)
        says = f"order {order_id}: sandbox has charge {notice.transaction_id}, the books do not"
        assert await world.failing() == {11: says}
        await world.write(paid(order_id))
        assert await world.failing() == {11: says}, "another charge of the same order makes up for nothing"
        await world.write(fact_of(notice))
        await world.write(*refunds_done(await world.read(order_id)))
        assert await world.failing() == {}

    in_a_world(env_with_sandbox, story)


def test_a_provider_that_cannot_be_asked_is_told(env_with_sandbox: dict[str, str]) -> None:
    async def story(world: World) -> None:
        assert "sandbox could not be asked" in (await world.failing())[11]

    in_a_world({**env_with_sandbox, "SANDBOX_URL": "http://127.0.0.1:1"}, story)
