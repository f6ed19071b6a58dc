"""The page of a draw recomputes it in the browser, and says so when somebody was moved."""

import json
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_pages import expect_state, press
from tests.world.buyers import api, join, make_event
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until


@pytest.mark.slow
def test_a_buyer_checks_the_draw_in_the_browser_and_a_forged_list_is_seen(page: Page, stack: Stack) -> None:
    sale = make_event(stack.env, opens_in=600, rate=1, room=1)
    page.goto(f"{stack.web}/events/{sale.slug}")
    press(page, "join")
    expect_state(page, "lobby")
    with ExitStack() as closing:
        for _ in range(5):
            join(closing.enter_context(api(stack)), sale)
    page.locator("details[data-draw] summary").locator("visible=true").click()
    page.get_by_test_id("draw-link").locator("visible=true").click()
    expect_state(page, "committed")
    promised = page.get_by_test_id("commitment").inner_text()

    ticketcraze(stack.env, "event", "open", sale.slug)
    with api(stack) as client:
        until(lambda: client.get(f"/events/{sale.slug}/draw").json()["state"] == "published")
    page.reload()
    expect_state(page, "published")
    assert page.get_by_test_id("commitment").inner_text() == promised
    number = page.evaluate(
        f"fetch('/api/v1/events/{sale.slug}/queue').then((a) => a.json()).then((p) => p.number)"
    )
    press(page, "check")
    expect(page.get_by_test_id("result")).to_contain_text("The draw holds")
    expect(page.get_by_test_id("own")).to_contain_text(f"Your number is {number}")
    expect(page.locator("[data-found=good]")).to_have_count(3)

    def swap(route: Route) -> None:
        lines = [json.loads(line) for line in route.fetch().text().splitlines()]
        lines[0]["number"], lines[1]["number"] = lines[1]["number"], lines[0]["number"]
        route.fulfill(body="".join(json.dumps(line) + "\n" for line in lines), content_type="application/jsonl")

    page.route("**/draw/entrants", swap)
    press(page, "check")
    expect(page.get_by_test_id("result")).to_contain_text("does not hold")
    expect(page.locator("[data-found=bad]")).to_have_text(["Secret and list lead to other numbers."])
