"""What the web process has at hand for every request."""

from dataclasses import dataclass

from redis.asyncio import Redis
from starlette.requests import HTTPConnection
from starlette.responses import Response

from app.infra.board import Board
from app.infra.kafka import Producer
from app.infra.mysql import Database
from app.live.hub import Hub
from app.organisers.dashboard import Dashboard
from app.organisers.log import AdminLog
from app.organisers.login import Login
from app.organisers.sessions import Sessions
from app.organisers.walls import Wall
from app.organisers.watching import Watching
from app.payments.providers import Providers
from app.sale.catalog import Event
from app.sale.events import UnknownEvent
from app.sale.gates.captcha import Captchas
from app.sale.gates.work import Work
from app.sale.passes import PassKeys
from app.settings import Settings
from app.tickets.codes import TicketKeys
from app.tokens import Tokens
from app.watch.metrics import BORROWED, SOCKETS
from app.watch.pressure import Pressure
from app.web.draining import Draining
from app.web.events import Events
from app.web.kept import Kept
from app.web.sales import Sales


@dataclass
class Services:
    """Opened in main.py when the process starts, closed when it ends."""

    settings: Settings
    redis: Redis
    database: Database
    producer: Producer
    providers: Providers
    hub: Hub
    tokens: Tokens
    pass_keys: PassKeys
    work: Work
    captchas: Captchas
    ticket_keys: TicketKeys
    events: Events
    sales: Sales
    dashboard: Dashboard
    draining: Draining
    sessions: Sessions
    login: Login
    admin_log: AdminLog
    watching: Watching
    board: Board
    pressure: Pressure
    walls: Kept[int, Wall | None]
    strangers_pages: Kept[tuple[int, bool, str], Response]

    def look(self) -> None:
        """Sets the figures that nobody counts as they change."""
        SOCKETS.set(self.hub.open_sockets)
        BORROWED.set(self.database.borrowed)

    async def event(self, slug: str) -> Event:
        """The event with this slug, unless it is a draft; see Events.get. Redis knows its state that counts."""
        event = await self.events.get(slug)
        if event.state == "draft":
            raise UnknownEvent(slug)
        return event

    async def event_for_organisers(self, slug: str) -> Event:
        """The event with this slug, a draft too, as it is now: the books are asked unless they do not answer."""
        await self.events.refresh(slug)
        return await self.events.get(slug)

    async def event_by_id(self, event_id: int) -> Event:
        """The event with this id; see Events.get."""
        return await self.events.get(event_id)


def services_of(connection: HTTPConnection) -> Services:
    """The services of the process that serves this request."""
    services: Services = connection.app.state.services
    return services
