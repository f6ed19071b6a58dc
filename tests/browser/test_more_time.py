"""In the last minute there is a button for more time, once, for choosing and for paying."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pages import close, expect_state, join_and_come_in, press, reserve_two
from tests.world.buyers import make_event
from tests.world.stack import Stack


@pytest.mark.slow
def test_a_buyer_gets_more_time_once_to_choose_and_once_to_pay(page: Page, stack: Stack) -> None:
    sale = make_event(stack.env, pass_ttl=58, hold_ttl=58)
    join_and_come_in(page, stack, sale)
    press(page, "extend-pass")
    clock = page.locator("[data-view=admitted] [data-slot=pass_clock]")
    expect(clock).to_contain_text("1:")
    expect(page.get_by_test_id("extend-pass")).to_be_hidden()
    page.reload()
    expect(clock).to_contain_text("1:")
    reserve_two(page)
    expect(page.get_by_test_id("extend-pass")).to_be_hidden()
    press(page, "extend-hold")
    expect(page.get_by_test_id("hold-clock").locator("visible=true").first).to_contain_text("1:")
    for _ in range(2):
        expect(page.get_by_test_id("extend-hold").locator("visible=true")).to_have_count(0)
        page.reload()
        expect_state(page, "held")
    press(page, "pay")
    page.locator("button[value=succeed]").click()
    expect_state(page, "confirmed")
    close(stack, sale)
