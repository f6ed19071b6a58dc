"""An event that is created again with the same key is one event."""

import uuid

import httpx

from tests.stack.admin.people import browser, new_admin, sign_in, token_of
from tests.world.buyers import refused
from tests.world.commands import ticketcraze
from tests.world.stack import Stack


def test_a_call_that_is_sent_again_creates_nothing_more(stack: Stack, env: dict[str, str]) -> None:
    admin, slug = new_admin(env), f"test-{uuid.uuid4().hex[:12]}"
    body = {"slug": slug, "name": "Once", "skus": [{"name": "Floor", "price": 4500, "capacity": 5}], "draft": True}
    with browser(stack) as client:
        token_of(sign_in(client, admin.name, admin.password))

        def create(key: str, **changes: object) -> httpx.Response:
            return client.post(
                "/api/v1/admin/events", json={**body, **changes}, headers={"Idempotency-Key": key} if key else {}
            )

        refused(create(slug, currency="ABCD"), 422, "invalid")  # uses the key up for nothing
        first, again = create(slug), create(slug)
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        refused(create(slug, name="Twice"), 422, "key_reused")
        refused(create(f"{slug}-2"), 422, "invalid")
        refused(create(""), 422, "invalid")
        refused(create("x" * 256), 422, "invalid")

        at = f"/admin/events/{slug}/orders?from=2026-11-28T20:00&until="
        assert 'value="2026-11-28T20:00"' in client.get(at).text
    ticketcraze(env, "admin", "remove", admin.name)
