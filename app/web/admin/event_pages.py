"""The organiser's pages of one event: orders, trouble, settings, log; and the page that makes a new one."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.infra.kafka import DeadLetter
from app.infra.outward import MOST_URL
from app.infra.redis import NotReady
from app.orders.refund_requests import ASKED, asked_of
from app.organisers.access import Admin, rights_in
from app.organisers.exports import EXPORTS
from app.organisers.log import read_log
from app.organisers.orders import STATUSES, order_life, search_orders
from app.organisers.privacy import read_files
from app.organisers.rehearsal import read_verdict
from app.organisers.trouble import TroubleList
from app.outbound.outbox import list_messages
from app.payments.findings import compared_until, mended_findings
from app.sale.catalog import Event
from app.sale.events import find_event, read_sale
from app.units import iso, to_ms
from app.web.admin.access import allowed
from app.web.admin.blocks import blocked_list
from app.web.admin.codes import codes_of
from app.web.admin.events import settings_of
from app.web.admin.money import progress_of
from app.web.admin.orders import letters_for, read_search, trouble_of
from app.web.admin.outbound import delivery_of, webhooks_of_event
from app.web.problems import Problem, invalid
from app.web.refunding import shown as refund_shown
from app.web.rendering import page
from app.web.services import Services, services_of

ROWS = 50
BLANK_SKUS = 3


async def _event_page(
    request: Request,
    admin: Admin,
    event: Event,
    here: str,
    letters: Sequence[DeadLetter] | None = None,
    **context: Any,
) -> Response:
    trouble = await _trouble(request, event, letters)
    shown = {"event": msgspec.to_builtins(settings_of(event)), "rights": rights_in(admin, event.id), "here": here}
    told = {"trouble": msgspec.to_builtins(trouble), "trouble_count": trouble.count}
    return page(f"admin/{here.lower()}.html", **shown, **told, **context)


async def _trouble(request: Request, event: Event, letters: Sequence[DeadLetter] | None) -> TroubleList:
    try:
        return await trouble_of(services_of(request), event, letters)
    except NotReady:
        return TroubleList(0, [])


@allowed("orders_view", page=True)
async def orders_page(request: Request, admin: Admin) -> Response:
    """Orders that are looked for; works without scripts."""
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    search = read_search(request)
    found = await search_orders(services.database, event.id, search, ROWS)
    return await _event_page(
        request,
        admin,
        event,
        "Orders",
        search=search,
        asked={"from": _shown(search.from_ms), "until": _shown(search.until_ms)},
        found=msgspec.to_builtins(found),
        statuses=STATUSES,
        exports=[*EXPORTS],
    )


def _shown(at_ms: int | None) -> str:
    """A time as a field of a form has it, UTC."""
    return "" if at_ms is None else iso(at_ms)[:16]


@allowed("orders_view", page=True)
async def order_page(request: Request, admin: Admin) -> Response:
    """One order with its whole life, and what can be done with it."""
    services = services_of(request)
    life = await order_life(services.database, request.path_params["order_id"])
    if life is None:
        raise Problem("not_found")
    event = await find_event(services.database, life.event)
    shown = {
        "event": msgspec.to_builtins(settings_of(event)),
        "rights": rights_in(admin, event.id),
        "here": "Order",
    }
    asked = await asked_of(services.database, life.order_id)
    waits = msgspec.to_builtins(refund_shown(asked)) if asked and asked.status == ASKED else None
    return page("admin/order.html", **shown, order=msgspec.to_builtins(life), asked=waits)


@allowed("orders_view", page=True)
async def buyers_page(request: Request, admin: Admin) -> Response:
    """Everything that is kept of a buyer, found by an address or an id."""
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    q = read_search(request).q
    found = await read_files(services.database, event.id, q)
    return await _event_page(request, admin, event, "Buyers", q=q, found=msgspec.to_builtins(found))


@allowed("view", page=True)
async def trouble_page(request: Request, admin: Admin) -> Response:
    """What waits for somebody, and what was compared."""
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    letters = await letters_for(services, admin, event)
    reconciled = await _reconciled(services, event) if admin.may("orders_view", event.id) else None
    return await _event_page(
        request,
        admin,
        event,
        "Trouble",
        letters,
        listed=letters is not None,
        may_replay=admin.may("orders"),
        reconciled=reconciled,
    )


async def _reconciled(services: Services, event: Event) -> dict[str, Any]:
    """What the reconciliation says of an event beside what is open: verdict, how far it is, what was mended."""
    try:
        verdict = (await services.dashboard.snapshot(event)).trust.verdict
    except NotReady:
        verdict = None
    until = await compared_until(services.database)
    mended = await mended_findings(services.database, event.id, ROWS)
    return {
        "verdict": verdict and msgspec.to_builtins(verdict),
        "compared_until": [(name, iso(at_ms)) for name, at_ms in sorted(until.items())],
        "mended": [
            {
                "kind": one.kind,
                "order_id": one.order_id,
                "detail": one.detail,
                "found_at": iso(one.found_at_ms),
                "mended_at": iso(one.mended_at_ms or 0),
            }
            for one in mended
        ],
    }


@allowed("run", page=True)
async def settings_page(request: Request, admin: Admin) -> Response:
    """What can be changed of an event."""
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    message = ""
    if event.state != "draft":
        try:
            *_, message = await read_sale(services.redis, event)
        except NotReady:
            message = ""
    blocked = msgspec.to_builtins(blocked_list(event))
    codes = msgspec.to_builtins(await codes_of(services, event))
    return await _event_page(request, admin, event, "Settings", message=message, codes=codes, **blocked)


@allowed("run", page=True)
async def calling_off_page(request: Request, admin: Admin) -> Response:
    """Calls the event off, or says how far that has come."""
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    progress = msgspec.to_builtins(await progress_of(request))
    return await _event_page(request, admin, event, "Calling_off", progress=progress)


@allowed("run", page=True)
async def webhooks_page(request: Request, admin: Admin) -> Response:
    """Which programs are told of an event, and what one of them was told."""
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    webhooks = await webhooks_of_event(services.database, event)
    asked = request.query_params.get("webhook") or (str(webhooks[0].id) if webhooks else None)
    chosen = next((hook for hook in webhooks if str(hook.id) == asked), None)
    if asked and chosen is None:
        raise Problem("not_found")
    sent = await list_messages(services.database, webhook_id=chosen.id, most=ROWS) if chosen else []
    return await _event_page(
        request,
        admin,
        event,
        "Webhooks",
        webhooks=msgspec.to_builtins(webhooks),
        chosen=chosen and msgspec.to_builtins(chosen),
        deliveries=[msgspec.to_builtins(delivery_of(message)) for message in sent],
        most=ROWS,
        most_url=MOST_URL,
    )


@allowed("view", page=True)
async def log_page(request: Request, admin: Admin) -> Response:
    """Who changed what."""
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    text = request.query_params.get("before", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise invalid("before: a whole number")
    rows = await read_log(services.database, event.id, int(text) if text else None, ROWS)
    shown = [
        {**row, "at": iso(to_ms(row["at"])), "changes": changes_of(row["was"], row["became"])} for row in rows
    ]
    return await _event_page(
        request, admin, event, "Log", rows=shown, next=rows[-1]["seq"] if len(rows) == ROWS else None
    )


@allowed("view", page=True)
async def verdict_page(request: Request, admin: Admin) -> Response:
    """What came of a rehearsal."""
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    verdict = await read_verdict(services.database, event.id)
    if verdict is None:
        raise Problem("not_found")
    return await _event_page(request, admin, event, "Verdict", verdict=msgspec.to_builtins(verdict))


def changes_of(was: str | None, became: str | None) -> list[tuple[str, Any, Any]]:
    """What changed, as (name, was, became), from the two texts of a line of the log."""
    before, after = (_fields(text) for text in (was, became))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [(name, before.get(name), after.get(name)) for name in names]


def _fields(text: str | None) -> dict[str, Any]:
    try:
        read = json.loads(text or "{}")
    except ValueError:  # it was longer than the log keeps
        read = text
    return read if isinstance(read, dict) else {"": read}


@allowed("run", page=True)
async def new_event_page(request: Request, admin: Admin) -> Response:
    """The form of a new event, blank or like another one."""
    like = request.query_params.get("like", "")
    usual: dict[str, Any] = {
        "name": "",
        "venue": "",
        "currency": "USD",
        "rate_per_minute": 600,
        "room": 200,
        "pass_ttl_seconds": 300,
        "hold_ttl_seconds": 300,
        "max_per_buyer": 4,
        "deposit_percent": None,
        "rest_due_days": None,
        "refund_days": None,
        "skus": [],
    }
    if like:
        event = msgspec.to_builtins(settings_of(await find_event(services_of(request).database, like)))
        usual = {name: event[name] for name in usual}
    skus: list[dict[str, Any]] = [{**sku, "position": None} for sku in usual["skus"]]
    skus += [{}] * (1 if skus else BLANK_SKUS)
    return page("admin/new_event.html", like={**usual, "skus": skus})
