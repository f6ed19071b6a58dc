"""What a buyer's page shows: which one thing, every text, every condition. Pure.

static/js/buyer/state.js and words.js say the same for everything after the first paint; the cases of
tests/cases/views.json hold both to it. A state is what the page embeds: `event`, `place`, `orders`, as the API has
them, and `page`, which is "order" on an order's own page.
"""

from dataclasses import dataclass
from typing import Any

from app.ids import short_code
from app.units import DAY_MS
from app.words import Words, count, to_ms

OPEN = ("HELD", "PENDING")
BOUGHT = ("CONFIRMED", "PARTIALLY_REFUNDED")
COUNTED = (*OPEN, *BOUGHT, "REVIEW")
ENDED = ("EXPIRED", "CANCELED", "REJECTED")
ORDER_VIEWS = {
    "CONFIRMED": "confirmed",
    "PARTIALLY_REFUNDED": "confirmed",
    "REVIEW": "review",
    "REFUNDED": "refunded",
}
PAID_FOR = ("confirmed", "review", "refunded")
VERY = 2  # so many times more people than tickets make "unlikely" very unlikely
WARNING_MS = 60_000

Json = dict[str, Any]


@dataclass(frozen=True)
class View:
    """What the page shows: the name of its one thing, texts by slot, conditions by flag, and its title."""

    name: str
    slots: dict[str, str]
    flags: dict[str, bool]
    title: str
    order: Json | None  # the one it is about


def current_order(state: Json) -> Json | None:
    """The order a page is about: the one that is open, else the newest."""
    orders: list[Json] = state["orders"]
    return next((order for order in orders if order["status"] in OPEN), orders[0] if orders else None)


def charges(order: Json | None) -> list[Json]:
    """The attempts to pay an order."""
    return [p for p in (order or {}).get("payments") or [] if p["kind"] == "CHARGE"]


def is_paid(order: Json | None) -> bool:
    """Whether money was taken for an order."""
    return any(p["status"] == "COMPLETED" for p in charges(order))


def is_deposited(order: Json | None) -> bool:
    """Whether the first of two instalments of an order was paid."""
    instalments: list[Json] = (order or {}).get("instalments") or []
    return any(part["paid"] for part in instalments[:1])


def owes_rest(order: Json | None) -> bool:
    """Whether the deposit of an order is paid, and the rest may still be."""
    return order is not None and order["status"] == "PENDING" and is_deposited(order)


def _instalments_words(words: Words, order: Json | None) -> str:
    """What is paid now and what later, or what is still to be paid; empty where all of it is paid at once."""
    if not order or not order.get("instalments"):
        return ""
    first, rest = order["instalments"]
    amounts = {
        "first": words.money(first["amount"], order["currency"]),
        "rest": words.money(rest["amount"], order["currency"]),
    }
    return words(
        "instalments.rest" if first["paid"] else "instalments", **amounts, when=words.day_and_hour(rest["due_at"])
    )


def status_of(state: Json) -> str | None:
    """Where the buyer stands in the waiting room."""
    place = state["place"]
    return place["status"] if place else None


def is_queued(state: Json) -> bool:
    """Whether the buyer waits."""
    return status_of(state) in ("lobby", "waiting")


def tickets(state: Json, field: str) -> int:
    """How many tickets of all skus are `available` or `held`."""
    return sum(int(sku[field]) for sku in state["event"]["skus"])


def may_still_buy(state: Json) -> int:
    """How many tickets the buyer may still have."""
    counted = [order for order in state["orders"] if order["status"] in COUNTED]
    has: int = sum(item["quantity"] for order in counted for item in order["items"])
    limit: int = state["event"]["max_per_buyer"]
    return limit - has if has < limit else 0


def _left_words(words: Words, sku: Json, now_ms: int) -> str:
    """What is left of a kind of ticket; or from when it is on sale, or that it is not any more."""
    if sku.get("sells_from") and now_ms < to_ms(sku["sells_from"]):
        return words("left.from", when=words.day_and_hour(sku["sells_from"]))
    if sku.get("sells_until") and now_ms >= to_ms(sku["sells_until"]):
        return words("left.over")
    return words("left", n=sku["available"])


