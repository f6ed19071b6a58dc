"""Delivers the sandbox's callbacks: signed, in the order they fall due, until the merchant confirms them."""

import asyncio
import heapq
import logging
from datetime import UTC, datetime
from secrets import SystemRandom

from standardwebhooks import Webhook

from app.infra.http_client import HttpClient, HttpFailed
from app.payments.sandbox_messages import CALLBACK_PATH
from app.units import now_ms
from sandbox.settings import Settings
from sandbox.store import PendingCallback, Store

log = logging.getLogger(__name__)

AT_ONCE = 128  # one that hangs takes one of these and delays no other
MAX_PENDING = 100_000
TIMEOUT_SECONDS = 10.0
FIRST_PAUSE_MS = 500
LONGEST_PAUSE_MS = 30_000
LONGEST_SLEEP_SECONDS = 60.0  # so that a clock that was set is noticed

_chance = SystemRandom()


class Callbacks:
    """The callbacks that are not confirmed yet. They wait in memory; the store has them all."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._webhook = Webhook(settings.webhook_secret)
        self._merchant = HttpClient(
            settings.merchant_url, most_connections=AT_ONCE, timeout_seconds=TIMEOUT_SECONDS
        )
        self._waiting: list[tuple[int, int, PendingCallback]] = []  # a heap: due at, id
        self._under_way: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._in_trouble = False

    @property
    def pending(self) -> int:
        """How many are not confirmed yet."""
        return len(self._waiting) + len(self._under_way)

    @property
    def is_full(self) -> bool:
        """Whether no more can be promised for now."""
        return self.pending >= MAX_PENDING

    def start(self) -> None:
        """Goes on with what an earlier process left."""
        self.add(self._store.pending_callbacks())
        if self._waiting:
            log.info("%d callbacks are waiting to be delivered", len(self._waiting))

    def add(self, callbacks: list[PendingCallback]) -> None:
        """Delivers these, each at its time."""
        for callback in callbacks:
            heapq.heappush(self._waiting, (callback.due_at_ms, callback.id, callback))
        self._start_due()

    async def stop(self) -> None:
        """Interrupts what is under way; the next process goes on with it."""
        if self._timer:
            self._timer.cancel()
        under_way = tuple(self._under_way)
        self._waiting.clear()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        self._merchant.close()

    def _start_due(self) -> None:
        while self._waiting and len(self._under_way) < AT_ONCE and self._waiting[0][0] <= now_ms():
            _, _, callback = heapq.heappop(self._waiting)
            task = asyncio.create_task(self._deliver(callback))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._waiting and len(self._under_way) < AT_ONCE:
            seconds = min((self._waiting[0][0] - now_ms()) / 1000, LONGEST_SLEEP_SECONDS)
            self._timer = asyncio.get_running_loop().call_later(seconds, self._start_due)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            if error := task.exception():
                log.error("a callback waits for the next start", exc_info=error)
            self._start_due()

    async def _deliver(self, callback: PendingCallback) -> None:
        trouble = await self._send(callback)
        if trouble and now_ms() < callback.give_up_at_ms:
            if not self._in_trouble:
                log.warning("callbacks are not confirmed and will be tried again: %s", trouble)
            pause_ms = min(FIRST_PAUSE_MS << min(callback.tries, 16), LONGEST_PAUSE_MS)
            callback.tries += 1
            # half to all of the pause, so that what failed together does not come back together
            callback.due_at_ms = now_ms() + _chance.randint(pause_ms // 2, pause_ms)
            self._store.postpone(callback)
            heapq.heappush(self._waiting, (callback.due_at_ms, callback.id, callback))
        else:
            if trouble:
                log.error("callback %s is given up: %s", callback.notice_id, trouble)
            elif self._in_trouble:
                log.info("callbacks are confirmed again")
            self._store.forget(callback)
        self._in_trouble = bool(trouble)

    async def _send(self, callback: PendingCallback) -> str:
        """Sends it once, with a fresh stamp; why it is not confirmed, or nothing."""
        stamp = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": callback.notice_id,
            "webhook-timestamp": str(int(stamp.timestamp())),
            "webhook-signature": self._webhook.sign(callback.notice_id, stamp, callback.body),
        }
        try:
            answer = await self._merchant.request("POST", CALLBACK_PATH, headers, callback.body.encode())
        except HttpFailed as error:
            return str(error)
        return "" if 200 <= answer.status < 300 else f"status {answer.status}"
