"""What the crowd saw, held against what is in the books and at the provider. Pure: nothing here asks a server.

`ticketcraze verify` looks from inside; this is the clients' side of the story.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from crowd.browser import Told
from crowd.buyer import Outcome

PRESENT_SECONDS = 30.0  # somebody without an open socket for longer may be passed over
LET_IN_TOGETHER_SECONDS = 3.0  # who has just joined may be passed over for a moment


@dataclass(frozen=True)
class Charge:
    """Money the provider took, in minor units."""

    transaction_id: str
    order_id: str
    amount_minor: int


@dataclass(frozen=True)
class Books:
    """What the books say of one event: order id -> status, and the transactions that are booked."""

    orders: Mapping[str, str]
    transactions: frozenset[str]


@dataclass(frozen=True)
class Findings:
    """What the journal shows; `problems` is empty when all is well."""

    answered: int  # orders that were answered with 202
    gone: int  # of them: forgotten by Redis and given to others, and their buyers were told so
    lost: int  # of them: not in the books all the same
    unbooked: int  # charges that the books do not have
    doubled: int  # keys that were answered with more than one order
    problems: list[str]


def check(
    outcomes: Sequence[Outcome],
    books: Books,
    charges: Sequence[Charge],
    capacity: int,
    *,
    undoes_writes: bool = False,
) -> Findings:
    """Compares what each buyer was told with the books, and with what the provider charged.

    Where the fault is that Redis forgets what it has acknowledged (`undoes_writes`), the tickets of an order may
    go to others before its buyer brings the receipt; then they must have been told.
    """
    answered = Counter(order_id for outcome in outcomes for order_id in _answered(outcome.told))
    missing = answered.keys() - books.orders.keys()
    gone = missing & _told_to_be_gone(outcomes) if undoes_writes else set()
    lost = sorted(missing - gone)
    unbooked = sorted(
        charge.transaction_id for charge in charges if charge.transaction_id not in books.transactions
    )
    doubled = sorted(order_id for order_id, buyers in answered.items() if buyers > 1)
    problems = [f"order {order_id} was answered and is not in the books" for order_id in lost]
    problems += [f"charge {transaction_id} is not in the books" for transaction_id in unbooked]
    problems += [f"order {order_id} was answered to more than one buyer" for order_id in doubled]
    problems += [problem for outcome in outcomes for problem in _versions_that_go_back(outcome)]
    problems += _overtaken(outcomes)
    sold = sum(outcome.tickets for outcome in outcomes if outcome.how == "confirmed")
    if sold > capacity:
        problems.append(f"{sold} tickets were confirmed, and there are {capacity}")
    for outcome in outcomes:
        status = books.orders.get(outcome.order_id, "")
        if outcome.how == "confirmed" and status not in ("CONFIRMED", "PARTIALLY_REFUNDED", "REFUNDED"):
            problems.append(f"order {outcome.order_id} was told as confirmed and is {status or 'not there'}")
    return Findings(len(answered), len(gone), len(lost), len(unbooked), len(doubled), problems)


def _answered(told: Sequence[Told]) -> set[str]:
    """The orders that this buyer was answered with."""
    return {
        one.body["order_id"]
        for one in told
        if one.how.startswith("POST ") and one.how.endswith("/orders") and one.status == 202
    }


def _told_to_be_gone(outcomes: Sequence[Outcome]) -> set[str]:
    """The orders that somebody asked for and that were not there."""
    return {
        one.how.rpartition("/")[2]
        for outcome in outcomes
        for one in outcome.told
        if one.how.startswith("GET /api/v1/orders/") and one.status == 404
    }


def _versions_that_go_back(outcome: Outcome) -> Iterator[str]:
    newest: dict[str, int] = {}
    for one in outcome.told:
        if one.how == "frame" and one.body["type"] == "order":
            order_id, version = one.body["order_id"], one.body["version"]
            if version < newest.get(order_id, 0):
                yield f"order {order_id}: version {version} was told after {newest[order_id]}"
            newest[order_id] = max(version, newest.get(order_id, 0))


@dataclass(frozen=True)
class _Wait:
    """One buyer's wait: since when, until they were told, and whether their socket was there all the time.

    `pass_ends` tells when they were let in, by the clock of whoever let them in: all passes are equally long.
    """

    number: int
    began: float
    called: float
    pass_ends: float
    was_present: bool


def _overtaken(outcomes: Sequence[Outcome]) -> list[str]:
    """Nobody comes in before a smaller number whose owner was present: at most one problem, the worst."""
    waits = sorted((w for o in outcomes if (w := _wait(o.told))), key=lambda wait: wait.number)
    worst = ""
    latest = _Wait(0, 0.0, 0.0, 0.0, True)
    for wait in waits:
        is_overtaken = latest.was_present and latest.began < wait.called
        late = latest.pass_ends - wait.pass_ends
        if is_overtaken and late > LET_IN_TOGETHER_SECONDS:
            worst = f"number {wait.number} came in {late:.1f} s before number {latest.number}, who was there"
        if wait.was_present and wait.pass_ends > latest.pass_ends:
            latest = wait
    return [worst] if worst else []


def _wait(told: Sequence[Told]) -> _Wait | None:
    """A buyer's wait by the frames of their place, if they were called."""
    places = [one for one in told if one.how == "frame" and one.body["type"] == "place"]
    called = next((one for one in places if one.body["status"] == "admitted"), None)
    waiting = next((one for one in places if one.body["status"] == "waiting"), None)
    if called is None or waiting is None or waiting.at > called.at or not waiting.body["number"]:
        return None
    heard = [one for one in told if waiting.at <= one.at <= called.at]
    was_present = all(one.how != "close" for one in heard) and all(
        after.at - before.at < PRESENT_SECONDS for before, after in pairwise(heard)
    )
    pass_ends = datetime.fromisoformat(called.body["expires_at"]).timestamp()
    return _Wait(waiting.body["number"], waiting.at, called.at, pass_ends, was_present)
