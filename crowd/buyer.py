"""One buyer, all the way: join, wait for the turn, choose, order, pay, get the ticket.

`buy` goes the way; with the habits of `PROMPT` without a pause and without a mishap. `Buyer` has its steps, for
those who want to do something else in between.
"""

import asyncio
import uuid
from contextlib import closing, suppress
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Any
from urllib.parse import urlencode

from crowd.browser import Browser, Gone, Shop, Told
from crowd.habits import PROMPT, Habits

MOST_OF_A_LINE = 10  # tickets of one kind in one order
MOST_CHOICES = 20  # times a buyer chooses again because somebody else was faster
HELD_LOOK_SECONDS = 5.0  # an order is in the books in no time
PAYMENT_LOOK_SECONDS = 0.3
MOST_PAYMENT_LOOKS = 100
LATE_MONEY_SECONDS = 30.0  # how long to wait for tickets that were paid after the hold ended


@dataclass
class Outcome:
    """How it ended for one buyer.

    `how` is what became of the order (confirmed, expired, canceled, review, ...) or why there is none: sold_out,
    closed, left, lapsed (the pass ended), unpaid (never meant to pay), refused, unreachable, timed_out, or the
    stable code of a problem.
    """

    how: str
    tickets: int = 0  # of all orders
    order_id: str = ""  # of the last one
    token: str = ""
    told: list[Told] = field(default_factory=list)
    waited_seconds: float | None = None  # from arriving to being let in; None: never was


async def buy(
    shop: Shop,
    habits: Habits = PROMPT,
    *,
    seconds: float = 600,
    patience: asyncio.Timeout | None = None,
    source_address: str | None = None,
    seed: str = "",
) -> Outcome:
    """Goes the whole way as one buyer, for this many seconds at most; never raises for what the shop does.

    `patience` is a timeout that may be cut short, instead of `seconds`. The same `seed` makes the same choices;
    without one they are by chance.
    """
    chance = Random(seed or None)  # noqa: S311  # choices, no secrets
    browser = Browser(shop, source_address, chance)
    buyer = Buyer(browser, habits, chance)
    try:
        async with patience or asyncio.timeout(seconds):
            await buyer.go()
    except TimeoutError:
        how = "timed_out"
    except Gone as gone:
        how = gone.how
    else:
        how = "confirmed"
    finally:
        browser.close()
    return Outcome(how, buyer.tickets, buyer.order_id, browser.token, list(browser.told), buyer.waited_seconds)


