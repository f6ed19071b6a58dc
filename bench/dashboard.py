"""The dashboard while tickets are sold: what each further viewer costs the web, and how old figures are.

So many buyers come each second (RATE, 300), open loop. In turns nobody looks and VIEWERS look; the difference in
the web's CPU is theirs. A figure's age is taken when it arrives, by the same clock that it was made with.
"""

import asyncio
import gc
import json
import os
import time
from datetime import datetime
from typing import Any

import uvloop

from bench.clients import at_times
from bench.report import BenchmarkFailed, Report, median, percentile, spread
from bench.stack import Stack
from crowd.browser import Gone, Shop, visit
from crowd.buyer import buy
from crowd.http import Http
from crowd.limits import source_address
from crowd.websocket import NotOpened, WebSocket, open_websocket

RATE = 300
VIEWERS = 20
ROUNDS = 5
TURN_SECONDS = 6.0
WARM_UP_SECONDS = 12.0
OPENING_SECONDS = 1.0  # before a turn counts
BUYER_SECONDS = 50.0
CAPACITY = 200_000
MOST_AGE_SECONDS = 1.0
MOST_CORE_SHARE = 0.01  # of a viewer


def measure(stack: Stack) -> Report:
    """Sells, and looks at it."""
    rate = int(os.environ.get("RATE") or RATE)
    slug = f"dashboard-{os.getpid()}-{int(time.time())}"
    limits = ("--opens-in=0", "--rate=1000000", "--room=100000", "--max-per-buyer=4", "--hold-ttl=600")
    stack.command("event", "create", f"--slug={slug}", "--name=Watched", f"--sku=Floor:4500:{CAPACITY}", *limits)
    gc.set_threshold(50_000, 20, 50)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        watched = Watched(stack, slug)
        runner.run(watched.run(rate))
    verdict = stack.command("verify", slug, "--at-rest=60")
    share, age = median(watched.core_shares), percentile(watched.ages_seconds, 99)
    figures: dict[str, Any] = {
        "benchmark": "dashboard",
        "rate": rate,
        "viewers": VIEWERS,
        "core_share_each": [round(one, 5) for one in watched.core_shares],
        "age_p50_s": round(percentile(watched.ages_seconds, 50), 3),
        "age_p99_s": round(age, 3),
        "between_p99_s": round(percentile(watched.between_seconds, 99), 3),
        "confirmed_per_second": round(watched.confirmed / watched.seconds, 1),
    }
    lines = [
        f"{watched.confirmed / watched.seconds:.0f} orders a second confirmed, {rate} buyers a second came",
        f"a further viewer  {share:.2%} of a core, {spread(watched.core_shares)}"
        f" (to reach: {MOST_CORE_SHARE:.0%})",
        f"figures arrive    {percentile(watched.ages_seconds, 50):.2f} s old (p50), {age:.2f} s (p99;"
        f" to reach: {MOST_AGE_SECONDS:g} s)",
        f"and new ones      {percentile(watched.between_seconds, 99):.2f} s after those before (p99)",
        f"verify: {'all in order' if verdict['ok'] else 'NOT in order'}",
    ]
    return Report(bool(verdict["ok"]), figures, "\n".join(lines))


class Watched:
    """A sale, its buyers, and those who look at it."""

    def __init__(self, stack: Stack, slug: str) -> None:
        self._stack = stack
        self._web = str(stack.run["web"])
        self._slug = slug
        self._counts = False
        self.confirmed = 0
        self.seconds = 0.0
        self.core_shares: list[float] = []  # of one viewer, by round
        self.ages_seconds: list[float] = []
        self.between_seconds: list[float] = []

    async def run(self, rate: int) -> None:
        """Buyers come all the time; viewers come and go. Raises BenchmarkFailed."""
        shop = await visit(self._web, self._slug)
        token = await self._sign_in()
        loop = asyncio.get_running_loop()
        began = loop.time() + 0.2
        self.seconds = WARM_UP_SECONDS + ROUNDS * 2 * (TURN_SECONDS + OPENING_SECONDS)
        times = [began + number / rate for number in range(int(rate * self.seconds))]
        coming = asyncio.create_task(at_times(times, lambda number, _: self._buy(shop, number)))
        await asyncio.sleep(WARM_UP_SECONDS)
        for _ in range(ROUNDS):
            alone = await self._web_share()
            viewers = [await self._look(token) for _ in range(VIEWERS)]
            self.core_shares.append((await self._web_share() - alone) / VIEWERS)
            for viewer in viewers:
                viewer.close()
        await coming

    async def _web_share(self) -> float:
        """Of a core, for a turn."""
        await asyncio.sleep(OPENING_SECONDS)
        self._counts = True
        used, at = self._stack.cpu_us("web"), time.monotonic()
        await asyncio.sleep(TURN_SECONDS)
        share = (self._stack.cpu_us("web") - used) / 1e6 / (time.monotonic() - at)
        self._counts = False
        return share

    async def _buy(self, shop: Shop, number: int) -> None:
        try:
            outcome = await buy(shop, seconds=BUYER_SECONDS, source_address=source_address(shop.url, number))
        except Gone:
            return
        self.confirmed += outcome.how == "confirmed"

    async def _sign_in(self) -> str:
        admin = self._stack.run["admin"]
        body = json.dumps({"user": admin["user"], "password": admin["password"]}).encode()
        http = Http(None)
        url = f"{self._web}/api/v1/admin/sessions"
        answer = await http.ask("POST", url, {"content-type": "application/json"}, body)
        http.close()
        if answer.status != 200:
            raise BenchmarkFailed(f"signing in: {answer.status}")
        return str(json.loads(answer.body)["token"])

    async def _look(self, token: str) -> WebSocket:
        made_before: list[float] = []

        def see(frame: bytes) -> None:
            snapshot = json.loads(frame)
            if not self._counts or snapshot["type"] != "snapshot":
                return
            made = datetime.fromisoformat(snapshot["server_now"]).timestamp()
            self.ages_seconds.append(time.time() - made)
            self.between_seconds += [made - before for before in made_before[-1:]]
            made_before.append(made)

        url = f"{self._web.replace('http', 'ws')}/ws/admin/events/{self._slug}"
        try:
            return await open_websocket(url, token, None, see, lambda code: None)
        except NotOpened as error:
            raise BenchmarkFailed(
                f"nobody can look any more, so RATE is too high for this machine: {error}"
            ) from error
