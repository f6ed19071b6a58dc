"""The whole way with the stack's own workers: an address given before paying, and the mail in the folder."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import httpx

from tests.stack.tickets.conftest import Shop
from tests.world.buyers import api, come_in, order, pay, refused, until_status
from tests.world.waiting import until


def test_the_tickets_of_a_paid_order_are_mailed_where_its_buyer_said(shop: Shop) -> None:
    folder = Path(shop.stack.env["MAIL_FOLDER"])
    with api(shop.stack) as buyer:
        come_in(buyer, shop.sale)
        order_id = order(buyer, shop.sale, 2).json()["order_id"]
        until_status(buyer, order_id, "PENDING")
        path = f"/orders/{order_id}/contact"
        refused(buyer.put(path, json={"email": "kim@example.com\nBcc: all@example.com"}), 422, "invalid")
        with api(shop.stack) as stranger:
            refused(stranger.put(path, json={"email": "kim@example.com"}), 401, "unauthorized")
        assert buyer.put(path, json={"email": " kim@example.com "}).json()["email"] == "kim@example.com"
        pay(buyer, order_id)
        until_status(buyer, order_id, "CONFIRMED")

    def mailed() -> tuple[str, EmailMessage] | None:
        for file in folder.glob("*.eml"):
            mail = message_from_bytes(file.read_bytes(), policy=default)
            body = mail.get_body(("plain",))
            if body and order_id in body.get_content():
                return file.stem, mail
        return None

    name, mail = until(mailed, what="the mail")
    assert mail["To"] == "kim@example.com"
    pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert len(pictures) == 2
    body = mail.get_body(("plain",))
    assert body
    link = next(line for line in body.get_content().splitlines() if line.startswith(shop.stack.web))
    assert "data-code" in httpx.get(link, trust_env=False).text, "the link of the mail opens the tickets"
    address = f"{shop.stack.web}/development/mail"
    assert f"/development/mail/{name}" in httpx.get(address, trust_env=False).text
    assert "tickets.pdf" in httpx.get(f"{address}/{name}", trust_env=False).text
    html = httpx.get(f"{address}/{name}/html", trust_env=False)
    assert html.text.count("data:image/png") == 2
    assert html.headers["content-security-policy"].startswith("default-src 'none'")
    assert httpx.get(f"{address}/{name}/files/tickets.pdf", trust_env=False).content[:5] == b"%PDF-"
    for wrong in ("..%2F..%2Frun", "a", name + "x"):
        assert httpx.get(f"{address}/{wrong}", trust_env=False).status_code == httpx.codes.NOT_FOUND
