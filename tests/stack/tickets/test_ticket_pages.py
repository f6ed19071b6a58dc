"""What a buyer, whoever has the link, and whoever was given a ticket see: and who does not."""

import re

import httpx
import pytest

from tests.stack.tickets.conftest import Shop
from tests.stack.tickets.test_tickets import hand_on
from tests.world.stack import Stack


def look(stack: Stack, address: str, cookies: httpx.Cookies | None = None) -> httpx.Response:
    address = address if address.startswith("http") else stack.web + address
    return httpx.get(address, cookies=cookies, trust_env=False, timeout=20)


def codes(page: str) -> list[str]:
    return re.findall(r'data-code="([^"]+)"', page)


def test_the_pages_and_files_of_an_order_show_its_good_tickets_to_its_buyer_alone(shop: Shop) -> None:
    bought = shop.bought(2)
    told = [ticket["code"] for ticket in bought.tickets()]
    order, mine = f"/orders/{bought.order_id}", bought.buyer.cookies
    page = look(shop.stack, order, mine).text
    assert codes(page) == told
    assert re.search(r"Receipt no\.</th><td>[1-9]\d*</td>", page)
    assert codes(look(shop.stack, f"{order}/tickets", mine).text) == told
    pdf = look(shop.stack, f"{order}/tickets.pdf", mine)
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    query = bought.buyer.get(order).json()["link"].partition("?")[2]
    assert codes(look(shop.stack, f"{order}/tickets?{query}").text) == told
    assert look(shop.stack, f"{order}/tickets.pdf?{query}").content[:5] == b"%PDF-"
    for path in ("/tickets", "/tickets.pdf"):
        assert look(shop.stack, order + path).status_code == httpx.codes.UNAUTHORIZED
        assert look(shop.stack, order + path, shop.bought(1).buyer.cookies).status_code == httpx.codes.NOT_FOUND


def test_the_concert_is_a_calendar_file(shop: Shop) -> None:
    answer = look(shop.stack, f"/events/{shop.sale.slug}/calendar.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    assert "DTSTART:20270624T180000Z" in answer.text


def test_a_ticket_is_handed_on_by_a_form_without_any_script(shop: Shop) -> None:
    bought = shop.bought(2)
    order, mine = f"/orders/{bought.order_id}", bought.buyer.cookies
    page = look(shop.stack, f"{order}/tickets", mine).text
    action, request_key = re.search(r'action="([^"]+/handover)".*?value="(\w+)"', page, re.DOTALL).groups()  # type: ignore[union-attr]
    form = {"request_key": request_key}
    twice = [httpx.post(shop.stack.web + action, data=form, cookies=mine, trust_env=False) for _ in range(2)]
    links = {re.search(r'data-testid="handed-link">([^<]+)<', answer.text)[1] for answer in twice}  # type: ignore[index]
    assert len(links) == 1, "pressed twice is pressed once"
    [link] = links
    [code] = codes(look(shop.stack, link).text)
    page = look(shop.stack, f"{order}/tickets", mine).text
    assert code not in page
    assert "Handed to somebody else" in page
    pdf = link.replace("?key=", "/ticket.pdf?key=")
    assert look(shop.stack, pdf).content[:5] == b"%PDF-"
    assert look(shop.stack, link[:-1] + "!").status_code == httpx.codes.FORBIDDEN


@pytest.mark.parametrize("fields", [{}, {"request_key": "\u00e9"}, {str(n): "x" for n in range(30)}], ids=len)
def test_a_form_that_no_page_has_is_refused(shop: Shop, fields: dict[str, str]) -> None:
    """Once the fifth field was an error of ours."""
    bought = shop.bought()
    order = f"{shop.stack.web}/orders/{bought.order_id}"
    for form in (f"{order}/tickets/{bought.tickets()[0]['ticket_id']}/handover", f"{order}/refund"):
        answer = httpx.post(form, data=fields, cookies=bought.buyer.cookies, trust_env=False)
        assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY, form


def test_a_holders_link_shows_its_own_ticket_alone(shop: Shop) -> None:
    bought = shop.bought(2)
    first, second = bought.tickets()
    link = hand_on(bought, first["ticket_id"]).json()["link"]
    other = re.sub(r"/tickets/\w+", f"/tickets/{second['ticket_id']}", link)
    assert look(shop.stack, other).status_code == httpx.codes.FORBIDDEN
    order_key = f"/orders/{bought.order_id}/tickets{link[link.index('?') :]}"
    assert look(shop.stack, order_key).status_code in (httpx.codes.FORBIDDEN, httpx.codes.UNAUTHORIZED)
