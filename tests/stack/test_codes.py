"""Presale codes from the command that makes them to the place they give, by API and by page."""

import asyncio
import json
from typing import Any

import httpx
from redis import Redis

from app.infra.mysql import open_database
from app.settings import Settings
from tests.world.buyers import Sale, api, assert_sound, join, make_event
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until


def make_codes(stack: Stack, sale: Sale, *words: str) -> list[str]:
    code, made = ticketcraze(stack.env, "code", "create", sale.slug, *words)
    assert code == 0, made
    codes: list[str] = made["codes"]
    with Redis.from_url(stack.env["REDIS_URL"]) as redis:
        key, before = f"tc:{{{sale.id}}}:codes", len(codes)
        until(lambda: redis.hlen(key) >= before, what="the codes in Redis")
    return codes


def join_with(client: httpx.Client, sale: Sale, code: str) -> httpx.Response:
    return client.post(f"/events/{sale.slug}/queue", json={"code": code})


def test_holders_of_codes_are_ahead_and_nobody_joins_a_presale_without_one(stack: Stack) -> None:
    sale = make_event(stack.env, codes="required", opens_in=600)
    first, last = make_codes(stack, sale, "--count", "2")
    with api(stack) as one, api(stack) as two, api(stack) as three:
        refused = one.post(f"/events/{sale.slug}/queue")
        assert (refused.status_code, refused.json()["code"]) == (403, "code_required")
        assert join_with(one, sale, "NOTACODE99").json()["code"] == "bad_code"
        bodies: list[Any] = [{"code": ""}, {"code": "x" * 65}, {"code": 7}, {"more": 1}, [], "text"]
        for bad in bodies:
            answer = one.post(f"/events/{sale.slug}/queue", json=bad)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), bad
        typed = f" {first[:5].lower()}-{first[5:]} "
        joined = join_with(one, sale, typed)
        assert (joined.status_code, joined.json()["band"]) == (200, 1)
        assert one.post(f"/events/{sale.slug}/queue").status_code == 200, "who has a place needs no code again"
        used = join_with(two, sale, first)
        assert (used.status_code, used.json()["code"]) == (409, "code_used")

        ticketcraze(stack.env, "event", "gates", sale.slug, "--codes", "optional")
        until(lambda: three.post(f"/events/{sale.slug}/queue").status_code == 200, what="the gate to open")
        page = httpx.post(
            f"{stack.web}/events/{sale.slug}/queue", data={"code": last}, trust_env=False, follow_redirects=False
        )
        assert page.status_code == 303
        with api(stack, page.cookies["tc_buyer"]) as by_page:
            assert by_page.get(f"/events/{sale.slug}/queue").json()["band"] == 1
        listed = httpx.get(f"{stack.web}/events/{sale.slug}", trust_env=False).text
        assert 'name="code"' in listed

        def counted() -> bool:
            _, told = ticketcraze(stack.env, "code", "list", sale.slug)
            return bool(told["bands"] == [{"band": 1, "codes": 2, "may_use": 2, "used": 2}])

        until(counted, what="the uses in the books")
        code, refused_by_command = ticketcraze(stack.env, "code", "create", sale.slug, "--code", first)
        assert (code, refused_by_command["ok"]) == (1, False)
    assert_sound(stack.env, sale)

    async def stored() -> str:
        async with open_database(Settings.from_environment(stack.env)) as database:
            return json.dumps(await database.fetch_all("SELECT * FROM access_codes"), default=str)

    assert first not in asyncio.run(stored()), "only hashes are kept"


def test_a_sale_without_codes_takes_none(stack: Stack) -> None:
    sale = make_event(stack.env)
    code, refused = ticketcraze(stack.env, "code", "create", sale.slug)
    assert (code, refused["ok"]) == (1, False)
    with api(stack) as client:
        assert join_with(client, sale, "WHATEVER99").json()["band"] == 0
        join(client, sale)
