"""A second factor on the running system: what a stolen password is worth with it."""

import asyncio
import re
import time

import httpx
import pytest

from app.infra.mysql import open_database
from app.organisers.factors import STEP_SECONDS, code_at
from app.settings import Settings
from tests.stack.admin.people import SESSIONS, Admin, browser, new_admin, sign_in, token_of
from tests.world.buyers import refused
from tests.world.commands import ticketcraze
from tests.world.stack import Stack


def with_code(client: httpx.Client, admin: Admin, code: str) -> httpx.Response:
    return client.post(SESSIONS, json={"user": admin.name, "password": admin.password, "totp": code})


def forget_last_step(env: dict[str, str], admin: Admin) -> None:
    """As if half a minute had passed."""

    async def go() -> None:
        async with open_database(Settings.from_environment(env)) as database:
            await database.execute("UPDATE admin_factors SET last_step = 0 WHERE admin = %s", (admin.name,))

    asyncio.run(go())


@pytest.fixture
def admin(env: dict[str, str]) -> Admin:
    return new_admin(env)


def test_with_a_second_factor_a_password_signs_nobody_in(stack: Stack, env: dict[str, str], admin: Admin) -> None:
    with browser(stack) as client:
        token_of(sign_in(client, admin.name, admin.password))
        page = client.get("/admin/account").text
        secret = re.findall(r'name="secret" value="([A-Z2-7]{32})"', page)[0]
        wrong = client.post("/admin/account", data={"secret": secret, "code": "000000"})
        assert (wrong.status_code, secret in wrong.text) == (403, True)
        code = code_at(secret, int(time.time()) // STEP_SECONDS)
        begun = client.post("/admin/account", data={"secret": secret, "code": code})
        recovery = re.findall(r"<li>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})</li>", begun.text)
        assert len(recovery) == 10
        assert secret not in client.get("/admin/account").text
        assert client.post("/admin/account", data={"secret": secret, "code": code}).status_code == 422
    with browser(stack) as thief:
        refused(sign_in(thief, admin.name, admin.password), 401, "factor_needed")
        refused(with_code(thief, admin, code), 401, "factor_needed")
        form = thief.post("/admin/login", data={"user": admin.name, "password": admin.password})
        assert (form.status_code, 'name="totp"' in form.text, "tc_admin" in thief.cookies) == (200, True, False)
    forget_last_step(env, admin)
    with browser(stack) as owner:
        now = code_at(secret, int(time.time()) // STEP_SECONDS)
        token_of(with_code(owner, admin, now))
        refused(with_code(owner, admin, now), 401, "factor_needed")
        token_of(with_code(owner, admin, recovery[0].upper()))
        refused(with_code(owner, admin, recovery[0]), 401, "factor_needed")
        told = owner.get("/admin/account").text
        assert "second factor begun" in told
        assert "wrong code" in told
        assert owner.post("/admin/account/factor/end", data={"code": "000000"}).status_code == 403
        owner.post("/admin/account/factor/end", data={"code": recovery[1]})
    with browser(stack) as client:
        token_of(sign_in(client, admin.name, admin.password))


def test_whoever_lost_everything_is_helped_by_the_command_line(
    stack: Stack, env: dict[str, str], admin: Admin
) -> None:
    assert ticketcraze(env, "admin", "end-factor", admin.name)[0] == 1
