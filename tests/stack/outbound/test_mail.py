"""Mail: written down with the order, sent once whatever the server does, with as many tickets as were paid."""

import asyncio
from collections.abc import Callable
from email.message import EmailMessage
from typing import cast

import pytest

from app.ids import new_id
from app.orders.facts import OrderCalledOff
from app.organisers.privacy import erase_address
from app.outbound.announcing import announce
from app.outbound.contacts import MOST_CHANGES, TooManyChanges, set_contact
from app.outbound.outbox import GIVE_UP_MS, KEPT_MS, attempts_of, counts, forget, resend
from app.units import HOUR_MS, now_ms
from tests.stack.outbound.conftest import KEYS, Night, Story
from tests.world.books import PRICE_MINOR, lapsed, paid, refund_asked, refunds_done

Tell = Callable[[Story], None]


def text(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body
    return cast(str, body.get_content())


def attachments(mail: EmailMessage) -> list[str | None]:
    return [part.get_filename() for part in mail.iter_attachments()]


def test_a_paid_order_is_mailed_once_with_as_many_tickets_as_were_paid(tell: Tell) -> None:
    async def story(night: Night) -> None:
        await night.world.execute(
            "UPDATE events SET name = 'Große Nacht', starts_at = '2027-01-02 20:00', venue = 'Halle <4>'"
            " WHERE id = %s",
            night.world.event.id,
        )
        order_id = await night.bought("kim@example.com", 3)
        nobody = await night.bought()
        await night.send()
        await night.send()
        [mail] = night.mail.mails
        assert (mail["To"], mail["Subject"]) == ("kim@example.com", "Your tickets for Große Nacht")
        assert mail["From"] == "Shop <tickets@shop.example>"
        assert attachments(mail) == ["tickets.pdf", "event.ics"]
        html = text(mail, "html")
        assert html.count('src="cid:ticket-') == 3
        assert "Halle &lt;4&gt;" in html
        assert "Receipt no. 1<" in html
        assert f"https://shop.example/orders/{order_id}?key=0.1.key" in text(mail)
        assert "Receipt no. 1" in text(mail).splitlines()
        pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
        assert len(pictures) == 3
        assert await night.messages(order_id=nobody) == []
        await night.verified()

    tell(story)


def test_a_mail_server_that_is_down_for_an_hour_delays_mail_and_loses_and_doubles_none(tell: Tell) -> None:
    async def story(night: Night) -> None:
        night.mail.stop()
        emails = [f"kim{n}@example.com" for n in range(4)]
        for email in emails:
            await night.bought(email)
        attempts = 0
        for _ in range(15):  # an hour
            await night.send()
            night.clock.go(minutes=4)
        attempts = sum(message.attempts for message in await night.messages())
        assert 4 <= attempts <= 20, "it is tried again, more and more rarely"
        assert (await counts(night.world.database, night.clock()))["late"] == 4
        assert night.mail.mails == []
        night.mail.start()
        for _ in range(3):
            night.clock.go(hours=1)
            await night.send()
        assert sorted(str(mail["To"]) for mail in night.mail.mails) == emails
        assert {message.status for message in await night.messages()} == {"SENT"}
        await night.verified()

    tell(story)


def test_one_bad_address_holds_nobody_up_and_is_given_up_at_once(tell: Tell) -> None:
    async def story(night: Night) -> None:
        night.mail.answers = {
            "gone@example.com": "550 no mailbox gone@example.com",
            "full@example.com": "452 try later",
        }
        orders = {email: await night.bought(email) for email in (*night.mail.answers, "kim@example.com")}
        await night.send()
        status = {email: (await night.messages(order_id=id_))[0] for email, id_ in orders.items()}
        assert (status["gone@example.com"].status, status["full@example.com"].status) == ("FAILED", "DUE")
        assert status["gone@example.com"].error == "550 no mailbox the address"
        assert len(night.mail.to("kim@example.com")) == 1
        night.mail.answers.clear()
        night.clock.go(minutes=1)
        await night.send()
        assert len(night.mail.to("full@example.com")) == 1
        assert await resend(night.world.database, status["gone@example.com"].id, night.clock())
        await night.send()
        assert len(night.mail.to("gone@example.com")) == 1

    tell(story)


def test_two_senders_at_once_send_each_mail_once(tell: Tell) -> None:
    async def story(night: Night) -> None:
        for n in range(12):
            await night.bought(f"kim{n}@example.com")
        await asyncio.gather(*(night.send(night.sender()) for _ in range(3)))
        assert len(night.mail.mails) == 12
        assert len({str(mail["To"]) for mail in night.mail.mails}) == 12

    tell(story)


def test_a_sender_that_dies_after_sending_repeats_the_same_mail_which_a_mailbox_can_tell(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(night: Night) -> None:
        await night.bought("kim@example.com")

        async def dies(*_: object) -> None:
            raise asyncio.CancelledError

        dying = night.sender()
        monkeypatch.setattr(dying, "_end", dies)
        await night.send(dying)
        night.clock.go(minutes=3)
        await night.send()
        first, second = night.mail.mails
        assert first["Message-ID"] == second["Message-ID"]
        await night.send()
        assert len(night.mail.mails) == 2

    tell(story)


def test_what_nobody_takes_for_three_days_is_given_up_and_seen(tell: Tell) -> None:
    async def story(night: Night) -> None:
        night.mail.answers = {"kim@example.com": "452 try later"}
        await night.bought("kim@example.com")
        for _ in range(14):
            await night.send()
            night.clock.go(hours=6)
        [message] = await night.messages()
        assert message.status == "FAILED"
        assert message.ended_at_ms is not None
        assert message.ended_at_ms - message.created_at_ms <= GIVE_UP_MS + 6 * HOUR_MS
        assert (await counts(night.world.database, night.clock()))["failed"] == 1

    tell(story)


def test_money_that_comes_too_late_and_money_that_is_back_are_told(tell: Tell) -> None:
    async def story(night: Night) -> None:
        world = night.world
        late = await world.order()
        await set_contact(world.database, late, world.event.id, "late@example.com", "0.1.key")
        await world.write(lapsed(late))
        others = await world.order(int(await world.redis.hget(world.key("stock"), f"{world.sku}:available") or 0))
        await world.write(paid(late))
        await night.send()
        [told] = night.mail.to("late@example.com")
        assert told["Subject"].startswith("Your payment came too late")
        assert "$45.00" in text(told)
        await world.write(*refunds_done(await world.read(late)))
        await night.send()
        assert night.mail.to("late@example.com")[-1]["Subject"].startswith("Your money is back")
        await world.write(lapsed(others))
        refunded = await night.bought("kim@example.com")
        await world.write(*refund_asked(await world.read(refunded), PRICE_MINOR))
        await world.write(*refunds_done(await world.read(refunded)))
        await night.send()
        subjects = [str(mail["Subject"]) for mail in night.mail.to("kim@example.com")]
        assert subjects == ["Your money is back: A test"], "tickets that are void already are not mailed"
        assert "are void" in text(night.mail.to("kim@example.com")[0])
        await night.verified()

    tell(story)


def test_who_gives_an_address_after_paying_gets_the_tickets_and_may_mend_it_a_few_times(tell: Tell) -> None:
    async def story(night: Night) -> None:
        order_id = await night.bought()
        event_id = night.world.event.id

        async def give(email: str) -> None:
            await set_contact(night.world.database, order_id, event_id, email, "0.1.key")
            await night.send()

        await give("kmi@example.com")
        await give("kim@example.com")
        await give("kim@example.com")
        assert [str(mail["To"]) for mail in night.mail.mails] == ["kmi@example.com", "kim@example.com"]
        for n in range(MOST_CHANGES - 2):
            await give(f"kim{n}@example.com")
        with pytest.raises(TooManyChanges):
            await give("everybody@example.com")
        await night.verified()

    tell(story)


def test_an_event_that_changes_is_told_to_who_bought_once(tell: Tell) -> None:
    async def story(night: Night) -> None:
        world = night.world
        await night.bought("kim@example.com")
        pending = await world.order()
        await set_contact(world.database, pending, world.event.id, "not-yet@example.com", "0.1.key")
        await announce(world.database, night.clock())
        await night.send()
        assert len(night.mail.mails) == 1
        await world.execute("UPDATE events SET starts_at = '2027-01-02 21:30' WHERE id = %s", world.event.id)
        await asyncio.gather(*(announce(world.database, night.clock()) for _ in range(3)))
        await night.send()
        assert [str(mail["Subject"]) for mail in night.mail.mails][1:] == ["Changed: A test"]
        assert "2 January 2027, 21:30 UTC" in text(night.mail.mails[1])
        await night.verified()

    tell(story)


def test_an_event_that_is_called_off_is_told_once_and_the_money_afterwards(tell: Tell) -> None:
    async def story(night: Night) -> None:
        world = night.world
        before = await night.bought("before@example.com")
        await world.write(*refund_asked(await world.read(before), PRICE_MINOR))
        await world.write(*refunds_done(await world.read(before)))
        kim = await night.bought("kim@example.com")
        await announce(world.database, night.clock())
        await asyncio.sleep(0.01)
        await world.execute("UPDATE events SET called_off_at = UTC_TIMESTAMP(3) WHERE id = %s", world.event.id)
        off = OrderCalledOff(fact_id=new_id(), order_id=kim, occurred_at_ms=now_ms(), restock=False, reason="ill")
        await world.write(off)
        for _ in range(2):
            await announce(world.database, night.clock())
            await night.send()
        await world.write(*refunds_done(await world.read(kim)))
        await night.send()
        subjects = [str(mail["Subject"]).partition(":")[0] for mail in night.mail.to("kim@example.com")]
        assert subjects == ["Called off", "Your money is back"]
        assert "Called off: A test" not in [mail["Subject"] for mail in night.mail.to("before@example.com")]
        await night.verified()

    tell(story)


def test_an_address_that_is_erased_is_written_to_no_more(tell: Tell) -> None:
    async def story(night: Night) -> None:
        await night.bought("kim@example.com")
        assert (await erase_address(night.world.database, "kim@example.com")).addresses == 1
        await night.send()
        assert night.mail.mails == []
        [message] = await night.messages()
        assert message.status == "SKIPPED"
        assert "kim" not in str(message)

    tell(story)


def test_codes_in_a_mail_are_those_of_the_orders_tickets(tell: Tell) -> None:
    async def story(night: Night) -> None:
        order_id = await night.bought("kim@example.com", 2)
        rows = await night.world.database.fetch_all("SELECT * FROM tickets WHERE order_id = %s", (order_id,))
        await night.send()
        assert {KEYS.read(KEYS.code(r["id"], r["event_id"], r["sku_id"])).ticket_id for r in rows} == {
            r["id"] for r in rows
        }
        again = await night.world.database.fetch_all(
            "SELECT id FROM tickets WHERE order_id = %s AND mailed_at IS NOT NULL", (order_id,)
        )
        assert len(again) == 2

    tell(story)


def test_what_ended_long_ago_is_forgotten_with_its_attempts(tell: Tell) -> None:
    async def story(night: Night) -> None:
        await night.bought("kim@example.com")
        await night.send()
        [message] = await night.messages()
        assert await forget(night.world.database, night.clock()) == 0
        assert await forget(night.world.database, night.clock() + KEPT_MS + 1) >= 1
        assert await attempts_of(night.world.database, message.id) == []
        assert await night.messages() == []

    tell(story)
