"""A sale that asks for work: the browser does it in a worker of our own, and joins."""

import re

from playwright.sync_api import Page, expect

from tests.browser.test_pages import expect_state, press
from tests.world.buyers import make_event
from tests.world.stack import Stack

SOLVED = re.compile("^[A-Za-z0-9+/=]{100,}$")


def test_a_browser_does_the_work_and_joins_without_anybody_noticing(page: Page, stack: Stack) -> None:
    sale = make_event(stack.env, opens_in=600, work=300, codes="optional")
    page.set_extra_http_headers({"Accept-Language": "ar"})
    page.goto(f"{stack.web}/events/{sale.slug}")
    expect(page.locator("altcha-widget input[name=work]")).to_have_value(SOLVED)
    expect(page.locator("altcha-widget")).to_contain_text("تم التحقق")
    press(page, "join")
    expect_state(page, "lobby")