class Buyer:
    """One buyer's steps, in the order of `go`; each raises Gone where the way ends."""

    def __init__(self, browser: Browser, habits: Habits, chance: Random) -> None:
        self._browser = browser
        self._habits = habits
        self._chance = chance
        self.order_id = ""
        self.tickets = 0
        self.waited_seconds: float | None = None
        self._receipt = ""

    async def go(self) -> None:
        """The whole way, to the ticket."""
        await asyncio.sleep(self._habits.arrives_after_seconds)
        arrived = monotonic()
        await self.arrive()
        await self.wait_for_turn()
        self.waited_seconds = monotonic() - arrived
        await self._purchase()
        while self.tickets < self._habits.wants and not self._browser.is_over:
            bought = self.order_id, self.tickets
            try:
                await self._purchase()
            except Gone as gone:
                self.order_id, self.tickets = bought
                if gone.how != "lapsed":  # the limit, or the end
                    return
                await self._browser.join()
                await self.wait_for_turn()
            else:
                self.tickets += bought[1]

    async def _purchase(self) -> None:
        """One order, with the pass that is there."""
        await asyncio.sleep(self._habits.thinks_seconds)
        await self.order()
        await asyncio.sleep(self._habits.pays_after_seconds)
        await self.pay()

    async def arrive(self) -> None:
        """Joins the queue and opens the websocket."""
        await self._browser.join()
        for _ in range(self._habits.places - 1):
            with suppress(Gone), closing(self._browser.stranger()) as stranger:
                await stranger.join()
        await self._browser.open_tab()
        if self._habits.reads_after_seconds:
            self._browser.read_slowly(self._habits.reads_after_seconds)

    async def wait_for_turn(self) -> None:
        """Until called, or as long as patience lasts."""
        habits = self._habits
        if habits.leaves_after_seconds is not None and not await self._called_within(habits.leaves_after_seconds):
            await self._browser.leave()
            raise Gone("left")
        if habits.away_after_seconds is not None and not await self._called_within(habits.away_after_seconds):
            self._browser.close()
            await asyncio.sleep(habits.away_seconds)
            await self._browser.open_tab()
        await self._called()

    async def order(self) -> None:
        """Orders what there is, chooses again when somebody was faster, and waits until it can be paid."""
        if self._habits.only_looks:
            await self._browser.until(lambda: self._browser.is_over or self._place_after("admitted"))
            raise Gone("lapsed")
        for _ in range(MOST_CHOICES):
            if await self._took(*await self._choose()):
                break
        else:
            raise Gone("sold_out")
        if (status := await self._status_after("HELD")) != "PENDING":
            raise Gone(status.lower())

    async def pay(self) -> None:
        """Pays on the provider's page, and waits for the ticket."""
        if not self._habits.presses:
            await self._status_after("PENDING")
            raise Gone("unpaid")
        has_paid = True
        try:
            for outcome in self._habits.presses:
                await self._attempt(outcome)
        except Gone as gone:
            if gone.how not in ("not_payable", "checkout_expired"):  # too late: the frames say what became of it
                raise
            has_paid = False
        status = await self._status_after("PENDING")
        if has_paid and status in ("EXPIRED", "CANCELED"):  # the money may come yet
            with suppress(TimeoutError):
                async with asyncio.timeout(LATE_MONEY_SECONDS):
                    status = await self._status_after(status)
        if status != "CONFIRMED":
            raise Gone(status.lower())

    async def _called_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._called()
                return True
        return False

    async def _called(self) -> None:
        status = await self._browser.until(lambda: self._browser.is_over or self._place_after("lobby", "waiting"))
        if status != "admitted":
            raise Gone(status)

    def _place_after(self, *before: str) -> str:
        status: str = self._browser.place.get("status", before[0])
        return "" if status in before else status

    async def _choose(self) -> tuple[int, int]:
        """A sku that is there, and how many; waits for one while all are held by others."""
        browser = self._browser

        def ends_or_there() -> tuple[str, list[dict[str, Any]]] | None:
            end = browser.is_over or self._place_after("admitted")
            on_sale = {sku.id for sku in browser.shop.skus if sku.is_on_sale()}
            skus = browser.stock.get("skus", ())
            there = [sku for sku in skus if sku["available"] > 0 and sku["id"] in on_sale]
            return (end, there) if end or there else None

        end, there = await browser.until(ends_or_there)
        if end:
            raise Gone(end)
        sku = self._chance.choice(there)
        most = min(browser.shop.max_per_buyer, MOST_OF_A_LINE)
        wanted = self._habits.tickets or max(self._chance.randint(1, most), self._habits.wants)
        if self.tickets:  # an order more
            wanted = min(wanted, self._habits.wants - self.tickets)
        own = next(kind.max_per_buyer for kind in browser.shop.skus if kind.id == sku["id"])
        return sku["id"], min(wanted, sku["available"], most, own or most)

    async def _took(self, sku_id: int, quantity: int) -> bool:
        """Orders; False when somebody was faster."""
        browser = self._browser
        try:
            answer = await browser.ask(
                "POST",
                f"/api/v1/events/{browser.shop.slug}/orders",
                {"items": [{"sku_id": sku_id, "quantity": quantity}]},
                expected=(202,),
                headers={"idempotency-key": str(uuid.UUID(int=self._chance.getrandbits(128)))},
            )
        except Gone as gone:
            if gone.how != "sold_out":
                raise
            # The answer is newer than the last frame.
            skus = browser.stock["skus"]
            browser.stock["skus"] = [sku | {"available": 0} if sku["id"] == sku_id else sku for sku in skus]
            return False
        self.order_id, self.tickets = answer.body["order_id"], quantity
        self._receipt = answer.body.get("receipt", "")
        return True

    async def _attempt(self, outcome: str) -> None:
        """Presses one button; after a decline waits until the shop knows."""
        browser = self._browser
        answer = await browser.ask("POST", f"/api/v1/orders/{self.order_id}/payments", expected=(201,))
        page = answer.body["redirect_url"]
        await browser.ask("POST", page, urlencode({"outcome": outcome}), expected=(200, 303))
        if outcome != "decline":
            return
        for _ in range(MOST_PAYMENT_LOOKS):
            order = await browser.ask("GET", f"/api/v1/orders/{self.order_id}", expected=(200,))
            payments = order.body["payments"]
            if any(p["payment_id"] == answer.body["payment_id"] and p["status"] == "FAILED" for p in payments):
                return
            await asyncio.sleep(PAYMENT_LOOK_SECONDS)
        raise Gone("unreachable")

    async def _status_after(self, status: str) -> str:
        """The order's next status, from the frames; one that never came counts as HELD."""

        def other() -> str | None:
            now: str = self._browser.orders.get(self.order_id, {}).get("status", "HELD")
            return now if now not in ("HELD", status) else None

        while True:
            try:
                async with asyncio.timeout(HELD_LOOK_SECONDS if status == "HELD" else None):
                    return await self._browser.until(other)
            except TimeoutError:  # the order may be lost: as the page does, ask for it and bring the receipt
                found = await self._browser.ask(
                    "GET",
                    f"/api/v1/orders/{self.order_id}",
                    expected=(200,),
                    headers={"order-receipt": self._receipt},
                )
                if found.body["status"] != "HELD":
                    return str(found.body["status"])
