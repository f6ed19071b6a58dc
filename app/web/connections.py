"""The connections of this process: how many there may be, and for how long each may keep us waiting.

uvicorn has no limit for the time until a request is whole, for silent connections or for the size of a head. Here
a connection is always in one phase, and each phase has its end; when the process holds as many connections as it
may, those that have said nothing yet give way first.
"""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NoReturn, Protocol, cast
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.infra.board import Board
from app.live.frames import FrameProtocol
from app.sale.gates.addresses import address_prefix
from app.settings import Network
from app.watch.metrics import CONNECTIONS, TURNED_AWAY
from app.web.addresses import is_trusted
from app.web.turned_away import answer_to, raw_answer

log = logging.getLogger(__name__)

ACCEPTS_A_TURN = 64  # of the event loop; libuv's own accepts one, and a busy loop starves its door
SLICE_BYTES = 16_384  # fed to the parser at once: more cannot pass before the limits are looked at
SWEEP_SECONDS = 0.5
PAUSE_SECONDS = 0.5  # without accepting, once there are no more files to be had
PIPELINED = 16  # requests sent before their answers came
LEAST_TAKEN_BYTES = 16_384  # of an answer, in the time that a reader may stall
LAST_SECONDS = 0.5  # for a connection that has just come to say something, while the process ends
DISCARDED_BYTES = 1_048_576  # read and thrown away behind a refusal, so that it is not lost to a reset
NO_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
INSIDE_PATHS = (b"/api/v1/payments/callbacks/", b"/healthz", b"/readyz", b"/metrics")
INSIDE_COOKIES = (b"tc_buyer=", b"tc_admin=")  # a language that was chosen makes nobody known
# What is not for those who arrive: it goes on while they wait.
OTHER_PATHS = (*INSIDE_PATHS, b"/static/", b"/admin", b"/api/v1/admin/")
OVERLOADED = "overloaded"


@dataclass(frozen=True)
class Limits:
    """What a client may take; seconds for each phase of a connection."""

    connections: int  # of this process
    per_address: int  # on this host, of one IPv4 address or IPv6 /64; trusted proxies have no such limit
    on_host: int = 0  # of all web processes of this host; 0: as many as each may have
    trusted: Sequence[Network] = ()
    head_bytes: int = 32_768
    fields: int = 100
    url_bytes: int = 8_192
    head_seconds: float = 10
    body_seconds: float = 20
    stalled_seconds: float = 30  # taking nothing of an answer
    idle_seconds: float = 30  # between two requests
    handshake_seconds: float = 10
    closing_seconds: float = 2

    @staticmethod
    def crowded(connections: int) -> int:
        """From here on only who was here before is served: the rest of the places is kept for them."""
        return connections * 9 // 10


class Phase(Enum):
    """What a connection is waiting for. One that waits for us is in none."""

    HEAD = auto()  # a request's first bytes, or the rest of its head
    BODY = auto()
    STALLED = auto()  # that the client takes the answer
    IDLE = auto()  # the next request
    HANDSHAKE = auto()
    CLOSING = auto()  # that the client hears the refusal


GIVE_WAY = (Phase.CLOSING, Phase.HEAD, Phase.IDLE)  # to a newcomer, in this order


class Held(Protocol):
    """A connection, as the door sees it."""

    phase: Phase | None
    since: float
    address: str
    transport: asyncio.Transport

    def expire(self, phase: Phase) -> None:
        """The phase took too long."""


