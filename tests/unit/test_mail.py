"""What mails say, in every language: each kind is whole, and reads in its own direction."""

import asyncio
import re
from email.message import EmailMessage
from typing import cast

import pytest

from app.orders.facts import Item
from app.orders.lifecycle import Order
from app.outbound.mail import Letterhead, OrderLetter
from app.outbound.outbox import Message
from app.tickets.codes import TicketKeys
from app.tickets.reading import Ticket
from app.words import LANGUAGES, Language
from tests.world.events import an_event

ORDER_ID = "019ab000-86a2-7000-8000-8f3e00000007"
KINDS = {
    "order.confirmed": '{"n": 1}',
    "order.refunded": '{"amount": 450000, "currency": "USD"}',
    "payment.late": '{"amount": 450000, "currency": "USD"}',
    "event.changed": "{}",
    "event.called_off": "{}",
}
SAID = {
    "en": ("Your tickets for Night of Lights", "Saturday 2 January 2027, 20:00 UTC", "$4,500.00"),
    "zh-Hans": ("您的门票\uff1aNight of Lights", "2027年1月2日 星期六 20:00 UTC", "US$4,500.00"),
    "ar": ("تذاكرك: Night of Lights", "السبت 2 يناير 2027، 20:00 UTC", "\u200f4,500.00\u00a0US$\u200e"),
}


def composed(kind: str, language: Language) -> EmailMessage:
    event = an_event(name="Night of Lights", starts_at_ms=1_798_920_000_000, accent="#7c3aed", venue="Grand Hall")
    sku = event.skus[0].id
    order = Order(ORDER_ID, "REFUNDED", items=(Item(sku, 1, 450_000),), total_minor=450_000, currency="USD")
    ticket = Ticket("0a" * 16, ORDER_ID, 0, sku, 1, 1, "VALID", 0, None, None, None)
    message = Message("m", kind, 0, ORDER_ID, body=KINDS[kind])
    link = "https://shop.example/orders/x"
    letter = OrderLetter(message, "kim@example.com", language, link, event, order, (ticket,), 17)
    head = Letterhead("Shop <tickets@shop.example>", "https://shop.example", TicketKeys({"A": b"t" * 32}))
    return asyncio.run(letter.compose(head))


def text(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body
    return cast(str, body.get_content())


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=lambda language: language.code)
def test_a_mail_is_written_in_the_language_of_its_reader(language: Language) -> None:
    subject, when, price = SAID[language.code]
    mails = {kind: composed(kind, language) for kind in KINDS}
    assert mails["order.confirmed"]["Subject"] == subject
    for kind, mail in mails.items():
        assert mail["Content-Language"] == language.code
        plain, html = text(mail, "plain"), text(mail, "html")
        assert f'<html lang="{language.code}" dir="{language.direction}">' in html
        assert all(len(line) <= 80 for line in plain.splitlines())
        for body in (plain, html):
            assert when in body, kind
            assert "https://shop.example/orders/x" in body
            assert (price in body) == (kind not in ("event.changed", "event.called_off")), kind
            if language.code != "en":
                english = re.sub(r"<[^>]*>|https?://\S+|Ticket Craze|Night of Lights|Grand Hall", "", body)
                assert not re.search("[a-z]{3,} [a-z]{3,}", english), kind
