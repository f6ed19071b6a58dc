"""Sends what is in the outbox: each channel (the mail server, each webhook) for itself, so none waits for another.

A channel that fails as a whole is left alone for a while, longer each time; what was to go through it waits, and
is tried again until it is given up.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.infra.http_client import HttpFailed
from app.infra.mysql import Database
from app.infra.outward import Forbidden, Network, post
from app.infra.smtp import MailDeferred, Mailer, MailRefused, MailUnavailable
from app.outbound.inviting import INVITED, read_invitation
from app.outbound.mail import Letter, Letterhead, read_order_letter
from app.outbound.outbox import Message, claim, ended, failed, hold_back, pause_ms
from app.outbound.webhooks import list_webhooks, signed
from app.units import now_ms

log = logging.getLogger(__name__)

AT_ONCE = 50  # messages claimed in one look
MOST_CHANNELS = 16  # at work at once
CHANNEL_MS = 60_000  # a channel at work longer than this gives the rest back: half of a claim's time

Channel = int | None  # a webhook's id; None is the mail server


@dataclass
class Down:
    """A channel that failed: how often in a row, and until when it is left alone."""

    times: int
    until_ms: int


class Outbound:
    """The sender. `clock` tells the time in UTC ms."""

    def __init__(
        self,
        database: Database,
        mailer: Mailer,
        head: Letterhead,
        allowed: Sequence[Network] = (),
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._database = database
        self._mailer = mailer
        self._head = head
        self._allowed = allowed
        self._clock = clock
        self._down: dict[Channel, Down] = {}
        self._busy: dict[Channel, asyncio.Task[None]] = {}

    async def tick(self) -> bool:
        """Begins to send what is due through channels that are free; whether there may be more."""
        if len(self._busy) >= MOST_CHANNELS:
            return False
        at_ms = self._clock()
        closed = {*self._busy, *(channel for channel, down in self._down.items() if down.until_ms > at_ms)}
        messages = await claim(
            self._database, AT_ONCE, at_ms, mail=None not in closed, but=[c for c in closed if c is not None]
        )
        by_channel: dict[Channel, list[Message]] = defaultdict(list)
        for message in messages:
            by_channel[message.webhook_id].append(message)
        for channel, some in by_channel.items():
            task = asyncio.create_task(self._send_all(channel, some))
            self._busy[channel] = task
            task.add_done_callback(lambda task, channel=channel: self._ended(channel, task))  # type: ignore[misc]
        return len(messages) == AT_ONCE

    @property
    def working(self) -> bool:
        """Whether something is being sent now."""
        return bool(self._busy)

    async def settled(self) -> None:
        """Waits for what is being sent."""
        while self._busy:
            await asyncio.gather(*self._busy.values(), return_exceptions=True)
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Interrupts what is being sent: it is tried again when its claim ends."""
        for task in self._busy.values():
            task.cancel()
        await self.settled()

    def _ended(self, channel: Channel, task: asyncio.Task[None]) -> None:
        del self._busy[channel]
        if not task.cancelled() and (error := task.exception()):
            log.warning("channel %s: what it had is tried again: %s", channel or "mail", error)

    async def _send_all(self, channel: Channel, messages: list[Message]) -> None:
        until_ms = self._clock() + CHANNEL_MS
        for place, message in enumerate(messages):
            works = await self._send(message)
            if not works:
                times = self._down[channel].times + 1 if channel in self._down else 1
                self._down[channel] = Down(times, self._clock() + pause_ms(times))
                log.warning("%s is down, for the %d. time", f"webhook {channel}" if channel else "mail", times)
            else:
                self._down.pop(channel, None)
            if not works or self._clock() > until_ms:
                again_ms = self._down[channel].until_ms if channel in self._down else self._clock()
                async with self._database.connection() as connection:
                    await hold_back(connection, messages[place + 1 :], again_ms)
                return

    async def _send(self, message: Message) -> bool:
        """Sends one; whether its channel works, whatever became of this one."""
        return await (self._mail(message) if message.is_mail else self._call(message))

    async def _mail(self, message: Message) -> bool:
        began_ms, works, why, for_good = self._clock(), True, "", False
        letter = await self._letter(message)
        if letter is None:
            await self._end(message, "SKIPPED", "nobody is to be told any more", began_ms)
            return True
        try:
            mail = await letter.compose(self._head)
        except Exception as error:  # whatever it is, it is this one's own trouble, and holds nobody up
            log.exception("mail %s about %s cannot be written", message.id, message.order_id or message.kind)
            await self._fail(message, f"it cannot be written: {type(error).__name__}", began_ms)
            return True
        try:
            await self._mailer.send(mail)
        except MailUnavailable as error:
            works, why = False, str(error)
        except MailDeferred as error:
            why = str(error)
        except MailRefused as error:
            why, for_good = str(error), True
        if for_good:
            log.warning("mail %s about %s is refused for good", message.id, message.order_id or message.kind)
            await self._end(message, "FAILED", why, began_ms)
        elif why:
            await self._fail(message, why, began_ms)
        else:
            await self._end(message, "SENT", "sent", began_ms, letter)
        return works

    async def _letter(self, message: Message) -> Letter | None:
        if message.kind == INVITED:
            return await read_invitation(self._database, message)
        return await read_order_letter(self._database, message, self._head.public_url)

    async def _call(self, message: Message) -> bool:
        began_ms = self._clock()
        hooks = await list_webhooks(self._database, [message.webhook_id or 0])
        if not hooks:
            await self._end(message, "SKIPPED", "the webhook was removed", began_ms)
            return True
        headers = signed(hooks[0], message, self._clock())
        try:
            answer = await post(hooks[0].url, headers, message.body.encode(), self._allowed)
            why = "" if 200 <= answer.status < 300 else f"answered {answer.status}"
        except Forbidden as error:
            why = str(error)
        except HttpFailed as error:
            why = str(error) or "no answer"
        if not why:
            await self._end(message, "SENT", f"answered {answer.status}", began_ms)
            return True
        if why == "answered 410":  # it says that it wants nothing any more: so the scheme has it
            await self._end(message, "FAILED", why, began_ms)
            return True
        await self._fail(message, why, began_ms)
        return False

    async def _end(
        self, message: Message, status: str, outcome: str, began_ms: int, sent: Letter | None = None
    ) -> None:
        at_ms = self._clock()
        async with self._database.transaction() as connection:
            await ended(connection, message, status, outcome, began_ms, at_ms)
            if sent is not None:
                await sent.note_sent(connection, at_ms)

    async def _fail(self, message: Message, why: str, began_ms: int) -> None:
        async with self._database.transaction() as connection:
            if await failed(connection, message, why, began_ms, self._clock()):
                log.error("message %s (%s) is given up: %s", message.id, message.kind, why)