def all_in_baskets(state: Json) -> bool:
    """Whether nothing is left to choose, but something that others hold may come back."""
    on_sale = state["event"]["sale"] in ("open", "paused")
    return on_sale and not tickets(state, "available") and tickets(state, "held") > 0


def chance_of(state: Json) -> str:
    """What is left against who is ahead, as the end of a name in the words."""
    ahead = _ahead(state)
    left = tickets(state, "available")
    if all_in_baskets(state):
        return "baskets_unlikely" if ahead >= tickets(state, "held") else "baskets"
    if not left:
        return "sold_out"
    if ahead >= left * VERY:
        return "very_unlikely"
    if ahead >= left:
        return "unlikely"
    return "likely" if ahead * state["event"]["max_per_buyer"] < left else "possible"


def name_of(state: Json) -> str:
    """Which one thing the page shows."""
    event, order, where = state["event"], current_order(state), status_of(state)
    if order and order["status"] in OPEN:
        last = charges(order)[-1]["status"] if charges(order) else None
        paying = last == "PENDING" or (state.get("returned") and not last)
        return "paying" if order["status"] == "PENDING" and paying else "held"
    if state.get("page") == "order":
        return ORDER_VIEWS.get(order["status"] if order else "", "lapsed")
    if order and order["status"] == "REVIEW":
        return "review"
    if order and order["status"] in BOUGHT and not is_queued(state) and not state.get("shopping"):
        return "confirmed"
    if event["sale"] in ("closed", "paused"):
        return str(event["sale"])
    if event["sale"] == "sold_out":
        may_shop = where == "admitted" and tickets(state, "available")
        if not may_shop and not (state.get("staying") and where == "waiting"):
            return "sold_out"
    if where in ("lobby", "waiting", "admitted"):
        return where
    if where == "lapsed" or (order and order["status"] in ENDED and where != "left"):
        return "lapsed"
    return "joinable"


def _ahead(state: Json) -> int:
    return int((state["place"] or {}).get("position") or 0)


def _deadline(words: Words, name: str, until: str | None, now_ms: int, stopped_ms: int | None) -> tuple[str, str]:
    """The clock and the words of a time limit, "pass" or "hold"; a paused sale's clock stopped at `stopped_ms`."""
    if not until:
        return words("none"), ""
    left_ms = to_ms(until) - (now_ms if stopped_ms is None else stopped_ms)
    if left_ms <= 0:
        return "0:00", words("time.up")
    how = "paused" if stopped_ms is not None else "ending" if left_ms <= WARNING_MS else "until"
    hour = words.hour_of(until) if left_ms < DAY_MS else words.day_and_hour(until)
    return words.clock(left_ms), words(f"{name}.{how}", hour=hour)


def _ends_soon(until: str | None, now_ms: int, paused: bool) -> bool:
    """Whether a time limit is in its last minute: then there is a warning, and a way to more time."""
    return bool(until) and not paused and 0 < to_ms(str(until)) - now_ms <= WARNING_MS


def _chance_words(words: Words, state: Json) -> str:
    chance, ahead, left = chance_of(state), _ahead(state), tickets(state, "available")
    if chance == "likely" and ahead == 0:
        return words("chance.likely.first", n=left)
    held, most = tickets(state, "held"), state["event"]["max_per_buyer"]
    return words(f"chance.{chance}", left=left, ahead=ahead, held=held, most=most)


def _eta_words(words: Words, state: Json) -> str:
    chance = chance_of(state)
    if chance == "sold_out":
        return words("eta.sold_out")
    if chance.startswith("baskets"):
        return words("eta.baskets")
    if chance.endswith("unlikely"):
        return words("eta.unlikely")
    return words.eta((state["place"] or {}).get("eta_seconds"))


