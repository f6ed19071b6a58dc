"""The sockets of this process: news from Redis pub/sub in, frames out.

No state depends on a message having been seen. Every second a tick tells all sockets where they stand from the
rank table, and a subscription that went silent is made anew and every socket brought up to date.
"""

import asyncio
import logging
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.websockets import WebSocket

from app.infra.keys import HEARTBEAT, LIVE_PATTERN, event_of_channel
from app.infra.redis import NotReady
from app.live.shapes import NEAR_FRONT, order_frame, place_shape, stock_shape
from app.orders.reading import held_orders_of
from app.sale.waiting_room import Place, RankTable, look_many, mark_seen, rank_table
from app.units import iso, now_ms

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
SEEN_SECONDS = 5.0
PING_SECONDS = 10.0
SILENT_SECONDS = 6.0  # three heartbeats missed
SLOW_SECONDS = 20.0  # a socket that did not take a frame for so long is closed
REFRESH_SECONDS = 10.0
SLICE = 500  # sockets served before others get a turn
TOO_SLOW = 4008
RESTARTING = 1012


class Line(Protocol):
    """Where frames go: one websocket's connection."""

    def write_frames(self, texts: list[str]) -> bool:
        """Writes frames at once; False, and nothing written, while the reader is behind."""


@dataclass(eq=False)
class Socket:
    """One open page. What its reader is not ready for waits in `mailbox`, the newest of each kind only."""

    websocket: WebSocket
    line: Line
    event_id: int
    buyer_id: str
    place: Place
    mailbox: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)  # of the orders told
    behind_since: float = 0.0  # since when the reader was not ready
    told_at: float = 0.0

    def post(self, kind: str, frame: str) -> None:
        """Sends a frame, or leaves it in the mailbox in place of an older one of its kind."""
        self.mailbox[kind] = frame
        self.flush()

    def flush(self) -> None:
        """Sends what is in the mailbox, if the reader is ready."""
        if self.mailbox:
            if self.line.write_frames(list(self.mailbox.values())):
                self.mailbox.clear()
                self.behind_since = 0.0
            else:
                self.behind_since = self.behind_since or time.monotonic()

    def tell_place(self, place: Place) -> None:
        """Leaves the frame that says where the buyer stands."""
        self.place = place
        self.told_at = time.monotonic()
        self.post("place", dump({"type": "place", **place_shape(place)}))

    def tell_order(self, order_id: str, version: int, frame: str) -> None:
        """Leaves the frame that says how an order stands, unless a newer one was left before."""
        if version >= self.versions.get(order_id, 0):
            self.versions[order_id] = version
            self.post(order_id, frame)


@dataclass
class Room:
    """The sockets of one event in this process."""

    sockets: dict[str, set[Socket]] = field(default_factory=lambda: defaultdict(set))  # by buyer
    stock_frame: str = ""  # what was told last
    state: str = ""

    def all(self) -> list[Socket]:
        """Every socket."""
        return [socket for sockets in self.sockets.values() for socket in sockets]


def dump(frame: dict[str, Any]) -> str:
    """A frame as text."""
    return msgspec.json.encode(frame).decode()


