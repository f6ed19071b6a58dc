"""A buyer's browser, without the page: it asks, listens, tries again, and keeps whatever it was told."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from time import monotonic
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec

from crowd.http import Http, NoAnswer
from crowd.websocket import NotOpened, WebSocket, open_websocket

Found = TypeVar("Found")

MOST_TRIES = 60  # with the pauses below: about two minutes without a server
MOST_TRIES_TOO_MANY = 3
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 3.0
RESTART_PAUSE_SECONDS = 5.0
MOST_TOLD = 5_000

RESTARTING = 1012
NOT_JOINED = 4001
REFUSED = 4003

TRY_AGAIN = (429, 502, 503, 504)


class Sku(msgspec.Struct, frozen=True):
    """One kind of ticket, as the shop shows it; the price in minor units."""

    id: int
    name: str
    price: int
    currency: str
    available: int
    max_per_buyer: int | None = None
    sells_from: str | None = None
    sells_until: str | None = None

    def is_on_sale(self) -> bool:
        """Whether it is, at this moment."""
        now = datetime.now(UTC)
        began = self.sells_from is None or datetime.fromisoformat(self.sells_from) <= now
        return began and (self.sells_until is None or now < datetime.fromisoformat(self.sells_until))


class Shop(msgspec.Struct, frozen=True):
    """What the public page of an event says."""

    slug: str
    sale: str
    opens_at: str
    max_per_buyer: int
    skus: list[Sku]
    url: str = ""


class Told(NamedTuple):
    """Something a buyer was told: an answer, a frame, or that the websocket closed."""

    at: float  # monotonic seconds
    how: str  # "POST /api/v1/...", "frame" or "close"
    status: int  # of an answer; the code of a close; 0 for a frame
    body: Any  # JSON, or None


class Gone(Exception):
    """The way ends here; `how` says how, as in Outcome."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


async def visit(url: str, slug: str, source_address: str | None = None) -> Shop:
    """The event's public facts. Raises Gone."""
    visitor = Browser(Shop(slug, "", "", 0, [], url), source_address)
    try:
        answer = await visitor.ask("GET", f"/api/v1/events/{slug}", expected=(200,))
    finally:
        visitor.close()
    return msgspec.structs.replace(msgspec.convert(answer.body, Shop), url=url)


