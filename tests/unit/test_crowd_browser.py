"""The crowd's browser against a server that misbehaves as told: what is tried again, what is not, what is kept."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from http import HTTPStatus
from random import Random

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from crowd.browser import MOST_TRIES_TOO_MANY, Browser, Gone, Shop
from crowd.buyer import Buyer
from crowd.habits import Habits

HOST = "127.0.0.1"
JOINED = (200, {"token": "t", "status": "waiting"})
Talk = Callable[[ServerConnection], Awaitable[None]]


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses last no time that matters; that there is one is for the crowd's sake."""
    monkeypatch.setattr("crowd.browser.FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr("crowd.browser.RESTART_PAUSE_SECONDS", 0.02)


class Server:
    """Gives these answers to requests, the last one again and again, and talks like this on websockets."""

    def __init__(self, answers: list[tuple[int, object]], talks: list[Talk] | None = None) -> None:
        self._answers = answers
        self._talks = talks or []
        self.asked: list[str] = []
        self.tokens: list[str | None] = []
        self.joined_as: list[str | None] = []

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" in request.headers:
            self.tokens.append(request.headers.get("Authorization"))
            return None
        self.asked.append(request.path)
        self.joined_as.append(request.headers.get("Authorization"))
        status, body = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        content = json.dumps(body).encode()
        # This server closes after each answer, which a browser has to bear too.
        headers = Headers({"Content-Length": str(len(content)), "Connection": "close"})
        return Response(status, HTTPStatus(status).phrase, headers, content)

    async def talk(self, connection: ServerConnection) -> None:
        await self._talks.pop(0)(connection)

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[int]:
        """The port it listens on."""
        async with serve(self.talk, HOST, port, process_request=self.answer) as server:
            yield server.sockets[0].getsockname()[1]

    @asynccontextmanager
    async def looked_at(self) -> AsyncIterator[Browser]:
        """A browser that looks at this server."""
        async with self.running() as port:
            with closing(browser_of(port)) as browser:
                yield browser


def browser_of(port: int) -> Browser:
    return Browser(Shop("s", "open", "", 4, [], f"http://{HOST}:{port}"))


def saying(*frames: object, then: int = 0) -> Talk:
    async def talk(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(json.dumps(frame))
        if then:
            await connection.close(then)
        await connection.wait_closed()

    return talk


def placed(status: str) -> dict[str, str]:
    return {"type": "place", "status": status}


def test_an_answer_that_says_try_again_is_followed_and_everything_is_kept() -> None:
    async def run() -> None:
        server = Server([(503, {"code": "busy"}), (429, {"code": "too_many"}), JOINED])
        async with server.looked_at() as browser:
            await browser.join()
            assert browser.token == "t"  # noqa: S105  # not a secret
            assert [told.status for told in browser.told] == [503, 429, 200]

    asyncio.run(run())


def test_a_refusal_is_not_asked_again() -> None:
    async def run() -> None:
        server = Server([(410, {"code": "sold_out"})])
        async with server.looked_at() as browser:
            with pytest.raises(Gone, match="sold_out"):
                await browser.ask("POST", "/x", expected=(202,))
        assert server.asked == ["/x"]

    asyncio.run(run())


def test_too_many_is_asked_again_only_a_few_times() -> None:
    async def run() -> None:
        server = Server([(429, {"code": "too_many"})])
        async with server.looked_at() as browser:
            with pytest.raises(Gone, match="too_many"):
                await browser.ask("POST", "/x", expected=(202,))
        assert len(server.asked) == MOST_TRIES_TOO_MANY

    asyncio.run(run())


def test_an_answer_that_is_no_json_is_an_answer_all_the_same() -> None:
    async def run() -> None:
        async with Server([(404, "<html>")]).looked_at() as browser:
            with pytest.raises(Gone, match="status_404"):
                await browser.ask("GET", "/x", expected=(200,))

    asyncio.run(run())


def test_the_websocket_is_opened_again_after_a_restart_and_what_was_told_last_counts() -> None:
    async def run() -> None:
        server = Server([JOINED], [saying(placed("waiting"), then=1012), saying(placed("admitted"))])
        async with server.looked_at() as browser:
            await browser.join()
            await browser.open_tab()
            await browser.until(lambda: browser.place.get("status") == "admitted")
            assert [(told.how, told.status) for told in browser.told if told.how != "frame"] == [
                ("POST /api/v1/events/s/queue", 200),
                ("close", 1012),
            ]
        assert server.tokens == ["Bearer t", "Bearer t"]

    asyncio.run(run())


def test_a_browser_that_has_no_place_any_more_joins_again() -> None:
    async def run() -> None:
        server = Server([JOINED], [saying(then=4001), saying(placed("waiting"))])
        async with server.looked_at() as browser:
            await browser.join()
            await browser.open_tab()
            await browser.until(lambda: browser.place)
        assert server.asked == ["/api/v1/events/s/queue"] * 2

    asyncio.run(run())


def test_a_robot_takes_more_places_than_its_own_under_other_names() -> None:
    async def run() -> None:
        server = Server([JOINED], [saying(placed("waiting"))])
        async with server.looked_at() as browser:
            await Buyer(browser, Habits(places=3), Random(1)).arrive()  # noqa: S311  # a play
        assert server.asked == ["/api/v1/events/s/queue"] * 3
        assert server.joined_as == [None] * 3, "nobody was known"

    asyncio.run(run())


def test_a_browser_whose_token_is_refused_gives_up() -> None:
    async def run() -> None:
        server = Server([JOINED], [saying(then=4003)])
        async with server.looked_at() as browser:
            await browser.join()
            await browser.open_tab()
            with pytest.raises(Gone, match="refused"):
                await browser.until(lambda: browser.place)

    asyncio.run(run())


def test_a_server_that_goes_away_is_waited_for() -> None:
    async def run() -> None:
        first = Server([JOINED], [saying(placed("waiting"))])
        second = Server([JOINED], [saying(placed("admitted"))])
        async with first.running() as port:
            browser = browser_of(port)
            await browser.join()
            await browser.open_tab()
            await browser.until(lambda: browser.place)
        with closing(browser):
            asking = asyncio.create_task(browser.join())
            async with second.running(port):
                await asking
                await browser.until(lambda: browser.place["status"] == "admitted")

    asyncio.run(run())


def test_an_order_frame_that_is_older_than_the_last_one_changes_nothing() -> None:
    frames = [
        {"type": "order", "order_id": "o", "status": status, "version": version}
        for status, version in (("PENDING", 1), ("CONFIRMED", 3), ("PENDING", 2))
    ]

    async def run() -> None:
        server = Server([JOINED], [saying(*frames)])
        async with server.looked_at() as browser:
            await browser.join()
            await browser.open_tab()
            await browser.until(lambda: len([told for told in browser.told if told.how == "frame"]) == 3 or None)
            assert browser.orders["o"]["status"] == "CONFIRMED"

    asyncio.run(run())