class Door:
    """Accepts connections, counts them, and ends those that take too long."""

    def __init__(self, limits: Limits, board: Board | None = None) -> None:
        self.limits = limits
        self._board = board or Board()
        self._phases: dict[Phase, dict[Held, None]] = {phase: {} for phase in Phase}  # the longest there first
        self._seconds = {
            Phase.HEAD: limits.head_seconds,
            Phase.BODY: limits.body_seconds,
            Phase.STALLED: limits.stalled_seconds,
            Phase.IDLE: limits.idle_seconds,
            Phase.HANDSHAKE: limits.handshake_seconds,
            Phase.CLOSING: limits.closing_seconds,
        }
        self.open_connections = 0
        self.is_shut = False  # to those who arrive, for there is too much to do
        self._connecting: set[asyncio.Task[Any]] = set()
        self._listeners: dict[socket.socket, Callable[[str], asyncio.Protocol]] = {}
        self._sweeping: asyncio.TimerHandle | None = None
        self._spare = -1  # a file kept for the moment when there is no other

    def open(self, listener: socket.socket, make: Callable[[str], asyncio.Protocol]) -> None:
        """Accepts on a listening socket from now on; `make` is given the client's address."""
        listener.setblocking(False)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by what is accepted
        self._listeners[listener] = make
        self._listen(listener)
        if self._sweeping is None:
            self._spare = os.open(os.devnull, os.O_RDONLY)
            self._sweep()

    def close(self) -> None:
        """Accepts no more; whoever is inside stays."""
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        self._listeners.clear()

    async def wait_closed(self) -> None:
        """As uvicorn asks of a server: nothing is left to wait for."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1

    @property
    def is_crowded(self) -> bool:
        """Whether only who was here before is served: those that would give way do not count."""
        giving_way = sum(len(self._phases[phase]) for phase in GIVE_WAY)
        if self.open_connections - giving_way >= Limits.crowded(self.limits.connections):
            return True
        if not self.limits.on_host:
            return False
        self._board.put(Board.GIVING_WAY, giving_way)
        in_use = self._board.total(Board.CONNECTIONS) - self._board.total(Board.GIVING_WAY)
        return in_use >= Limits.crowded(self.limits.on_host)

    def move(self, held: Held, phase: Phase | None) -> None:
        """The connection is in this phase now; its time begins unless it was there already."""
        if held.phase is phase:
            return
        if held.phase is not None:
            self._phases[held.phase].pop(held, None)
        held.phase = phase
        if phase is not None:
            held.since = asyncio.get_running_loop().time()
            self._phases[phase][held] = None

    def leave(self, held: Held) -> None:
        """The connection has ended."""
        self.move(held, None)
        self._count(-1)
        self._board.addresses.add(held.address, -1)

    def _count(self, change: int) -> None:
        self.open_connections += change
        self._board.put(Board.CONNECTIONS, self.open_connections)

    def _listen(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPTS_A_TURN):
            if self._is_full and self._connecting and not self._can_make_room:
                return  # those on their way in can give way in a moment
            try:
                client, peer = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in NO_FILES:
                    raise
                self._relieve(listener, error)
                return
            self._let_in(client, str(peer[0]), self._listeners[listener])

    def _let_in(self, client: socket.socket, peer: str, make: Callable[[str], asyncio.Protocol]) -> None:
        address = address_prefix(peer)
        trusted = is_trusted(peer, self.limits.trusted)
        # Counted before it is asked: of two processes that do so at once, neither lets in one too many.
        self._board.addresses.add(address, 1)
        if not trusted and self._board.addresses.count(address) > self.limits.per_address:
            self._board.addresses.add(address, -1)
            _turn_away(client, "address")
            return
        if self._is_full and not self._make_room():
            self._board.addresses.add(address, -1)
            _turn_away(client, "full")
            return
        self._count(1)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        connecting = loop.create_task(loop.connect_accepted_socket(lambda: make(address), client))
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)

    @property
    def _is_full(self) -> bool:
        if self.open_connections >= self.limits.connections:
            return True
        return 0 < self.limits.on_host <= self._board.total(Board.CONNECTIONS)

    @property
    def _can_make_room(self) -> bool:
        return any(self._phases[phase] for phase in GIVE_WAY)

    def _make_room(self) -> bool:
        """Ends the connection that is missed least; False when all are in use."""
        for phase in GIVE_WAY:
            for held in self._phases[phase]:
                TURNED_AWAY.labels("gave_way").inc()
                self.move(held, None)
                held.transport.abort()
                return True
        return False

    def _relieve(self, listener: socket.socket, error: OSError) -> None:
        """No file is left for another connection: one is told so with the spare one, the others wait."""
        log.warning("no connection can be accepted: %s", error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        loop.call_later(PAUSE_SECONDS, self._listen, listener)
        self._make_room()
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1
            with suppress(OSError):
                _turn_away(listener.accept()[0], "files")
        with suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for phase, there in self._phases.items():
            late = []
            for held in there:
                if now - held.since < self._seconds[phase]:
                    break
                late.append(held)
            for held in late:
                self.move(held, None)
                held.expire(phase)
        if self._spare < 0:
            with suppress(OSError):
                self._spare = os.open(os.devnull, os.O_RDONLY)
        self._board.put(Board.GIVING_WAY, sum(len(self._phases[phase]) for phase in GIVE_WAY))
        CONNECTIONS.set(self.open_connections)
        self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep)


class Config(uvicorn.Config):
    """uvicorn's settings, and the door that its protocols report to."""

    def __init__(self, app: Any, door: Door, **options: Any) -> None:
        super().__init__(app, http=Connection, ws=Socket, **options)
        self.door = door


