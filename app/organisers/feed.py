"""What the feed of a sale tells though nobody did it: what was sold, who was started again, who answers slowly.

Each line has a name under which the books take it once, so it does not matter who notices, nor how often.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from app.infra.mysql import Database
from app.organisers.snapshot import Snapshot
from app.sale.catalog import Event
from app.sale.events import forget_told, is_told, note, note_once
from app.units import MINUTE_MS, now_ms, to_datetime
from app.watch.processes import Report, replacements

FEWEST: Final = 20  # payments: of fewer nothing is said
SLOW_SHARE, WELL_SHARE = 0.5, 0.25  # of payments without an answer, which are those of people who left as well
ANSWERED_MS: Final = 3 * MINUTE_MS  # for this long people are at the provider's page
LOOKED_BACK_MS: Final = 10 * MINUTE_MS
MOST_PAYMENTS: Final = 1_000  # the newest


def milestones(before: Snapshot | None, now: Snapshot) -> dict[str, str]:
    """Lines that are due, by name: about what a sale has come to since `before`, or ever where that is None."""
    passed = _reached(before) if before else {}
    return {name: text for name, text in _reached(now).items() if name not in passed}


def _reached(snapshot: Snapshot) -> dict[str, str]:
    sold, capacity = (sum(getattr(sku, name) for sku in snapshot.skus) for name in ("sold", "capacity"))
    gone = [sku.name for sku in snapshot.skus if sku.sold >= sku.capacity > 0]
    reached = {}
    if 2 * sold >= capacity > 0:
        reached["half sold"] = f"Half of all tickets are sold: {sold:,} of {capacity:,}"
    if gone and len(snapshot.skus) > 1:
        reached["first gone"] = f"The first kind of ticket is sold out: {gone[0]}"
    if sold >= capacity > 0:
        reached["sold out"] = f"All {capacity:,} tickets are sold"
    return reached


def restarted(seen: Collection[Report]) -> list[Report]:
    """Of the processes that were seen lately, those that stand in for one that is silent."""
    return [later for earlier, later in replacements(seen) if not earlier.ok]


def _restart_of(report: Report) -> str:
    return f"restarted {report.name} {report.instance}".lower()


def is_slow(begun: int, waiting: int, *, was_slow: bool) -> bool:
    """Whether a provider answers slowly, of so many payments that were begun a while ago and still wait.

    Once it is slow it has to be well again by far: at the limit itself it would be told every minute.
    """
    return begun >= FEWEST and waiting > begun * (WELL_SHARE if was_slow else SLOW_SHARE)


class Feed:
    """Writes such lines down. Whoever is told of them remembers nothing that must outlive it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: dict[int, Snapshot] = {}  # of each event, when its lines were written last
        self._seen: dict[str, Report] = {}  # by instance
        self._told: set[tuple[int, str]] = set()  # restarts

    async def tell_sales(self, snapshots: dict[int, Snapshot]) -> None:
        """What sales have come to. Raises DatabaseUnavailable."""
        for event_id, snapshot in snapshots.items():
            for name, text in milestones(self._last.get(event_id), snapshot).items():
                await note_once(self._database, event_id, name, text)
            self._last[event_id] = snapshot
        self._last = {event_id: self._last[event_id] for event_id in snapshots}

    async def tell_restarts(self, event_ids: Collection[int], found: Iterable[Report], forgotten_ms: int) -> None:
        """Which processes were started again, in every one of these events. Raises DatabaseUnavailable."""
        self._seen |= {report.instance: report for report in found}
        self._seen = {id_: report for id_, report in self._seen.items() if report.age_ms < forgotten_ms}
        for report in restarted(self._seen.values()):
            name = _restart_of(report)
            for event_id in {*event_ids} - {event_id for event_id, told in self._told if told == name}:
                text = f"The process {report.name} was started again on {report.host}"
                await note_once(self._database, event_id, name, text)
                self._told.add((event_id, name))
        known = {_restart_of(report) for report in self._seen.values()}
        self._told = {told for told in self._told if told[1] in known}

    async def tell_providers(self, events: Sequence[Event]) -> None:
        """Which providers answer slowly, and which do no more. Raises DatabaseUnavailable."""
        for provider in sorted({event.provider for event in events}):
            begun, waiting = await self._unanswered(provider)
            for event in events:
                if event.provider == provider:
                    await self._tell_provider(event.id, provider, begun, waiting)

    async def _tell_provider(self, event_id: int, provider: str, begun: int, waiting: int) -> None:
        name = f"slow {provider}"
        was_slow = await is_told(self._database, event_id, name)
        if is_slow(begun, waiting, was_slow=was_slow):
            text = (
                f"{provider.capitalize()} answers slowly: of {begun} payments of ten minutes {waiting} still wait"
            )
            await note_once(self._database, event_id, name, text)
        elif was_slow and await forget_told(self._database, event_id, name):
            await note(self._database, event_id, f"{provider.capitalize()} answers again")

    async def _unanswered(self, provider: str) -> tuple[int, int]:
        """How many charges were begun a while ago, and how many of them have no answer."""
        until_ms = now_ms() - ANSWERED_MS
        rows = await self._database.fetch_all(
            "SELECT kind, status FROM payments WHERE provider = %s AND created_at BETWEEN %s AND %s"
            " ORDER BY created_at DESC, id DESC LIMIT %s",
            (provider, to_datetime(until_ms - LOOKED_BACK_MS), to_datetime(until_ms), MOST_PAYMENTS),
        )
        charges = [row["status"] for row in rows if row["kind"] == "CHARGE"]
        return len(charges), charges.count("PENDING")
