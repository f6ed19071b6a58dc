"""The link to another device, and the page of an order that the browser does not know."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.world.buyers import Sale, api, come_in, make_event, order
from tests.world.stack import Stack

COOKIE = "tc_buyer"


@pytest.fixture(scope="module")
def sale(stack: Stack) -> Sale:
    return make_event(stack.env, "Floor:4500:20")


@pytest.fixture
def link(stack: Stack, sale: Sale) -> str:
    """A link that a buyer's page shows."""
    with api(stack) as first, browser(stack) as second:
        second.cookies.set(COOKIE, come_in(first, sale))
        found = re.search(r"/resume/[^\"]+", second.get(f"/events/{sale.slug}").text)
        assert found
        return found[0]


def browser(stack: Stack) -> httpx.Client:
    return httpx.Client(base_url=stack.web, trust_env=False)


@pytest.fixture
def other(stack: Stack) -> Iterator[httpx.Client]:
    """Another device."""
    with browser(stack) as client:
        yield client


def test_looking_at_a_link_changes_nobody_and_uses_nothing_up(other: httpx.Client, link: str) -> None:
    for _ in range(2):
        answer = other.get(link)
        assert answer.status_code == 200
        assert "Continue here as the same buyer?" in answer.text
        assert "set-cookie" not in answer.headers
    assert other.post(link).status_code == 303


def test_a_link_works_once(stack: Stack, other: httpx.Client, link: str, sale: Sale) -> None:
    answer = other.post(link)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/events/{sale.slug}")
    assert COOKIE in answer.cookies
    assert other.post(link).status_code == 303  # pressed twice
    with browser(stack) as third:
        refused = third.post(link)
        assert refused.status_code == 410
        assert "used already" in refused.text
        assert COOKIE not in refused.cookies


def test_another_site_cannot_make_a_visitor_somebody_else(other: httpx.Client, link: str) -> None:
    refused = other.post(link, headers={"Origin": "https://elsewhere.example"})
    assert refused.status_code == 403
    assert COOKIE not in refused.cookies
    assert other.post(link).status_code == 303  # and it was not used up


def test_whoever_has_a_place_is_warned_that_it_would_be_replaced(
    stack: Stack, other: httpx.Client, link: str, sale: Sale
) -> None:
    assert "a place of its own" not in other.get(link).text
    other.post(f"/events/{sale.slug}/queue")
    assert "a place of its own" in other.get(link).text


def test_the_order_of_another_device_says_what_to_do(stack: Stack, other: httpx.Client, sale: Sale) -> None:
    with api(stack) as first:
        come_in(first, sale)
        order_id = order(first, sale).json()["order_id"]
    joined = browser(stack)
    joined.post(f"/events/{sale.slug}/queue")
    for client in (other, joined):
        answer = client.get(f"/orders/{order_id}")
        assert answer.status_code == 404
        assert "There is nothing here" not in answer.text
        assert "Open this address there" in answer.text
    joined.close()
