"""One browser for all tests of the pages."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

WAIT_MS = 15_000
PHONE: ViewportSize = {"width": 390, "height": 844}
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Of the package, not the session: while Playwright runs no other test can have an event loop.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's chromium, or whatever there is of it."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    assert binary, "there is no chromium: python -m stack install --browser"
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A phone. Whatever its console complains about fails the test."""
    context = browser.new_context(viewport=PHONE, reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # A server that is gone or full is what some tests are about, and the browser says so whatever the page does.
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error" and not re.search("net::ERR_|503", message.text)
            else None
        ),
    )
    yield page
    context.close()
    assert complaints == []
