"""Orders as organisers find and see them, what waits for somebody, dead letters and exports."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.ids import BUYER_ID, ORDER_ID, event_of
from app.infra.kafka import DeadLetter, KafkaUnavailable
from app.live.shapes import Time
from app.orders.dead_letters import UnknownLetter, dead_letters, replay_letters, what
from app.organisers.access import Admin
from app.organisers.exports import EXPORTS, FORMS, export, rows_of
from app.organisers.orders import (
    MAX_NOTE_CHARACTERS,
    STATUSES,
    OrderLife,
    OrderRows,
    Search,
    add_note,
    erase_contact,
    order_life,
    search_orders,
)
from app.organisers.privacy import MOST_BUYERS, BuyerFiles, Erased, erase_buyer, read_files
from app.organisers.trouble import TroubleList, read_trouble
from app.sale.catalog import Event
from app.units import iso
from app.web.admin.access import allowed, record
from app.web.admin.repeating import repeatable
from app.web.http import Json, read_cursor, read_json, read_limit, read_time
from app.web.problems import Problem, invalid
from app.web.promises import CURSOR, REPEAT_KEY, TIME, Parameter, Text, limit, promise
from app.web.services import Services, services_of

log = logging.getLogger(__name__)

LETTERS_SECONDS = 3.0  # a page waits no longer for Kafka
MAX_QUERY = 100
DEFAULT_LIMIT, MOST = 50, 200
EXPORTED = Text(tuple(media_type.partition(";")[0] for media_type in FORMS.values()))
Q = Parameter(
    "q", "query", "An order's id, its beginning or its code; a buyer's id or address; a ticket's id.",
    {"type": "string", "maxLength": MAX_QUERY},
)  # fmt: skip
BUYER_Q = Parameter(
    "q", "query", "A buyer's id or address, or an order of theirs.", {"type": "string", "maxLength": MAX_QUERY}
)
STATUS = Parameter("status", "query", "Orders of this status alone.", {"enum": list(STATUSES)})
SINCE = Parameter("from", "query", "Placed then or later.", TIME)
UNTIL = Parameter("until", "query", "Placed before.", TIME)


@promise(
    "Orders that are looked for, newest first.",
    {200: OrderRows},
    "invalid",
    parameters=(Q, STATUS, SINCE, UNTIL, CURSOR, limit(DEFAULT_LIMIT, MOST)),
)
@allowed("orders_view")
async def get_event_orders(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    most = read_limit(request, DEFAULT_LIMIT, MOST)
    return Json(await search_orders(services.database, event.id, read_search(request), most))


def read_search(request: Request) -> Search:
    """What the query looks for. Raises Problem `invalid`."""
    asked = request.query_params
    q, status = (asked.get(name, "") for name in ("q", "status"))
    if len(q) > MAX_QUERY:
        raise invalid(f"q: at most {MAX_QUERY} characters")
    if status and status not in STATUSES:
        raise invalid(f"status: one of {', '.join(STATUSES)}")
    cursor = read_cursor(request, ORDER_ID)
    return Search(q, status, read_time(request, "from"), read_time(request, "until"), cursor)


@promise("One order with everything that is known of it, and its timeline.", {200: OrderLife})
@allowed("orders_view")
async def get_admin_order(request: Request, admin: Admin) -> Response:
    life = await order_life(services_of(request).database, request.path_params["order_id"])
    if life is None:
        raise Problem("not_found")
    return Json(life)


class Note(msgspec.Struct, forbid_unknown_fields=True):
    """What is noted of an order."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_NOTE_CHARACTERS)]


@promise("Notes something of an order.", {200: OrderLife}, "key_reused", parameters=(REPEAT_KEY,), body=Note)
@allowed("orders")
@repeatable
async def post_note(request: Request, admin: Admin) -> Response:
    services, order_id = services_of(request), request.path_params["order_id"]
    wanted = await read_json(request, Note)
    if not wanted.text.strip():
        raise invalid("text: something to note")
    if await order_life(services.database, order_id) is None:
        raise Problem("not_found")
    await add_note(services.database, order_id, admin, wanted.text.strip())
    life = await order_life(services.database, order_id)
    return Json(life)


@promise("Erases the buyer's address, from all their orders in the event; the books stay whole.", {204: None})
@allowed("own")
async def delete_contact(request: Request, admin: Admin) -> Response:
    services, order_id = services_of(request), request.path_params["order_id"]
    erased = await erase_contact(services.database, order_id)
    await record(request, admin, "address erased", event_of(order_id), subject=order_id, became={"orders": erased})
    return Response(status_code=204)