def _lapsed_words(words: Words, order: Json | None) -> tuple[str, str]:
    """What became of an order that ended, and of its money."""
    status = order["status"] if order and f"lapsed.{order['status']}" in words else "none"
    name = f"lapsed.{status}"
    if order and is_paid(order):
        refunds = {p["status"] for p in order["payments"] if p["kind"] == "REFUND"}
        name = (
            "lapsed.checking"
            if not refunds
            else "lapsed.refunded"
            if refunds == {"REFUNDED"}
            else "lapsed.refunding"
        )
        if refunds and is_deposited(order):
            name = f"{name}.deposit"
    return words(f"lapsed.{status}.title"), words(name)


def _review_words(words: Words, order: Json | None, now_ms: int) -> tuple[str, str]:
    """What about the payment was not as expected, and until when the tickets stay held."""
    paid = next((p for p in reversed(charges(order)) if p["status"] == "COMPLETED"), None)
    amounts = words("review.unknown")
    if order and paid:
        amounts = words(
            "review.amounts",
            paid=words.money(paid["amount"], paid["currency"]),
            total=words.money(order["total"], order["currency"]),
        )
    if order and to_ms(order["expires_at"]) > now_ms:
        return amounts, words("review.until", when=words.day_and_hour(order["expires_at"]))
    return amounts, words("review.open")


def _yours_words(words: Words, order: Json | None) -> str:
    if not order:
        return words("yours", n=0, total="")
    total = words.money(order["total"], order["currency"])
    refunds = [p for p in order["payments"] if p["kind"] == "REFUND"]
    refunded = sum(p["amount"] for p in refunds if p["status"] == "REFUNDED")
    if order["status"] == "PARTIALLY_REFUNDED":
        return words("yours.partly", total=total, refunded=words.money(refunded, order["currency"]))
    if refunds:  # paid twice, or too much
        back = sum(p["amount"] for p in refunds)
        how = "refunded" if refunded == back else "refunding"
        return words(f"yours.{how}", total=total, back=words.money(back, refunds[0]["currency"]))
    return words("yours", n=sum(item["quantity"] for item in order["items"]), total=total)


