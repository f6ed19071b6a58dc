"""The waiting room in a page of another site: that the organiser named, by token alone, and in no other."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pages import close
from tests.world.buyers import api, come_in, make_event
from tests.world.stack import Stack

PAGE = """<!doctype html><title>A shop</title><script type="module" src="{room}/embed.js"></script>
<ticketcraze-room event="{slug}"></ticketcraze-room>"""


@contextmanager
def shop(pages: dict[str, str]) -> Iterator[str]:
    """Another site, which serves these pages: its origin."""

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            self.send_response(200 if path in pages else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Security-Policy", pages["policy"])
            self.end_headers()
            self.wfile.write(pages.get(path, "").encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_a_page_of_another_site_waits_with_its_buyer_and_gets_the_pass(page: Page, stack: Stack) -> None:
    pages = {"policy": f"default-src 'none'; script-src {stack.web}; connect-src {stack.web}"}
    with shop(pages) as origin, api(stack) as first:
        sale = make_event(stack.env, room=1, origin=origin, shop_url=f"{origin}/in")
        come_in(first, sale)
        pages["/"] = PAGE.format(room=stack.web, slug=sale.slug)
        pages["/in"] = "<p>In</p>"
        page.goto(f"{origin}/")
        page.evaluate(
            "document.querySelector('ticketcraze-room').addEventListener('admitted', () => { window.in = true })"
        )
        page.get_by_role("button", name="Join the queue").click()
        room = page.locator("ticketcraze-room")
        expect(room).to_contain_text("Nobody is ahead of you")
        assert page.context.cookies(stack.web) == [], "by token alone"
        pages["/"] = f'<html lang="zh-CN">{pages["/"]}'
        page.reload()
        expect(room).to_contain_text("您前面没有人")
        first.delete(f"/events/{sale.slug}/queue")
        page.get_by_role("link", name="前往商店").click()
        page.wait_for_url(re.compile("tc_pass="))
        token = page.url.partition("tc_pass=")[2]
        checked = httpx.get(
            f"{stack.web}/api/v1/events/{sale.slug}/pass",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
        )
        assert checked.status_code == 204
    close(stack, sale)


def test_only_the_sites_that_are_named_may_ask_and_never_in_a_visitors_name(stack: Stack) -> None:
    named, other = "https://shop.example", "https://evil.example"
    sale = make_event(stack.env, origin=named)
    url = f"{stack.web}/api/v1/events/{sale.slug}/queue"
    with httpx.Client(trust_env=False) as browser:
        asked = {"Origin": named, "Access-Control-Request-Method": "POST"}
        preflight = browser.options(url, headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == named
        assert "access-control-allow-credentials" not in preflight.headers
        refused = browser.options(url, headers={**asked, "Origin": other})
        assert "access-control-allow-origin" not in refused.headers
        assert browser.post(url, headers={"Origin": other}).json()["code"] == "origin"

        joined = browser.post(url, headers={"Origin": named})
        assert joined.status_code == 200
        assert joined.headers["access-control-allow-origin"] == named
        assert "set-cookie" not in joined.headers
        assert "origin" in joined.headers["vary"]
        token = joined.json()["token"]
        cookie = {"Origin": named, "Cookie": f"tc_buyer={token}"}
        assert browser.get(url, headers=cookie).status_code == 401, "a cookie is nobody's there"
        bearer = {"Origin": named, "Authorization": f"Bearer {token}"}
        assert browser.get(url, headers=bearer).status_code == 200
        unknown = browser.get(f"{stack.web}/api/v1/orders/{'0' * 36}", headers=bearer)
        assert unknown.status_code == 404
        listed = browser.get(f"{stack.web}/api/v1/events", headers=bearer)
        assert "access-control-allow-origin" not in listed.headers, "what is of no sale is for no other site"