@promise(
    f"Everything that is kept of a buyer in this event; of {MOST_BUYERS} at most where an address is theirs.",
    {200: BuyerFiles},
    "invalid",
    parameters=(BUYER_Q,),
)
@allowed("orders_view")
async def get_buyers(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    return Json(await read_files(services.database, event.id, read_search(request).q))


@promise(
    "Erases all that names a buyer in this event: addresses, notes, why refunds were asked for. The books stay"
    " whole.",
    {200: Erased},
)
@allowed("own")
async def delete_buyer(request: Request, admin: Admin) -> Response:
    services, buyer_id = services_of(request), request.path_params["buyer_id"]
    if not BUYER_ID.fullmatch(buyer_id):
        raise Problem("not_found")
    event = await services.event_for_organisers(request.path_params["slug"])
    erased = await erase_buyer(services.database, event.id, buyer_id)
    await record(request, admin, "buyer erased", event.id, subject=buyer_id, became=erased)
    return Json(erased)


@promise("What waits for somebody: empty on a good night.", {200: TroubleList})
@allowed("view")
async def get_trouble(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    return Json(await trouble_of(services, await services.event_for_organisers(request.path_params["slug"])))


async def trouble_of(services: Services, event: Event, letters: Sequence[DeadLetter] | None = None) -> TroubleList:
    """What waits for somebody in an event; with `letters`, those in place of their number."""
    told = (await services.dashboard.snapshot(event)).trust
    failed = told.verdict.failed if told.verdict and not told.verdict.ok else []
    set_aside = told.dlq or 0 if letters is None else letters
    return await read_trouble(services.database, event.id, set_aside, failed)


async def letters_for(services: Services, admin: Admin, event: Event) -> list[DeadLetter] | None:
    """The facts set aside that an admin may see, of all events or of this one; None: they cannot be read now."""
    if not admin.may("orders_view", event.id):
        return None
    try:
        async with asyncio.timeout(LETTERS_SECONDS):
            letters = await dead_letters(services.settings)
    except (KafkaUnavailable, TimeoutError) as error:
        log.warning("the dlq cannot be read: %s", error or type(error).__name__)
        return None
    if admin.may("orders_view"):
        return letters
    return [letter for letter in letters if ORDER_ID.fullmatch(letter.key) and event_of(letter.key) == event.id]


class Letter(msgspec.Struct, frozen=True):
    """A fact that could not be applied."""

    id: str
    at: Time
    order_id: str
    fact: str
    reason: str


class Letters(msgspec.Struct, frozen=True):
    """All of them, oldest first."""

    letters: list[Letter]


class Replay(msgspec.Struct, forbid_unknown_fields=True):
    """Which facts are told again; without ids, all of them."""

    ids: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=1_000)] = []


class Replayed(msgspec.Struct, frozen=True):
    """Which were told again; what still cannot be applied comes back."""

    replayed: list[str]


@promise("The facts that could not be applied, with their reasons.", {200: Letters})
@allowed("orders_view")
async def get_dlq(request: Request, admin: Admin) -> Response:
    letters = await dead_letters(services_of(request).settings)
    return Json(Letters([Letter(x.id, iso(x.at_ms), x.key, what(x), x.reason) for x in letters]))


@promise("Tells the ledger of facts again, once what was wrong is mended.", {200: Replayed}, body=Replay)
@allowed("orders")
async def post_replay(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, Replay)
    try:
        letters = await replay_letters(services.settings, services.producer, wanted.ids)
    except UnknownLetter as error:
        raise invalid(f"ids: the dlq has no {error}, or it was replayed already") from None
    ids = [letter.id for letter in letters]
    await record(request, admin, "dlq replayed", became={"ids": ids[:100], "count": len(ids)})
    return Json(Replayed(ids))


@promise(
    "A part of the books as CSV (`orders.csv`) or JSON lines (`orders.jsonl`), however long.", {200: EXPORTED}
)
@allowed("orders_view")
async def get_export(request: Request, admin: Admin) -> Response:
    services, name = services_of(request), request.path_params["export"]
    event = await services.event_for_organisers(request.path_params["slug"])
    what, _, form = name.partition(".")
    if what not in EXPORTS or form not in FORMS:
        raise Problem("not_found")
    rows = await rows_of(services.database, event.id, what)
    await record(request, admin, "exported", event.id, subject=name)
    return StreamingResponse(
        export(services.database, event.id, what, form),
        media_type=FORMS[form],
        headers={
            "Content-Disposition": f'attachment; filename="{event.slug}-{name}"',
            **({} if rows is None else {"Export-Rows": str(rows)}),
        },
    )