def view_of(state: Json, now_ms: int, words: Words) -> View:
    """What the page shows of a state at this time, in these words."""
    name, event, order, where = name_of(state), state["event"], current_order(state), status_of(state)
    place: Json = state["place"] or {}
    queued, ahead, baskets = is_queued(state), _ahead(state), all_in_baskets(state)
    paused, scheduled = event["sale"] == "paused", event["sale"] == "scheduled"
    stopped_ms = now_ms if paused else None
    pass_clock, pass_words = _deadline(
        words,
        "pass",
        place["expires_at"] if where == "admitted" else None,
        now_ms,
        stopped_ms,
    )
    open_until = order["expires_at"] if order and order["status"] in OPEN else None
    hold_clock, hold_words = _deadline(words, "hold", open_until, now_ms, stopped_ms)
    total = words.money(order["total"], order["currency"]) if order else ""
    due = words.money(order.get("due") or order["total"], order["currency"]) if order else ""
    opens_in_ms = to_ms(event["opens_at"]) - now_ms if event.get("opens_at") else None
    lapsed_title, lapsed_words = _lapsed_words(words, None if where == "lapsed" and not is_paid(order) else order)
    review_amounts, review_until = _review_words(words, order, now_ms)
    join_words = words(
        "join.scheduled" if scheduled else "join.sold_out" if event["sale"] == "sold_out" else "join.open"
    )
    slots = {
        "opens_clock": words("time.soon")
        if opens_in_ms is None
        else words.clock(opens_in_ms)
        if opens_in_ms > 0
        else words("time.now"),
        "opens_words": words("opens.unset")
        if opens_in_ms is None
        else words.day_and_hour(event["opens_at"])
        if opens_in_ms > 0
        else words("opens.drawing"),
        "on_sale_title": words("on_sale.baskets.title" if baskets else "on_sale.title"),
        "on_sale_words": words("on_sale.baskets.more", n=tickets(state, "held"))
        if baskets
        else words("on_sale.more"),
        "join_words": join_words,
        "rejoin_words": join_words if event["sale"] == "sold_out" else words("rejoin.open"),
        "here": words("here", n=place.get("waiting") or 1),
        "ahead": count(ahead) if ahead else words("ahead.next"),
        "ahead_words": words("ahead", n=ahead),
        "chance": _chance_words(words, state),
        "eta": _eta_words(words, state),
        "behind": count(max(0, (place.get("waiting") or 0) - ahead - 1)),
        "number": count(place["number"]) if place.get("number") else words("none"),
        "pass_clock": pass_clock,
        "pass_words": pass_words,
        "after_hold_words": words("lapsed.again", title=_lapsed_words(words, order)[0]) if order else "",
        "hold_clock": hold_clock,
        "hold_words": hold_words,
        "total": total,
        "pay_words": words("pay.preparing") if order and order["status"] == "HELD" else words("pay", total=due),
        "vat_words": words("vat", amount=words.money(order["vat"], order["currency"]))
        if order and order.get("vat")
        else "",
        "instalments_words": _instalments_words(words, order),
        "order_code": short_code(order["order_id"]) if order else "",
        "order_id": order["order_id"] if order else "",
        "order_status": words(f"order.{'DEPOSITED' if owes_rest(order) else order['status']}") if order else "",
        "yours_words": _yours_words(words, order),
        "lapsed_title": lapsed_title,
        "lapsed_words": lapsed_words,
        "review_amounts": review_amounts,
        "review_until": review_until,
        "receipt_title": words("receipt.paid" if is_paid(order) else "receipt.unpaid"),
        "in_line_words": words("in_line", n=ahead),
        "notice": event.get("notice") or words("paused.notice"),
        "paused_words": words(
            f"paused.{where if queued or where == 'admitted' else 'stranger'}", n=ahead, left=pass_clock
        ),
        "door_title": words("door.busy"),
        "door_words": words("door.wait", n=0),
        **{f"left_{sku['id']}": _left_words(words, sku, now_ms) for sku in event["skus"]},
    }
    may_extend_pass = name == "admitted" and state.get("extended_pass") != place.get("number")
    bought = any(o["status"] in BOUGHT for o in state["orders"])
    flags = {
        "left": where == "left",
        "scheduled": scheduled,
        "on_sale": not scheduled,
        "baskets": baskets,
        "in_line": queued,
        "not_in_line": not queued,
        "not_joined": not queued and where != "admitted",
        "may_rejoin": event["sale"] != "closed",
        "after_hold": name == "admitted" and f"lapsed.{order['status'] if order else ''}" in words,
        "extend_pass": may_extend_pass and _ends_soon(place["expires_at"], now_ms, paused),
        "extend_hold": name in ("held", "paying")
        and not (order or {}).get("extended")
        and not state.get("linked")
        and _ends_soon(open_until, now_ms, paused),
        "vat": bool(order and order.get("vat")),
        "instalments": bool(open_until) and bool(order and order.get("instalments")),
        "declined": bool(charges(order)) and charges(order)[-1]["status"] == "FAILED",
        "receipt": name in PAID_FOR or bool(order and order.get("payments")),
        "bought": bought,
        "may_buy_more": where == "admitted" and event["sale"] == "open" and may_still_buy(state) > 0,
    }
    match name:
        case "lobby" if opens_in_ms and opens_in_ms > 0:
            left = words.span(opens_in_ms) if opens_in_ms > 90_000 else words.clock(opens_in_ms)
            title = words("title.lobby", left=left)
        case "lobby":
            title = words("title.opening")
        case "waiting":
            title = count(ahead) if ahead else words("title.next")
        case "admitted":
            title = words("title.admitted", left=pass_clock)
        case "held":
            title = words("title.held", left=hold_clock)
        case "joinable":
            title = words("title.scheduled" if scheduled else "title.baskets" if baskets else "title.joinable")
        case _:
            title = words(f"title.{name}")
    return View(name, slots, flags, f"{title} · {event['name']}", order)
