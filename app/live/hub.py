"""The sockets of this process: news from Redis pub/sub in, frames out.

No state depends on a message having been seen. Every second a tick tells all sockets where they stand from the
rank table, and a subscription that went silent is made anew and every socket brought up to date.

Nobody's slowness is anybody else's: nothing here waits for one socket, and each event is looked after on its own.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from msgspec.structs import replace
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from starlette.websockets import WebSocket

from app.ids import instance
from app.infra import traces
from app.infra.board import Tally
from app.infra.keys import HEARTBEAT, LIVE_PATTERN, event_of_key
from app.infra.redis import NotReady
from app.live import news
from app.live.closing import FULL, TOO_MANY, TOO_SLOW
from app.live.frames import encode
from app.live.shapes import NEAR_FRONT, PingFrame, order_frame, stock_frame
from app.live.socket import Line, Socket
from app.orders.reading import held_orders_of
from app.orders.reservations import hold_ends
from app.sale.pace import eta_seconds
from app.sale.presence import mark_seen, report_presence
from app.sale.returning import come_back
from app.sale.waiting_room import Place, RankTable, look_many, rank_table
from app.units import iso, now_ms

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
SEEN_SECONDS = 5.0
PING_SECONDS = 10.0
SILENT_SECONDS = 6.0  # three heartbeats missed
SLOW_SECONDS = 20.0  # a socket that did not take a frame for this long is closed
REFRESH_SECONDS = 10.0
SLICE = 500  # sockets served before others get a turn
MOST_OF_A_BUYER = 8  # open pages and devices
MOST_COMPLAINTS = 100  # kinds of bad news that are logged


@dataclass
class Room:
    """The sockets of one event in this process."""

    sockets: dict[str, list[Socket]] = field(default_factory=lambda: defaultdict(list))  # by buyer, oldest first
    stock_text: str = ""  # the frame told last
    state: str = ""
    paused: bool = False
    trouble: str = ""  # why the last tick could not be
    must_return: bool = False  # Redis was rebuilt, and lost those who waited

    def all(self) -> list[Socket]:
        """Every socket."""
        return [socket for sockets in self.sockets.values() for socket in sockets]


class Hub:
    """All rooms of this process, `most_sockets` open ones in them; `buyers` counts those of the whole host.

    `on_change` hears of every event that was changed, by whichever process.
    """

    def __init__(
        self,
        redis: Redis,
        most_sockets: int,
        buyers: Tally | None = None,
        on_change: Callable[[int], None] = lambda event_id: None,
    ) -> None:
        self._redis = redis
        self._on_change = on_change
        self._most_sockets = most_sockets
        self._buyers = buyers or Tally()
        self._rooms: dict[int, Room] = {}
        self._heard_at = time.monotonic()
        self._due: set[int] = set()  # events that something happened in: their tick comes at once
        self._hurry = asyncio.Event()
        self._complaints: set[str] = set()
        self._marked = False  # everybody who is here, the last time
        self.open_sockets = 0

    async def serve(self, websocket: WebSocket, line: Line, event_id: int, buyer_id: str, place: Place) -> None:
        """Serves an accepted socket until it closes: first everything as it stands, then what changes.

        Raises RedisError or NotReady when that cannot be read.
        """
        if self.open_sockets >= self._most_sockets:
            line.cut(FULL)
            return
        socket = Socket(line, event_id, buyer_id, place)
        room = self._rooms.setdefault(event_id, Room())
        mine = room.sockets[buyer_id]
        mine.append(socket)
        self.open_sockets += 1
        self._buyers.add((event_id, buyer_id))
        # The oldest of this process, though another one may have older ones: each makes room among its own.
        counted = [socket for socket in mine if not socket.is_cut]
        for oldest in counted[: max(self._buyers.count((event_id, buyer_id)) - MOST_OF_A_BUYER, 0)]:
            oldest.is_cut = True
            self._buyers.add((event_id, buyer_id), -1)
            oldest.line.cut(TOO_MANY)
        try:
            await self._tell_all(room, socket)
            # Buyers have nothing to say on the socket; reading only notices that it closed.
            while (await websocket.receive())["type"] != "websocket.disconnect":
                pass
        finally:
            self.open_sockets -= 1
            if not socket.is_cut:
                self._buyers.add((event_id, buyer_id), -1)
            mine.remove(socket)
            if not mine:
                del room.sockets[buyer_id]
            if not room.sockets and self._rooms.get(event_id) is room:
                del self._rooms[event_id]

    async def run(self) -> None:
        """Keeps all sockets told, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_listening())
            group.create_task(self._keep_ticking())
            group.create_task(self._keep_marking())
            group.create_task(self._keep_pinging())

    async def _tell_all(self, room: Room, socket: Socket) -> None:
        socket.tell_place(socket.place)
        if not room.stock_text:
            table = await rank_table(self._redis, socket.event_id)
            room.stock_text, room.state = encode(stock_frame(table.state, table.stock, table.message)), table.state
            room.paused = table.pace.state == "paused"
        socket.post("stock", room.stock_text)
        await self._tell_orders(socket)

    async def _tell_orders(self, socket: Socket) -> None:
        orders = await held_orders_of(self._redis, socket.event_id, socket.buyer_id)
        ends_ms = await hold_ends(self._redis, socket.event_id, [order.id for order in orders])
        for order in orders:
            end_ms = ends_ms.get(order.id, order.expires_at_ms)
            socket.tell_order(order_frame(order.id, order.status, order.version, order.total_minor, end_ms))

    async def _keep_listening(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.psubscribe(LIVE_PATTERN)
                    await pubsub.subscribe(HEARTBEAT)
                    self._heard_at = time.monotonic()
                    await self._for_each_room(list(self._rooms), self._resync)
                    while time.monotonic() - self._heard_at < SILENT_SECONDS:
                        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1.0)
                        if message:
                            self._heard_at = time.monotonic()
                            if message["type"] == "pmessage":
                                self._hear(message["channel"], message["data"])
                    log.warning("no heartbeat for %s s; subscribing again", SILENT_SECONDS)
            except RedisError as error:
                log.warning("live news are unavailable: %s", error)
                await asyncio.sleep(1)

    def _hear(self, channel: str, message: str) -> None:
        try:
            event_id, told = event_of_key(channel), news.decode(message)
        except (ValueError, news.BadNews) as error:
            complaint = str(error)[:200]
            if complaint not in self._complaints and len(self._complaints) < MOST_COMPLAINTS:
                self._complaints.add(complaint)
                log.error("news on %s are skipped, from now on silently: %s", channel, complaint)
            return
        if isinstance(told, news.Sale):
            self._on_change(event_id)
        if room := self._rooms.get(event_id):
            self._pass_on(room, told)
            self._due.add(event_id)
            self._hurry.set()

    def _pass_on(self, room: Room, told: news.News) -> None:
        match told:
            case news.Orders(orders):
                for order in orders:
                    began_ns = traces.began()
                    frame = order_frame(
                        order.order_id, order.status, order.version, order.total, order.expires_at_ms
                    )
                    for socket in (sockets := room.sockets.get(order.buyer, ())):
                        socket.tell_order(frame)
                    if traces.is_on() and sockets:
                        key, after = f"frame/{instance()}/{order.version}", f"news/{order.version}"
                        traces.tell("frame", order.order_id, began_ns, key, after, sockets=len(sockets))
            case news.Admitted(buyers, numbers, expires_at_ms):
                for buyer_id, number in zip(buyers, numbers, strict=True):
                    for socket in room.sockets.get(buyer_id, ()):
                        place = replace(socket.place, status="admitted", number=number, position=0)
                        socket.tell_place(replace(place, expires_at_ms=expires_at_ms))
            case news.Lapsed(buyers):
                for buyer_id in buyers:
                    for socket in room.sockets.get(buyer_id, ()):
                        socket.tell_place(replace(socket.place, status="lapsed", position=0, expires_at_ms=0))
            case news.Left(buyers):
                for buyer_id in buyers:
                    for socket in room.sockets.get(buyer_id, ()):
                        socket.tell_place(_left(socket.place))
            case news.Sale():
                pass  # the tick that follows tells it
            case news.Rebuilt():
                room.must_return = True  # at that tick

    async def _for_each_room(self, event_ids: Iterable[int], act: Callable[[int, Room], Awaitable[None]]) -> None:
        """Does something for each of these events: what is wrong with one is not the others' matter."""
        for event_id in event_ids:
            room = self._rooms.get(event_id)
            if room is None:
                continue
            try:
                await act(event_id, room)
                room.trouble = ""
            except Exception as error:  # whatever is stored there
                trouble = repr(error)
                if room.trouble != trouble:
                    expected = isinstance(error, RedisError | NotReady)
                    log.warning("event %s: not told: %s", event_id, trouble, exc_info=not expected)
                room.trouble = trouble

    async def _resync(self, event_id: int, room: Room) -> None:
        """Brings every socket up to date after news may have been missed."""
        sockets = room.all()
        await self._look(event_id, sockets)
        for socket in sockets:
            await self._tell_all(room, socket)

    async def _return(self, event_id: int, room: Room) -> None:
        """After a rebuild: whoever waited, or was in, comes back with the number that Redis had told before."""
        sockets = room.all()
        waited = [s for s in sockets if s.place.status in ("lobby", "waiting", "admitted")]
        for first in range(0, len(waited), SLICE):
            places = {socket.buyer_id: socket.place.standing for socket in waited[first : first + SLICE]}
            await come_back(self._redis, event_id, list(places.items()))
        await self._resync(event_id, room)
        room.must_return = False

    async def _look(self, event_id: int, sockets: list[Socket]) -> None:
        """Asks Redis where the buyers of these sockets stand, and tells them."""
        for first in range(0, len(sockets), SLICE):
            asked = sockets[first : first + SLICE]
            places = await look_many(self._redis, event_id, [socket.buyer_id for socket in asked])
            for socket, place in zip(asked, places, strict=True):
                socket.tell_place(place or _left(socket.place))

    async def _keep_ticking(self) -> None:
        next_full = 0.0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._hurry.wait()
            self._hurry.clear()
            now = time.monotonic()
            full = now >= next_full
            due = set(self._rooms) if full else set(self._due)
            self._due = set()
            if full:
                next_full = now + TICK_SECONDS
            await self._for_each_room(due, lambda event_id, room: self._tick(event_id, room, full))  # noqa: B023
            # however much happens, at most ten ticks a second
            await asyncio.sleep(0.1)

    async def _tick(self, event_id: int, room: Room, full: bool) -> None:
        """Tells places that moved, and once a second (or when the sale's state changes) what is left."""
        if room.must_return:
            await self._return(event_id, room)
        sockets = [socket async for socket in _in_slices(room.all()) if not _is_stuck(socket)]
        table = await rank_table(self._redis, event_id)
        text = encode(stock_frame(table.state, table.stock, table.message))
        tell_stock = text != room.stock_text and (full or table.state != room.state)
        if tell_stock:
            room.stock_text, room.state = text, table.state
        # While the sale is paused its clock stands still: passes and holds get another end when that changes.
        paused = table.pace.state == "paused"
        ends_moved, room.paused = paused != room.paused, paused
        now = time.monotonic()
        doubtful, holders = [], []
        async for socket in _in_slices(sockets):
            if tell_stock:
                socket.post("stock", text)
            if ends_moved and socket.versions:
                holders.append(socket)
            if _is_doubtful(socket.place, table) or (ends_moved and socket.place.status == "admitted"):
                doubtful.append(socket)
            elif place := _moved(socket, table, now):
                socket.tell_place(place)
        await self._look(event_id, doubtful)
        for first in range(0, len(holders), SLICE):
            await asyncio.gather(*map(self._tell_orders, holders[first : first + SLICE]))

    async def _keep_marking(self) -> None:
        """Reports who is here; apart from the ticks, which may take their time."""
        while True:
            self._marked = True
            await self._for_each_room(list(self._rooms), self._mark)
            if self._marked:  # else nobody may be taken for absent
                with suppress(RedisError):  # it is said where it fails for a room
                    await report_presence(self._redis, instance())
            await asyncio.sleep(SEEN_SECONDS)

    async def _mark(self, event_id: int, room: Room) -> None:
        places = [socket.place for socket in room.all()]
        numbers = {place.number for place in places if place.status == "waiting"}
        arrivals = {place.arrival for place in places if place.status == "lobby"}
        try:
            await mark_seen(self._redis, event_id, numbers, arrivals)
        except RedisError as error:
            if not isinstance(error, ResponseError):  # not a matter of this event's data alone
                self._marked = False
            raise

    async def _keep_pinging(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            text = encode(PingFrame(iso(now_ms())))
            for room in list(self._rooms.values()):
                async for socket in _in_slices(room.all()):
                    socket.post("ping", text)


async def _in_slices(sockets: list[Socket]) -> AsyncIterator[Socket]:
    """The sockets, with a turn for everybody else now and then."""
    for index, socket in enumerate(sockets, 1):
        yield socket
        if index % SLICE == 0:
            await asyncio.sleep(0)


def _is_stuck(socket: Socket) -> bool:
    """Sends what waited. Whether the reader is behind for too long: then the socket is closed."""
    socket.flush()
    stuck = socket.behind_since > 0 and time.monotonic() - socket.behind_since > SLOW_SECONDS
    if stuck:
        log.info("a socket is too slow")
        socket.line.cut(TOO_SLOW)
    return stuck


def _left(place: Place) -> Place:
    return replace(place, status="left", number=0, band=0, position=0, expires_at_ms=0)


def _is_doubtful(place: Place, table: RankTable) -> bool:
    """Whether what the socket was told last cannot be so any more: drawn, called, or the pass ended."""
    if place.status == "lobby":
        return table.state not in ("scheduled", "closed")
    if place.status == "waiting":
        return not table.standings or place.standing < table.standings[0]
    if table.pace.state == "paused":
        return False
    return place.status == "admitted" and place.expires_at_ms < now_ms()


def _moved(socket: Socket, table: RankTable, now: float) -> Place | None:
    """The place to show, if it changed enough: near the front always, else by 1% or after ten seconds."""
    was = socket.place
    if was.status == "waiting":
        ahead = table.place(was.standing)
        place = Place("waiting", was.number, ahead, table.waiting, 0, 0, table.pace, was.band)
        moved = was.position - place.position
        refresh = now - socket.told_at >= REFRESH_SECONDS
        if not moved and place.waiting == was.waiting:
            # The longer nobody moves, the later the time that is told.
            return place if refresh and _eta(place) != _eta(was) else None
        near = moved and place.position <= NEAR_FRONT
        if near or refresh or abs(moved) * 100 >= was.position + 1:
            return place
    elif was.status == "lobby" and now - socket.told_at >= 2 and table.lobby != was.waiting:
        return Place("lobby", 0, 0, table.lobby, 0, was.arrival, table.pace, was.band)
    return None


def _eta(place: Place) -> tuple[int, int] | None:
    return eta_seconds(place.position, place.pace)
