"""What a reader sees before any script has run, and in their own language and direction."""

import re

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PHONE
from tests.browser.test_truth import COLD_BYTES, Wire
from tests.world.buyers import api, come_in, join, make_event
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until


@pytest.mark.slow
def test_without_any_script_the_page_has_the_place_and_a_strangers_page_is_everybodys(
    browser: Browser, stack: Stack
) -> None:
    sale = make_event(stack.env, "Floor:4500:300", room=1)
    at = f"{stack.web}/events/{sale.slug}"
    with api(stack) as inside, api(stack) as ahead:
        come_in(inside, sale)
        join(ahead, sale)
        with browser.new_context(viewport=PHONE, java_script_enabled=False) as context:
            page = context.new_page()
            page.goto(at)
            page.get_by_test_id("join").locator("visible=true").click()
            expect(page.locator("main")).to_have_attribute("data-state", "waiting")
            expect(page.get_by_test_id("place")).to_have_text("1")
            expect(page.locator("[data-slot=number]")).to_have_text("3")
            expect(page.get_by_test_id("eta")).to_have_text(re.compile("^in |not known"))
            expect(page.get_by_test_id("chance")).to_contain_text("300 tickets left")
            expect(page).to_have_title(re.compile("^1 · "))
            ahead.delete(f"/events/{sale.slug}/queue")
            page.reload()
            expect(page.get_by_test_id("place")).to_have_text("Next")
    one, two = (httpx.get(at, trust_env=False) for _ in range(2))
    assert '"place":null' in one.text.replace(" ", "")
    assert "set-cookie" not in one.headers
    until(lambda: httpx.get(at, trust_env=False).text == httpx.get(at, trust_env=False).text, what="a shared page")
    assert one.headers["vary"] == two.headers["vary"] == "accept-encoding, accept-language, cookie"
    ticketcraze(stack.env, "event", "close", sale.slug)


def test_arabic_reads_from_the_right_and_another_language_stays_chosen(browser: Browser, stack: Stack) -> None:
    sale = make_event(stack.env, "Floor:4500:300", room=1, starts_at="2027-06-01T20:00+01:00")
    at = f"{stack.web}/events/{sale.slug}"
    with api(stack) as inside, browser.new_context(viewport=PHONE, locale="ar-EG") as context:
        come_in(inside, sale)
        page = context.new_page()
        wire = Wire(page)
        page.goto(at)
        page.wait_for_load_state("networkidle")
        assert wire.bytes <= COLD_BYTES
        assert page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["ar", "rtl"]
        expect(page.locator("main .rows").locator("visible=true").first).to_contain_text(
            "\u200f45.00\u00a0US$\u200e"
        )
        expect(page.locator("header time")).to_contain_text("يونيو")
        page.get_by_test_id("join").locator("visible=true").click()
        expect(page.locator("[data-view=waiting] [data-link=live]")).to_have_text("تحديث مباشر")
        expect(page.get_by_test_id("place")).to_have_text("التالي")
        assert starts_at_the_right(page, "[data-view=waiting] h2")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.get_by_role("link", name="简体中文").click()
        expect(page.get_by_test_id("place")).to_have_text("下一位")
        page.goto(at)  # without a word about the language
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        expect(page.get_by_test_id("place")).to_have_text("下一位")
        page.goto(f"{stack.web}/resume/{sale.slug}/nonsense")
        expect(page.locator("h1")).to_contain_text("链接已失效")
    ticketcraze(stack.env, "event", "close", sale.slug)


def starts_at_the_right(page: Page, selector: str) -> bool:
    """Whether the text of an element begins nearer to the right edge than to the left one."""
    return bool(
        page.evaluate(
            """selector => {
                const range = document.createRange();
                range.selectNodeContents(document.querySelector(selector));
                const box = range.getBoundingClientRect();
                return innerWidth - box.right < box.left;
            }""",
            selector,
        )
    )
