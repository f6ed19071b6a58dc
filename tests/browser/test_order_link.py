"""A link to an order in a browser that never heard of the buyer."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_pages import expect_state, join_and_come_in, press, reserve_two
from tests.world.buyers import make_event
from tests.world.stack import Stack


@pytest.mark.slow
def test_the_link_to_a_ticket_shows_it_to_whoever_has_it(page: Page, browser: Browser, stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:20")
    join_and_come_in(page, stack, sale)
    reserve_two(page)
    press(page, "pay")
    page.locator("button[value=succeed]").click()
    expect_state(page, "confirmed")
    page.reload()
    link = page.get_by_test_id("order-link").get_attribute("href")
    assert link
    with browser.new_context() as elsewhere:
        other = elsewhere.new_page()
        complaints: list[str] = []
        other.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        other.goto(link)
        expect_state(other, "confirmed")
        expect(other.get_by_test_id("ticket").locator("visible=true").first).to_contain_text("Floor")
        other.wait_for_load_state("networkidle")
        assert elsewhere.cookies() == []
        assert complaints == []