class Browser:
    """What one buyer has: a token, a websocket that is kept open, and what they said last."""

    def __init__(self, shop: Shop, source_address: str | None = None, chance: Random | None = None) -> None:
        self.shop = shop
        self.token = ""
        self.told: deque[Told] = deque(maxlen=MOST_TOLD)
        self.place: dict[str, Any] = {}  # the newest frame of each kind
        self.stock: dict[str, Any] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self._http = Http(source_address)
        self._source_address = source_address
        self._chance = chance or Random()  # noqa: S311  # pauses, no secrets
        self._changed = asyncio.Event()
        self._gone = ""  # why the websocket is not opened again
        self._socket: WebSocket | None = None
        self._reopening: asyncio.Task[None] | None = None

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        expected: tuple[int, ...],
        headers: dict[str, str] | None = None,
    ) -> Told:
        """Asks until there is an answer that is not "try again", and returns it if its status is expected.

        `path` may be a whole address; a dict as `body` is sent as JSON, a str as a form. Raises Gone, with the
        problem's code.
        """
        head = {"accept": "application/json", **(headers or {})}
        content = b""
        if isinstance(body, str):
            head["content-type"], content = "application/x-www-form-urlencoded", body.encode()
        elif body is not None:
            head["content-type"], content = "application/json", msgspec.json.encode(body)
        url = path
        if path.startswith("/"):
            url = self.shop.url + path
            if self.token:
                head["authorization"] = f"Bearer {self.token}"
        for tried in range(MOST_TRIES):
            if tried:
                await self._pause(tried)
            try:
                answer = await self._http.ask(method, url, head, content)
            except NoAnswer:
                continue
            told = self._note(f"{method} {urlsplit(url).path}", answer.status, _json(answer.body))
            if answer.status in expected:
                return told
            if answer.status not in TRY_AGAIN or (answer.status == 429 and tried + 1 >= MOST_TRIES_TOO_MANY):
                raise Gone(_code(told))
        raise Gone("unreachable")

    def stranger(self) -> "Browser":
        """Another browser at the same address, which nobody has seen before."""
        return Browser(self.shop, self._source_address, self._chance)

    async def join(self) -> None:
        """Joins the queue, or finds the place there is. Raises Gone."""
        answer = await self.ask("POST", f"/api/v1/events/{self.shop.slug}/queue", expected=(200,))
        self.token = answer.body["token"]

    async def leave(self) -> None:
        """Gives the place up. Raises Gone."""
        await self.ask("DELETE", f"/api/v1/events/{self.shop.slug}/queue", expected=(204,))

    async def open_tab(self) -> None:
        """Opens the websocket; from now on it is opened again whenever it is lost. Raises Gone."""
        for tried in range(MOST_TRIES):
            if tried:
                await self._pause(tried)
            try:
                self._socket = await open_websocket(
                    f"ws{self.shop.url.removeprefix('http')}/ws/events/{self.shop.slug}",
                    self.token,
                    self._source_address,
                    self._on_frame,
                    self._on_close,
                )
            except NotOpened:
                continue
            return
        raise Gone("unreachable")

    def close(self) -> None:
        """Closes the tab: the websocket and all connections."""
        if self._reopening:
            self._reopening.cancel()
        if self._socket:
            self._socket.close()
            self._socket = None
        self._http.close()

    def read_slowly(self, seconds: float) -> None:
        """Reads nothing from the websocket for this long."""
        if self._socket:
            self._socket.pause_reading(seconds)

    async def until(self, told: Callable[[], Found | None]) -> Found:
        """Waits for frames until `told()` is true, and returns what it said. Raises Gone when none will come."""
        while not (found := told()):
            if self._gone:
                raise Gone(self._gone)
            self._changed.clear()
            await self._changed.wait()
        return found

    @property
    def is_over(self) -> str:
        """`sold_out` or `closed` once the buyer was told so, else empty."""
        sale = self.stock.get("sale")
        return sale if sale in ("sold_out", "closed") else ""

    def _on_frame(self, text: bytes) -> None:
        frame = msgspec.json.decode(text)
        self._note("frame", 0, frame)
        match frame["type"]:
            case "place":
                self.place = frame
            case "stock":
                self.stock = frame
            case "order" if frame["version"] >= self.orders.get(frame["order_id"], frame)["version"]:
                self.orders[frame["order_id"]] = frame
        self._changed.set()

    def _on_close(self, code: int) -> None:
        self._note("close", code, None)
        self._socket = None
        self._reopening = asyncio.create_task(self._reopen(code))

    async def _reopen(self, code: int) -> None:
        try:
            if code == REFUSED:
                raise Gone("refused")
            if code == NOT_JOINED:
                await self.join()
            if code == RESTARTING:  # as the page does, so that not all come back at once
                await asyncio.sleep(FIRST_PAUSE_SECONDS + self._chance.uniform(0, RESTART_PAUSE_SECONDS))
            else:
                await self._pause(1)
            await self.open_tab()
        except Gone as gone:
            self._gone = gone.how
            self._changed.set()

    async def _pause(self, tried: int) -> None:
        longest = min(FIRST_PAUSE_SECONDS * 2**tried, LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(self._chance.uniform(longest / 2, longest))

    def _note(self, how: str, status: int, body: Any) -> Told:
        told = Told(monotonic(), how, status, body)
        self.told.append(told)
        return told


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body) if body else None
    except msgspec.DecodeError:
        return None  # a page, or an answer from something in between


def _code(told: Told) -> str:
    """The stable code of a problem."""
    code = told.body.get("code") if isinstance(told.body, dict) else None
    return str(code or f"status_{told.status}")
