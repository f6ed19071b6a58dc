"""Every page and state, as it looks: nothing shuts anybody out, nothing that matters is hidden or out of view."""

import os
import re
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize
from starlette.routing import Route

from app.main import MACHINES, ROUTES
from app.web.problems import MACHINE_PATHS
from app.web.routing import Resource
from tests.browser.axe import AXE, findings
from tests.browser.conftest import PHONE
from tests.browser.states import State, World
from tests.world.stack import Stack

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
ZOOMED: ViewportSize = {"width": 640, "height": 400}  # what 1280 x 800 leaves at 200%
LANDSCAPE: ViewportSize = {"width": 844, "height": 390}
SMALL: ViewportSize = {"width": 390, "height": 664}
VARIANTS: list[tuple[ViewportSize, Literal["light", "dark"]]] = [
    (PHONE, "light"),
    (DESKTOP, "dark"),
    (ZOOMED, "light"),
    (PHONE, "dark"),
    (DESKTOP, "light"),
    (ZOOMED, "dark"),
]
LANGUAGES = ["en", "ar", "zh-CN"]  # in turn as well
# A whole product of states and variants is `make test-states`. With every change each state is looked at in one of
# the variants, in turn: neighbours among the states share their templates, so each of those meets most variants.
EVERYTHING = bool(os.environ.get("STATES"))
NO_PAGES = (
    ".pdf",
    ".ics",
    ".js",
    "/html",
    "/{file}",
    "/{picture}",
)  # of a mail: in the frame of its page, and attached


@pytest.fixture(scope="module")
def states(stack: Stack) -> Iterator[list[State]]:
    world = World(stack)
    yield world.states()
    world.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    # axe is put into the page, which the content security policy forbids to everybody else
    context = browser.new_context(viewport=PHONE, reduced_motion="reduce", bypass_csp=True)
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.mark.slow
def test_axe_finds_nothing_on_any_page(stack: Stack, states: list[State], context: BrowserContext) -> None:
    found: list[str] = []
    page = context.new_page()
    for at, state in enumerate(states):
        context.set_extra_http_headers({"Accept-Language": LANGUAGES[at // 2 % len(LANGUAGES)]})
        state.show(stack, page)
        page.evaluate(AXE)
        for window, scheme in VARIANTS if EVERYTHING else [VARIANTS[at % len(VARIANTS)]]:
            page.set_viewport_size(window)
            page.emulate_media(color_scheme=scheme)
            where = f"{state.name} ({window['width']}, {scheme})"
            found += [f"{where}: {finding}" for finding in findings(page)]
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > window["width"]:
                found.append(f"{where}: {width} px wide")
        page.evaluate("sessionStorage.clear()")
    assert found == []


def test_every_page_is_among_the_states(states: list[State]) -> None:
    paths = [urlsplit(state.path).path for state in states]
    pages = [
        route
        for route in (*ROUTES, *MACHINES)
        if isinstance(route, Route) and isinstance(route.endpoint, Resource) and "GET" in route.endpoint.handlers
    ]
    missing = {
        route.path
        for route in pages
        if not route.path.startswith(MACHINE_PATHS)
        and not route.path.endswith(NO_PAGES)
        and not any(route.path_regex.match(path) for path in paths)
    }
    assert missing == set()


def test_organisers_are_told_the_states_that_buyers_are_told(stack: Stack, states: list[State]) -> None:
    named = {state.name: state for state in states}
    cookies = {"tc_admin": named["sales"].admin}
    listed = httpx.get(f"{stack.web}/admin", cookies=cookies, trust_env=False).text
    for name, words in {
        "sold out": "Sold out",
        "paused": "Paused",
        "closed": "Closed",
        "lobby": "Not open",
    }.items():
        row = re.search(rf'href="/admin{named[name].path}".*?</li>', listed, re.DOTALL)
        assert row, name
        assert words in row[0], name


def in_view(page: Page, selector: str) -> bool:
    """Whether the first visible element is in the window, whole, and nothing lies over its middle or its end."""
    return bool(
        page.evaluate(
            """selector => {
                const element = [...document.querySelectorAll(selector)].find((e) => e.getClientRects().length);
                const box = element.getBoundingClientRect();
                if (box.top < 0 || box.bottom > innerHeight) return false;
                if (box.left < 0 || box.right > innerWidth) return false;
                return [0.5, 0.95].every((share) => {
                    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height * share);
                    return element.contains(top) || top.contains(element);
                });
            }""",
            selector,
        )
    )


@pytest.mark.parametrize(
    "window",
    [SMALL, *(pytest.param(window, marks=pytest.mark.slow) for window in (PHONE, LANDSCAPE, ZOOMED, DESKTOP))],
    ids=lambda w: f"{w['width']}x{w['height']}",
)
def test_the_place_and_the_ticket_are_in_view(
    stack: Stack, states: list[State], context: BrowserContext, window: ViewportSize
) -> None:
    named = {state.name: state for state in states}
    missing: list[str] = []
    for name, selectors in {"waiting": ["[data-testid=place]"], "ticket": [".scan", ".code"]}.items():
        page = named[name].open(stack, context)
        page.set_viewport_size(window)
        missing += [selector for selector in selectors if not in_view(page, f"main {selector}")]
        page.close()
    if window in (LANDSCAPE, ZOOMED):
        missing = [selector for selector in missing if selector != ".code"]  # it is right below what is scanned
    assert missing == []


def test_an_unfolded_code_for_another_device_is_in_view(
    stack: Stack, states: list[State], context: BrowserContext
) -> None:
    page = next(state for state in states if state.name == "waiting").open(stack, context)
    for window in (PHONE, SMALL, LANDSCAPE, ZOOMED):
        page.set_viewport_size(window)
        page.reload()
        page.wait_for_selector("[data-view=waiting] [data-link=live]")
        page.locator("summary").locator("visible=true").first.click()
        page.wait_for_function("document.querySelector('[data-view=waiting] details').open")
        page.wait_for_timeout(50)
        assert in_view(page, "[data-view=waiting] .scan"), window
    page.close()


def test_forced_colours_keep_the_line_to_the_front(
    stack: Stack, states: list[State], context: BrowserContext
) -> None:
    page = next(state for state in states if state.name == "waiting").open(stack, context)
    page.emulate_media(forced_colors="active")
    dot, line = (
        page.evaluate("s => getComputedStyle(document.querySelector(s))", selector)
        for selector in ("[data-way] b", "[data-way] i")
    )
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dot["backgroundColor"] != paper
    assert line["borderTopStyle"] == "solid"
    assert line["borderTopColor"] != paper
    page.close()