class Cycle(RequestResponseCycle):
    """uvicorn's cycle of a request and its answer, which sends an answer that is whole in one piece.

    uvicorn looks at each header of ours with two patterns and writes head and body apart: 15 µs of an answer.
    """

    _start: dict[str, Any] | None = None  # what was said of the answer before its body

    async def send(self, message: Any) -> None:
        start = self._start
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        if start is not None:
            self._start = None
            if not message.get("more_body") and self._send_whole(start, message.get("body", b"")):
                return
            await super().send(cast(Any, start))
        await super().send(message)

    def _send_whole(self, start: dict[str, Any], body: bytes) -> bool:
        """Sends it, unless it is one of those that are not as usual."""
        if self.flow.write_paused or self.disconnected or self.scope["method"] == "HEAD":
            return False
        headers = [*self.default_headers, *start["headers"]]
        names = [name for name, _ in headers]
        if b"connection" in names or (b"content-length", b"%d" % len(body)) not in headers:
            return False
        head = b"".join([name + b": " + value + b"\r\n" for name, value in headers])
        if head.count(b"\r") != len(headers) or head.count(b"\n") != len(headers) or b"\0" in head:
            return False  # something in a header would begin another one: uvicorn says which
        early = self.more_body  # nobody will read the rest, nor another request behind it
        closing = b"\r\n" if self.keep_alive and not early else b"connection: close\r\n\r\n"
        self.response_started = self.response_complete = True
        self.transport.write(STATUS_LINE[start["status"]] + head + closing + body)
        self.message_event.set()
        if not self.keep_alive and not early:
            self.transport.close()
        self.on_response()
        return True


