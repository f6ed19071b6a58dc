"""Books of our own, where the stack's sender takes nothing; a clock that goes when told to; servers that fail."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from app.infra.smtp import SmtpMailer
from app.outbound.contacts import set_contact
from app.outbound.mail import Letterhead
from app.outbound.outbox import Message, list_messages
from app.outbound.sending import Outbound
from app.settings import Settings
from app.tickets.codes import TicketKeys
from app.units import now_ms
from tests.world.apart import apart
from tests.world.books import World, new_world, paid
from tests.world.machine import HOST, free_port
from tests.world.stack import Stack

KEYS = TicketKeys({"A": b"t" * 32})
LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture(scope="package")
def own_env(stack: Stack) -> Iterator[dict[str, str]]:
    with apart(stack) as env:
        yield env


class Clock:
    """The sender's time, UTC ms: it goes only when it is told to."""

    def __init__(self) -> None:
        self.ms = now_ms() + 1_000

    def __call__(self) -> int:
        return self.ms

    def go(self, *, minutes: float = 0, hours: float = 0) -> None:
        self.ms += int((minutes + hours * 60) * 60_000)


class MailServer:
    """A real SMTP server on a port of its own; `answers` has what it says to a recipient whose mail it refuses."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mails: list[EmailMessage] = []
        self.answers: dict[str, str] = {}
        self._controller: Controller | None = None

    async def handle_RCPT(  # aiosmtpd names it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    def start(self) -> None:
        self._controller = Controller(self, hostname=HOST, port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    def to(self, email: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == email]


@dataclass
class Receiver:
    """An organiser's program; it answers `status`, and takes its time if told to."""

    port: int
    status: int = 200
    location: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/hook?a=b"


@contextmanager
def receiver() -> Iterator[Receiver]:
    """One that listens, for as long as the block lasts."""
    found = Receiver(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(found.status)
            if found.location:
                self.send_header("Location", found.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Night:
    """A world, a clock, a mail server, and a sender."""

    def __init__(self, world: World, mail: MailServer) -> None:
        self.world = world
        self.mail = mail
        self.clock = Clock()
        self.outbound = self.sender()

    def sender(self) -> Outbound:
        mailer = SmtpMailer(f"smtp://{HOST}:{self.mail.port}")
        head = Letterhead("Shop <tickets@shop.example>", "https://shop.example", KEYS)
        return Outbound(self.world.database, mailer, head, LOOPBACK, self.clock)

    async def bought(self, email: str = "", quantity: int = 1) -> str:
        """An order that is paid; its buyer gave this address."""
        order_id = await self.world.order(quantity)
        if email:
            await set_contact(self.world.database, order_id, self.world.event.id, email, "0.1.key")
        order = await self.world.read(order_id)
        await self.world.write(paid(order_id, order.total_minor))
        return order_id

    async def send(self, outbound: Outbound | None = None) -> None:
        """Everything that is due by the clock."""
        outbound = outbound or self.outbound
        self.clock.ms = max(self.clock.ms, now_ms() + 1)  # never behind what was just written
        while await outbound.tick() or outbound.working:
            await outbound.settled()

    async def messages(self, **which: Any) -> list[Message]:
        """Those of the world's sale."""
        found = await list_messages(self.world.database, **which)
        return [message for message in found if message.event_id == self.world.event.id]

    async def verified(self) -> None:
        failing = await self.world.failing()
        assert 12 not in failing, failing


Story = Callable[[Night], Awaitable[None]]


@pytest.fixture
def tell(own_env: dict[str, str]) -> Iterator[Callable[[Story], None]]:
    """Runs a story in a world of its own, with a mail server that is up."""
    mail = MailServer()
    mail.start()

    def run(story: Story) -> None:
        async def main() -> None:
            async with new_world(Settings.from_environment(own_env)) as world:
                await story(Night(world, mail))

        asyncio.run(main())

    yield run
    mail.stop()
