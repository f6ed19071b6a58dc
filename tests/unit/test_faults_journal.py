"""The journal of a faulty sale: each thing it looks for, once as it should be and once as it must not."""

from datetime import UTC, datetime
from typing import Any

from crowd.browser import Told
from crowd.buyer import Outcome
from faults.journal import Books, Charge, check

ORDER = "order-1"
NOTHING = Books({}, frozenset())
SOLD = Books({ORDER: "CONFIRMED"}, frozenset({"tx-1"}))


def answer(order_id: str = ORDER) -> Told:
    return Told(1.0, "POST /api/v1/events/a/orders", 202, {"order_id": order_id})


def told(version: int, at: float = 2.0) -> Told:
    return Told(at, "frame", 0, {"type": "order", "order_id": ORDER, "version": version})


def place(at: float, status: str, number: int) -> Told:
    ends = datetime.fromtimestamp(at + 300, UTC).isoformat() if status == "admitted" else None
    return Told(at, "frame", 0, {"type": "place", "status": status, "number": number, "expires_at": ends})


def problems(
    *outcomes: Outcome, books: Books = SOLD, charges: tuple[Charge, ...] = (), capacity: int = 5
) -> list[str]:
    return check(outcomes, books, charges, capacity).problems


def one(*what: Told, how: str = "confirmed", **more: Any) -> Outcome:
    return Outcome(how, order_id=ORDER, told=list(what), **more)


def test_an_order_that_was_answered_and_is_in_the_books_is_fine() -> None:
    assert problems(one(answer(), told(0), told(1))) == []


def test_an_order_that_was_answered_and_is_not_in_the_books_is_found() -> None:
    assert "is not in the books" in problems(one(answer(), how="timed_out"), books=NOTHING)[0]


def test_an_order_that_redis_forgot_is_gone_only_if_its_buyer_was_told() -> None:
    told = Told(3.0, f"GET /api/v1/orders/{ORDER}", 404, {"code": "not_found"})
    findings = check([one(answer(), told, how="not_found")], NOTHING, (), 5, undoes_writes=True)
    assert (findings.gone, findings.lost, findings.problems) == (1, 0, [])
    findings = check([one(answer(), how="timed_out")], NOTHING, (), 5, undoes_writes=True)
    assert (findings.gone, findings.lost) == (0, 1)
    assert check([one(answer(), told, how="not_found")], NOTHING, (), 5).lost == 1


def test_an_order_answered_to_two_buyers_is_found() -> None:
    assert "more than one buyer" in problems(one(answer()), one(answer()))[0]


def test_a_charge_that_is_not_booked_is_found() -> None:
    assert problems(charges=(Charge("tx-1", ORDER, 1),)) == []
    assert "tx-2 is not in the books" in problems(charges=(Charge("tx-2", ORDER, 1),))[0]


def test_a_version_that_goes_back_is_found() -> None:
    assert "version 1 was told after 2" in problems(one(answer(), told(1), told(2), told(1)))[0]


def test_a_ticket_that_was_told_as_bought_and_is_not_is_found() -> None:
    assert (
        "told as confirmed and is EXPIRED"
        in problems(one(answer()), books=Books({ORDER: "EXPIRED"}, frozenset()))[0]
    )


def test_more_tickets_than_there_are_are_found() -> None:
    assert "6 tickets were confirmed" in problems(one(answer(), tickets=6))[0]


def test_who_was_there_and_was_overtaken_is_found() -> None:
    first = Outcome("left", told=[place(0, "waiting", 1), place(5, "waiting", 1), place(10, "admitted", 1)])
    second = Outcome("left", told=[place(0, "waiting", 2), place(4, "admitted", 2)])
    assert "number 2 came in 6.0 s before number 1" in problems(first, second)[0]
    assert problems(first) == problems(second) == []


def test_who_was_away_may_be_overtaken() -> None:
    away = Outcome("left", told=[place(0, "waiting", 1), Told(1, "close", 1006, None), place(10, "admitted", 1)])
    second = Outcome("left", told=[place(0, "waiting", 2), place(4, "admitted", 2)])
    assert problems(away, second) == []