class Connection(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits: on the head while it comes, and on the time for each part."""

    def __init__(self, config: Config, state: ServerState, app_state: dict[str, Any], address: str) -> None:
        super().__init__(config, state, app_state)
        self.address = address
        self.phase: Phase | None = None
        self.since = 0.0
        self._door = config.door
        self._limits = config.door.limits
        self._part: Phase | None = Phase.HEAD  # of a request that is read; None between two
        self._has_begun = False  # that is, at least a byte of its head is there
        self._head_bytes = 0  # as they came, in slices
        self._refusal = ""  # the code of a problem
        self._discarded = 0
        self._unsent_bytes = 0
        self._is_last = False  # no request after this one: the process ends

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._door.move(self, Phase.HEAD)

    def connection_lost(self, error: Exception | None) -> None:
        self._door.leave(self)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self.phase is Phase.CLOSING:
            self._discarded += len(data)
            if self._discarded > DISCARDED_BYTES:
                self.transport.abort()
            return
        self._unset_keepalive_if_required()
        view = memoryview(data)
        for start in range(0, len(data), SLICE_BYTES):
            part = view[start : start + SLICE_BYTES]
            self._head_bytes += len(part)
            try:
                self.parser.feed_data(part)
            except httptools.HttpParserUpgrade:
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return
                self.cycle.keep_alive = False  # another protocol was offered: the answer is an ordinary one
                break
            except httptools.HttpParserError:
                self._refuse(self._refusal or "malformed")
                return
            if self._part is Phase.HEAD and self._head_bytes > self._limits.head_bytes + SLICE_BYTES:
                self._refuse("head_too_large")
                return
        self._move_on()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if len(self.pipeline) >= PIPELINED:
            self._give_up("malformed")
        self._part, self._has_begun = Phase.HEAD, True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._limits.url_bytes:
            self._give_up("url_too_long")

    def on_headers_complete(self) -> None:
        size = sum([len(name) + len(value) for name, value in self.headers])
        if len(self.headers) > self._limits.fields or size > self._limits.head_bytes:
            self._give_up("head_too_large")
        upgrades = self.parser.should_upgrade()
        if self._door.is_crowded and (upgrades or not self._may_stay()):
            TURNED_AWAY.labels("crowded").inc()
            self._give_up("busy")
        if self._door.is_shut and self._arrives():
            TURNED_AWAY.labels(OVERLOADED).inc()
            self._give_up(OVERLOADED)
        if self._is_last and upgrades:
            self._give_up("draining")
        self._part = Phase.BODY
        scope: dict[str, Any] = cast(dict[str, Any], self.scope)
        scope["method"] = self.parser.get_method().decode("ascii")
        version = self.parser.get_http_version()
        scope["http_version"] = version
        if upgrades and self._should_upgrade():
            return
        self._read_url(scope)
        cycle = Cycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive() and not self._is_last,
            on_response=self.on_response_complete,
        )
        before, self.cycle = self.cycle, cycle
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _read_url(self, scope: dict[str, Any]) -> None:
        try:
            parsed = httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError:
            self._give_up("malformed")
        path = parsed.path.decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = parsed.path
        scope["query_string"] = parsed.query or b""

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._part, self._has_begun = None, False

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if self._part is Phase.BODY and self.cycle.response_complete:
            self._linger()  # answered before the body had come: nobody will read the rest
        else:
            self._move_on()

    def shutdown(self) -> None:
        if self.cycle is not None:
            super().shutdown()
            return
        self._is_last = True  # whoever has just come is still answered: nobody else has this connection
        self.loop.call_later(LAST_SECONDS, self._close_unused)

    def _close_unused(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        self._door.move(self, None)
        super().handle_websocket_upgrade()
        self.parser = None  # type: ignore[assignment]  # it holds this, and would until the collector looks

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self._move_on()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._move_on()

    def expire(self, phase: Phase) -> None:
        """The phase took too long: says so where a request had begun, else just closes."""
        if phase is Phase.STALLED and self._takes_some():
            self._door.move(self, phase)
            return
        TURNED_AWAY.labels(phase.name.lower()).inc()
        if phase is Phase.BODY or (phase is Phase.HEAD and self._has_begun):
            self._refuse("too_slow")
        elif phase is Phase.IDLE and not self.transport.get_write_buffer_size():
            self.transport.close()
        else:
            self.transport.abort()

    def _move_on(self) -> None:
        if self.phase is Phase.CLOSING or self.transport.is_closing():
            return
        if self.flow.write_paused:
            self._door.move(self, Phase.STALLED)
        elif self._part is not None:
            self._door.move(self, self._part)
        elif self.cycle is None or self.cycle.response_complete:
            self._door.move(self, Phase.IDLE)
        else:
            self._door.move(self, None)

    def _takes_some(self) -> bool:
        """Whether the client took something of a large answer since it was last looked at."""
        before, self._unsent_bytes = self._unsent_bytes, self.transport.get_write_buffer_size()
        return self._unsent_bytes <= before - LEAST_TAKEN_BYTES

    def _may_stay(self) -> bool:
        """Whether the client brings a token; nothing is checked yet."""
        return self.url.startswith(INSIDE_PATHS) or self._brings_a_token()

    def _brings_a_token(self) -> bool:
        return any(
            name == b"authorization" or (name == b"cookie" and any(known in value for known in INSIDE_COOKIES))
            for name, value in self.headers
        )

    def _arrives(self) -> bool:
        """Whether this is somebody whom nobody knows, and who wants in."""
        return not self.url.startswith(OTHER_PATHS) and not self._brings_a_token()

    def _give_up(self, code: str) -> NoReturn:
        """Out of a callback of the parser: it stops, and the request is refused."""
        self._refusal = code
        raise ValueError(code)

    def _refuse(self, code: str) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            if self.cycle.response_started or self.pipeline:
                self.transport.abort()  # in the middle of another answer nothing can be said
                return
            self.cycle.disconnected = True  # the application learns that nobody is there any more
            self.cycle.message_event.set()
        self.transport.write(answer_to(self.url) if code == OVERLOADED else raw_answer(code))
        self._linger()

    def _linger(self) -> None:
        """Says no more, and reads on for a moment: closing at once would reset what was just written."""
        self._door.move(self, Phase.CLOSING)
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.transport.write_eof()


class Socket(FrameProtocol):
    """The websocket that a connection became."""

    phase: Phase | None = None
    since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._door = cast(Config, self.config).door
        before = cast(Connection, cast(asyncio.Transport, transport).get_protocol())
        self.address = before.address
        super().connection_made(transport)
        self._door.move(self, Phase.HANDSHAKE)

    def connection_lost(self, error: Exception | None) -> None:
        self._door.leave(self)
        super().connection_lost(error)

    def expire(self, phase: Phase) -> None:
        """Nobody accepted or refused in time."""
        if not self.handshake_complete:
            TURNED_AWAY.labels(phase.name.lower()).inc()
            self.transport.abort()


def _turn_away(client: socket.socket, reason: str) -> None:
    """Says that there are too many, to somebody who was not let in."""
    TURNED_AWAY.labels(reason).inc()
    with client, suppress(OSError):
        client.setblocking(False)
        client.send(raw_answer("busy"))
        client.shutdown(socket.SHUT_WR)
        while client.recv(65_536):  # what is unread would reset the answer away
            pass
