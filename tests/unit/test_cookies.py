"""Cookies: under https no other host can plant one, and no script can read one."""

import asyncio
from types import SimpleNamespace

import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.tokens import Buyer, Tokens
from app.web.callers import buyer_of, set_buyer_cookie
from app.web.cookies import delete_cookie, read_cookie, set_cookie

TOKENS = Tokens({"0": "k" * 32})


def request(secure: bool, cookie: str = "") -> Request:
    """A request to a site with or without https, with this Cookie header."""
    services = SimpleNamespace(settings=SimpleNamespace(secure=secure), tokens=TOKENS)
    app = SimpleNamespace(state=SimpleNamespace(services=services))
    return Request({"type": "http", "app": app, "headers": [(b"cookie", cookie.encode())]})


def cookie_of(response: Response) -> tuple[str, set[str]]:
    """Name and value, and the attributes."""
    pair, *attributes = response.headers["set-cookie"].split("; ")
    return pair, {attribute.lower() for attribute in attributes}


def test_under_https_a_cookie_is_of_this_host_alone() -> None:
    response = Response()
    set_cookie(request(True), response, "tc_admin", "v", 60, "strict")
    pair, attributes = cookie_of(response)
    assert pair == "__Host-tc_admin=v"
    assert attributes == {"secure", "httponly", "samesite=strict", "path=/", "max-age=60"}


def test_without_https_it_has_its_plain_name() -> None:
    response = Response()
    set_buyer_cookie(request(False), response, "v")
    pair, attributes = cookie_of(response)
    assert pair == "tc_buyer=v"
    assert "secure" not in attributes
    assert {"httponly", "samesite=lax", "path=/"} <= attributes


@pytest.mark.parametrize("secure", [True, False])
def test_a_deleted_cookie_is_the_one_that_was_set(secure: bool) -> None:
    response = Response()
    delete_cookie(request(secure), response, "tc_admin")
    pair, attributes = cookie_of(response)
    assert pair == ('__Host-tc_admin=""' if secure else 'tc_admin=""')
    assert ("secure" in attributes) is secure


def test_under_https_an_admins_cookie_that_anybody_could_have_planted_is_not_read() -> None:
    assert read_cookie(request(True, "tc_admin=planted"), "tc_admin") == ""
    assert read_cookie(request(True, "tc_admin=planted; __Host-tc_admin=ours"), "tc_admin") == "ours"


@pytest.mark.parametrize("secure", [True, False])
def test_a_buyers_plain_cookie_is_read_but_never_before_the_other(secure: bool) -> None:

    plain, own = (TOKENS.of_buyer(Buyer(letter * 32)) for letter in "ab")
    found = asyncio.run(buyer_of(request(secure, f"tc_buyer={plain}; __Host-tc_buyer={own}")))
    assert found == Buyer(("b" if secure else "a") * 32)
    assert asyncio.run(buyer_of(request(secure, f"tc_buyer={plain}"))) == Buyer("a" * 32)