class Hub:
    """All rooms of this process."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._rooms: dict[int, Room] = {}
        self._heard_at = time.monotonic()
        self._due: set[int] = set()  # events that something happened in: their tick comes at once
        self._hurry = asyncio.Event()

    @property
    def open_sockets(self) -> int:
        """How many sockets are open."""
        return sum(len(sockets) for room in self._rooms.values() for sockets in room.sockets.values())

    async def serve(self, websocket: WebSocket, line: Line, event_id: int, buyer_id: str, place: Place) -> None:
        """Serves an accepted socket until it closes: first everything as it stands, then what changes.

        Raises RedisError or NotReady when that cannot be read.
        """
        socket = Socket(websocket, line, event_id, buyer_id, place)
        room = self._rooms.setdefault(event_id, Room())
        room.sockets[buyer_id].add(socket)
        try:
            await self._tell_all(room, socket)
            # Buyers have nothing to say on the socket; reading only notices that it closed.
            while (await websocket.receive())["type"] != "websocket.disconnect":
                pass
        finally:
            room.sockets[buyer_id].discard(socket)
            if not room.sockets[buyer_id]:
                del room.sockets[buyer_id]
            if not room.sockets:
                self._rooms.pop(event_id, None)

    async def _tell_all(self, room: Room, socket: Socket) -> None:
        socket.tell_place(socket.place)
        if not room.stock_frame:
            table = await rank_table(self._redis, socket.event_id)
            room.stock_frame, room.state = dump(stock_shape(table.state, table.stock)), table.state
        socket.post("stock", room.stock_frame)
        for order in await held_orders_of(self._redis, socket.event_id, socket.buyer_id):
            frame = order_frame(order.id, order.status, order.version, order.total_minor, order.expires_at_ms)
            socket.tell_order(order.id, order.version, dump(frame))

    async def run(self) -> None:
        """Keeps all sockets told, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_listening())
            group.create_task(self._keep_ticking())
            group.create_task(self._keep_pinging())

    async def _keep_listening(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.psubscribe(LIVE_PATTERN)
                    await pubsub.subscribe(HEARTBEAT)
                    self._heard_at = time.monotonic()
                    await self._resync()
                    while time.monotonic() - self._heard_at < SILENT_SECONDS:
                        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1.0)
                        if message:
                            self._heard_at = time.monotonic()
                            if message["type"] == "pmessage":
                                self._news(event_of_channel(message["channel"]), message["data"])
                    log.warning("no heartbeat for %s s; subscribing again", SILENT_SECONDS)
            except (RedisError, NotReady) as error:
                log.warning("live news are away: %s", error)
                await asyncio.sleep(1)

    def _news(self, event_id: int, data: str) -> None:
        room = self._rooms.get(event_id)
        if room is None:
            return
        news = msgspec.json.decode(data)
        match news["kind"]:
            case "orders":
                for order in news["orders"]:
                    frame = order_frame(
                        order["order_id"],
                        order["status"],
                        order["version"],
                        order["total"],
                        order["expires_at_ms"],
                    )
                    text = dump(frame)
                    for socket in room.sockets.get(order["buyer"], ()):
                        socket.tell_order(order["order_id"], order["version"], text)
            case "admitted" | "lapsed" | "left" as status:
                numbers = news.get("numbers", [0] * len(news["buyers"]))
                expires_at_ms = news.get("expires_at_ms", 0)
                for buyer_id, number in zip(news["buyers"], numbers, strict=True):
                    for socket in room.sockets.get(buyer_id, ()):
                        number = number or (0 if status == "left" else socket.place.number)
                        socket.tell_place(
                            replace(
                                socket.place, status=status, number=number, position=0, expires_at_ms=expires_at_ms
                            )
                        )
        self._due.add(event_id)
        self._hurry.set()

    async def _resync(self) -> None:
        """Brings every socket up to date after news may have been missed."""
        for event_id, room in list(self._rooms.items()):
            sockets = room.all()
            await self._look(event_id, sockets)
            for socket in sockets:
                await self._tell_all(room, socket)

    async def _look(self, event_id: int, sockets: list[Socket]) -> None:
        """Asks Redis where the buyers of these sockets stand, and tells them."""
        for first in range(0, len(sockets), SLICE):
            asked = sockets[first : first + SLICE]
            places = await look_many(self._redis, event_id, [socket.buyer_id for socket in asked])
            for socket, place in zip(asked, places, strict=True):
                socket.tell_place(place or replace(socket.place, status="left", number=0, expires_at_ms=0))

    async def _keep_ticking(self) -> None:
        next_full = next_seen = 0.0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._hurry.wait()
            self._hurry.clear()
            now = time.monotonic()
            full = now >= next_full
            due = set(self._rooms) if full else self._due & self._rooms.keys()
            self._due = set()
            try:
                for event_id in due:
                    if room := self._rooms.get(event_id):
                        await self._tick(event_id, room, full)
                if full:
                    next_full = now + TICK_SECONDS
                if now >= next_seen:
                    for event_id, room in list(self._rooms.items()):
                        await mark_seen(self._redis, event_id, list(room.sockets), now_ms())
                    next_seen = now + SEEN_SECONDS
            except (RedisError, NotReady) as error:
                log.warning("no tick: %s", error)
            # however much happens, at most ten ticks a second
            await asyncio.sleep(0.1)

    async def _tick(self, event_id: int, room: Room, full: bool) -> None:
        """Tells places that moved, and once a second (or when the sale's state changes) what is left."""
        table = await rank_table(self._redis, event_id)
        frame = dump(stock_shape(table.state, table.stock))
        tell_stock = frame != room.stock_frame and (full or table.state != room.state)
        if tell_stock:
            room.stock_frame, room.state = frame, table.state
        now = time.monotonic()
        doubtful = []
        for index, socket in enumerate(room.all()):
            if index % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            socket.flush()
            if socket.behind_since and now - socket.behind_since > SLOW_SECONDS:
                await self._close_slow(socket)
                continue
            if tell_stock:
                socket.post("stock", frame)
            if _is_doubtful(socket.place, table):
                doubtful.append(socket)
            elif place := _moved(socket, table, now):
                socket.tell_place(place)
        await self._look(event_id, doubtful)

    async def _close_slow(self, socket: Socket) -> None:
        log.info("a socket is too slow")
        with suppress(RuntimeError, TimeoutError):
            async with asyncio.timeout(1):
                await socket.websocket.close(TOO_SLOW)

    async def _keep_pinging(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            frame = dump({"type": "ping", "server_now": iso(now_ms())})
            for room in list(self._rooms.values()):
                for socket in room.all():
                    socket.post("ping", frame)


def _is_doubtful(place: Place, table: RankTable) -> bool:
    """Whether what the socket was told last cannot be so any more: drawn, called, or the pass ended."""
    if place.status == "lobby":
        return table.state not in ("scheduled", "closed")
    if place.status == "waiting":
        return not table.numbers or place.number < table.numbers[0]
    return place.status == "admitted" and place.expires_at_ms < now_ms()


def _moved(socket: Socket, table: RankTable, now: float) -> Place | None:
    """The place to show, if it changed enough: near the front always, else by 1% or after ten seconds."""
    was = socket.place
    if was.status == "waiting":
        place = Place("waiting", was.number, table.place(was.number), table.waiting, 0, table.rate_per_minute)
        moved = was.position - place.position
        if not moved and place.waiting == was.waiting:
            return None
        near = moved and place.position <= NEAR_FRONT
        if near or abs(moved) * 100 >= was.position + 1 or now - socket.told_at >= REFRESH_SECONDS:
            return place
    elif was.status == "lobby" and now - socket.told_at >= 2 and table.lobby != was.waiting:
        return Place("lobby", 0, 0, table.lobby, 0, table.rate_per_minute)
    return None
