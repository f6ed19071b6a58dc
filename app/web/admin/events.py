"""Events as organisers make and change them: JSON under /api/v1/admin/events."""

import logging
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from app.infra.mysql import DatabaseUnavailable
from app.live.shapes import Money, Time
from app.organisers.access import Admin
from app.sale.catalog import Event, InvalidEvent, Sku, hints, parse_time
from app.sale.changing import (
    MAX_MESSAGE_CHARACTERS,
    Changed,
    InUse,
    NotADraft,
    NotClosed,
    NotScheduled,
    SkuChange,
    admit_now,
    change_event,
    delete_draft,
    tell_everybody,
)
from app.sale.events import NotOpen, create_event, find_event, list_events, note
from app.sale.pictures import MOST_BYTES, BadPicture, drop_picture, keep_picture, look_at
from app.units import iso, now_ms, optional_iso
from app.web.admin.access import allowed, record
from app.web.admin.repeating import repeatable
from app.web.http import Json, read_body, read_json
from app.web.problems import Problem, invalid
from app.web.promises import PICTURE, REPEAT_KEY, Parameter, promise
from app.web.services import services_of

log = logging.getLogger(__name__)

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Text = Annotated[str, Meta(max_length=20_000)]
Percent = Annotated[float, Meta(ge=0, lt=100)]
MAX_OPENS_IN_SECONDS = 366 * 86_400
MOST_ADMITTED = 10_000
FIELDS = {"rate": "rate_per_minute", "pass-ttl": "pass_ttl_seconds", "hold-ttl": "hold_ttl_seconds"}  # of options
IF_MATCH = Parameter(
    "If-Match",
    "header",
    "The `ETag` of what the change was made to: refused when it is another one.",
    {"type": "string"},
)


class NewSku(msgspec.Struct, forbid_unknown_fields=True):
    """A kind of ticket to be sold; the price in minor units. They are listed in this order.

    `max_per_buyer` is of this kind, besides the event's; `sells_from` and `sells_until` are when it is on sale.
    `vat_percent` is the value added tax in the price, with two decimals at most.
    """

    name: Text
    price: Money
    capacity: Count
    vat_percent: Percent = 0
    max_per_buyer: Count | None = None
    sells_from: Text | None = None
    sells_until: Text | None = None


class NewEvent(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An event to be sold. It opens at `opens_at`, or in `opens_in` seconds, 0 being now; a draft is not seen."""

    slug: Text
    name: Text
    skus: Annotated[list[NewSku], Meta(max_length=50)]
    currency: Text = "USD"
    opens_at: Text | None = None
    opens_in: Annotated[int, Meta(ge=0, le=MAX_OPENS_IN_SECONDS)] | None = None
    rate_per_minute: Count = 600
    room: Count = 200
    pass_ttl_seconds: Count = 300
    hold_ttl_seconds: Count = 300
    max_per_buyer: Count = 4
    starts_at: Text | None = None
    doors_at: Text | None = None
    venue: Text | None = None
    overbooking_percent: Count | None = None
    description: Text | None = None
    refund_days: Count | None = None
    retention_days: Count | None = None
    deposit_percent: Count | None = None
    rest_due_days: Count | None = None
    provider: Text = "sandbox"
    draft: bool = False


class ChangedSku(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What becomes of a kind of ticket: found by its id, else by its name; one that is not there is new.

    `position` is where it is listed, from 1 on: the others make room.
    """

    id: Count | None = None
    name: Text | None = None
    price: Money | None = None
    capacity: Count | None = None
    vat_percent: Percent | None = None
    position: Count | None = None
    max_per_buyer: Count | UnsetType | None = UNSET
    sells_from: Text | UnsetType | None = UNSET
    sells_until: Text | UnsetType | None = UNSET


class ChangedEvent(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What becomes of an event; what is left out stays as it is."""

    name: Text | UnsetType = UNSET
    opens_at: Text | UnsetType = UNSET
    rate_per_minute: Count | UnsetType = UNSET
    room: Count | UnsetType = UNSET
    pass_ttl_seconds: Count | UnsetType = UNSET
    hold_ttl_seconds: Count | UnsetType = UNSET
    max_per_buyer: Count | UnsetType = UNSET
    starts_at: Text | UnsetType | None = UNSET
    doors_at: Text | UnsetType | None = UNSET
    venue: Text | UnsetType | None = UNSET
    overbooking_percent: Count | UnsetType | None = UNSET
    description: Text | UnsetType | None = UNSET
    archived: bool | UnsetType = UNSET
    refund_days: Count | UnsetType | None = UNSET
    retention_days: Count | UnsetType | None = UNSET
    deposit_percent: Count | UnsetType | None = UNSET
    rest_due_days: Count | UnsetType | None = UNSET
    skus: Annotated[list[ChangedSku], Meta(max_length=50)] = []


class SkuSettings(msgspec.Struct, frozen=True):
    """A kind of ticket as it is set; `position` is where it is listed, from 1 on."""

    id: int
    name: str
    price: Money
    capacity: int
    vat_percent: float
    position: int
    max_per_buyer: int | None
    sells_from: Time | None
    sells_until: Time | None


class EventSettings(msgspec.Struct, frozen=True):
    """An event as it is set. `hints` are what is allowed and most likely not meant."""

    id: int
    slug: str
    name: str
    currency: str
    state: str
    opens_at: Time
    rate_per_minute: int
    room: int
    pass_ttl_seconds: int
    hold_ttl_seconds: int
    max_per_buyer: int
    starts_at: Time | None
    doors_at: Time | None
    venue: str | None
    overbooking_percent: int | None
    description: str | None
    refund_days: int | None
    retention_days: int | None
    deposit_percent: int | None
    rest_due_days: int | None
    picture: str | None
    provider: str
    archived: bool
    revision: int
    skus: list[SkuSettings]
    hints: list[str]


class EventSettingsList(msgspec.Struct, frozen=True):
    """The events that the admin may see, those that open last first."""

    events: list[EventSettings]


class Admit(msgspec.Struct, forbid_unknown_fields=True):
    """How many are to come in now, whatever rate and room say."""

    count: Annotated[int, Meta(ge=1, le=MOST_ADMITTED)]


class Admitting(msgspec.Struct, frozen=True):
    """How many come in within a second, if so many are here, and how many wait."""

    count: int
    waiting: int


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """What everybody reads who has the page of the sale open; empty: nothing any more."""

    text: Annotated[str, Meta(max_length=MAX_MESSAGE_CHARACTERS)]


def settings_of(event: Event) -> EventSettings:
    """An event as organisers are told of it."""
    return EventSettings(
        id=event.id,
        slug=event.slug,
        name=event.name,
        currency=event.currency,
        state=event.state,
        opens_at=iso(event.opens_at_ms),
        rate_per_minute=event.rate_per_minute,
        room=event.room,
        pass_ttl_seconds=event.pass_ttl_seconds,
        hold_ttl_seconds=event.hold_ttl_seconds,
        max_per_buyer=event.max_per_buyer,
        starts_at=optional_iso(event.starts_at_ms),
        doors_at=optional_iso(event.doors_at_ms),
        venue=event.venue,
        overbooking_percent=event.overbooking_percent,
        description=event.description,
        refund_days=event.refund_days,
        retention_days=event.retention_days,
        deposit_percent=event.deposit_percent,
        rest_due_days=event.rest_due_days,
        picture=event.picture_address,
        provider=event.provider,
        archived=event.archived,
        revision=event.revision,
        skus=[
            SkuSettings(
                sku.id,
                sku.name,
                sku.price_minor,
                sku.capacity,
                float(sku.vat_percent),
                position,
                sku.max_per_buyer,
                optional_iso(sku.sells_from_ms),
                optional_iso(sku.sells_until_ms),
            )
            for position, sku in enumerate(event.skus, 1)
        ],
        hints=hints(event),
    )


def etag_of(event: Event) -> str:
    """What `If-Match` must say."""
    return f'"{event.revision}"'


def _answer(event: Event, http_status: int = 200) -> Response:
    answer = Json(settings_of(event), http_status)
    answer.headers["ETag"] = etag_of(event)
    return answer


@promise("The events of an organiser, drafts and archived ones too.", {200: EventSettingsList})
@allowed("view", somewhere=True)
async def get_admin_events(request: Request, admin: Admin) -> Response:
    events = await list_events(services_of(request).database, for_organisers=True)
    return Json(EventSettingsList([settings_of(event) for event in events if admin.may("view", event.id)]))


@promise(
    "Creates an event.",
    {201: EventSettings},
    "key_reused",
    parameters=(REPEAT_KEY,),
    body=NewEvent,
    says_where=True,
)
@allowed("run")
@repeatable
async def post_event(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, NewEvent)
    if services.settings.environment == "production" and wanted.provider == "sandbox":
        raise invalid("provider: the sandbox takes no real money; production needs another one")
    try:
        event = await create_event(services.database, services.redis, new_event(wanted))
    except InvalidEvent as error:
        raise invalid(_in_json(str(error))) from None
    await record(request, admin, "event created", event.id, became=settings_of(event))
    answer = _answer(event, 201)
    answer.headers["Location"] = f"/api/v1/admin/events/{event.slug}/settings"
    return answer


def new_event(wanted: NewEvent) -> Event:
    """The event that is asked for. Raises InvalidEvent."""
    if wanted.opens_at is not None and wanted.opens_in is not None:
        raise InvalidEvent("opens_at: either this or opens_in")
    now = now_ms()
    opens_at_ms = now + (60 if wanted.opens_in is None else wanted.opens_in) * 1000
    if wanted.opens_at is not None:
        opens_at_ms = parse_time("opens_at", wanted.opens_at)
    return Event(
        id=0,
        slug=wanted.slug,
        name=wanted.name.strip(),
        currency=wanted.currency.upper(),
        state="draft" if wanted.draft else "scheduled" if opens_at_ms > now else "open",
        notice=None,
        accent="",
        opens_at_ms=opens_at_ms,
        rate_per_minute=wanted.rate_per_minute,
        room=wanted.room,
        pass_ttl_seconds=wanted.pass_ttl_seconds,
        hold_ttl_seconds=wanted.hold_ttl_seconds,
        max_per_buyer=wanted.max_per_buyer,
        draw_secret="",
        skus=tuple(
            Sku(
                0,
                sku.name.strip(),
                sku.price,
                sku.capacity,
                vat_percent=_percent(sku.vat_percent),
                max_per_buyer=sku.max_per_buyer,
                sells_from_ms=_time("sells_from", sku.sells_from),
                sells_until_ms=_time("sells_until", sku.sells_until),
            )
            for sku in wanted.skus
        ),
        starts_at_ms=_time("starts_at", wanted.starts_at),
        doors_at_ms=_time("doors_at", wanted.doors_at),
        venue=None if wanted.venue is None else wanted.venue.strip(),
        overbooking_percent=wanted.overbooking_percent,
        description=wanted.description,
        refund_days=wanted.refund_days,
        retention_days=wanted.retention_days,
        deposit_percent=wanted.deposit_percent,
        rest_due_days=wanted.rest_due_days,
        provider=wanted.provider,
    )


def _percent(number: float) -> Decimal:
    """What was written, exactly."""
    return Decimal(str(number))


def _time(name: str, text: str | None) -> int | None:
    return None if text is None else parse_time(name, text)


@promise("An event as it is set, with its `ETag` for a change.", {200: EventSettings})
@allowed("view")
async def get_settings(request: Request, admin: Admin) -> Response:
    return _answer(await find_event(services_of(request).database, request.path_params["slug"]))


@promise(
    "Changes an event: settings, stock and prices, at once, for new passes and holds.",
    {200: EventSettings},
    "changed",
    "in_use",
    "not_scheduled",
    "not_closed",
    "closed",
    "invalid",
    parameters=(IF_MATCH,),
    body=ChangedEvent,
)
@allowed("run")
async def patch_event(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, ChangedEvent)
    event = await services.event_for_organisers(request.path_params["slug"])
    try:
        skus = [_sku_change(sku) for sku in wanted.skus]
        before, after = await change_event(
            services.database, services.redis, event, _settings(wanted), skus, _revision(request)
        )
    except InvalidEvent as error:
        raise invalid(_in_json(str(error))) from None
    except Changed as error:
        raise Problem("changed", event=msgspec.to_builtins(settings_of(error.event))) from None
    except InUse as error:
        detail = f"{error.sku.name}: {error.taken} are held or sold, so {error.taken} is the least there can be."
        raise Problem("in_use", detail, sku_id=error.sku.id, taken=error.taken) from None
    except NotScheduled:
        raise Problem("not_scheduled") from None
    except NotClosed:
        raise Problem("not_closed") from None
    was, became = difference(before, after)
    await record(request, admin, "event changed", event.id, was=was, became=became)
    if became:
        await note(services.database, event.id, f"{admin} changed {_in_words(became)}")
    await services.events.refresh(event.slug)
    return _answer(after)


def _settings(wanted: ChangedEvent) -> dict[str, Any]:
    """The fields of Event that change. Raises InvalidEvent."""
    given = {
        name: value
        for name in ChangedEvent.__struct_fields__
        if name != "skus" and (value := getattr(wanted, name)) is not UNSET
    }
    for name in ("opens_at", "starts_at", "doors_at"):
        if name in given:
            text = given.pop(name)
            given[f"{name}_ms"] = None if text is None else parse_time(name, text)
    for name in ("name", "venue"):
        if given.get(name):
            given[name] = given[name].strip()
    return given


def _sku_change(wanted: ChangedSku) -> SkuChange:
    """What becomes of a sku, in fields of Sku. Raises InvalidEvent."""
    named = {
        "name": None if wanted.name is None else wanted.name.strip(),
        "price_minor": wanted.price,
        "capacity": wanted.capacity,
        "vat_percent": None if wanted.vat_percent is None else _percent(wanted.vat_percent),
    }
    settings: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    if wanted.max_per_buyer is not UNSET:
        settings["max_per_buyer"] = wanted.max_per_buyer
    if wanted.sells_from is not UNSET:
        settings["sells_from_ms"] = _time("sells_from", wanted.sells_from)
    if wanted.sells_until is not UNSET:
        settings["sells_until_ms"] = _time("sells_until", wanted.sells_until)
    return SkuChange(wanted.id, settings, wanted.position)


def _revision(request: Request) -> int | None:
    """What `If-Match` says. Raises Problem `invalid`."""
    text = request.headers.get("if-match", "*").strip().removeprefix("W/").strip('"')
    if text == "*":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise invalid("If-Match: the ETag of the event's settings")
    return int(text)


def difference(before: Event, after: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of an event is not as it was: then, and now; a sku by its name."""
    was, became = (_flat(settings_of(event)) for event in (before, after))
    names = [name for name in {**was, **became} if was.get(name) != became.get(name)]
    return {name: was.get(name) for name in names}, {name: became.get(name) for name in names}


def _in_words(became: dict[str, Any]) -> str:
    """What changed and to what, for the feed; a long text by its name alone."""
    parts = []
    for name, value in became.items():
        words = name.replace("_", " ")
        parts.append(words if len(str(value)) > 40 else f"{words} to {'none' if value is None else value}")
    return ", ".join(parts)


def _flat(settings: EventSettings) -> dict[str, Any]:
    flat: dict[str, Any] = msgspec.to_builtins(settings)
    for name in ("hints", "revision"):
        del flat[name]
    for sku in flat.pop("skus"):
        flat |= {f"{sku['name']}: {name}": value for name, value in sku.items() if name not in ("id", "name")}
    return flat


def _in_json(text: str) -> str:
    """What is said of a command's option, of the field that is the same."""
    option, colon, rest = text.partition(":")
    return f"{FIELDS.get(option, option.replace('-', '_'))}{colon}{rest}"


@promise(
    "Shows this picture of the event: a JPEG, PNG or WebP of 8 MB at most. What buyers get is made from it.",
    {200: EventSettings},
    "too_large",
    "invalid",
    "closed",
    body=PICTURE,
)
@allowed("run")
async def put_picture(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    try:
        picture = await look_at(await read_body(request, MOST_BYTES))
    except BadPicture as error:
        raise invalid(f"picture: {error}") from None
    await keep_picture(services.database, picture)
    return await _show_picture(request, admin, event, picture.hash)


@promise("Takes the picture of the event away.", {200: EventSettings}, "closed")
@allowed("run")
async def delete_picture(request: Request, admin: Admin) -> Response:
    event = await services_of(request).event_for_organisers(request.path_params["slug"])
    return await _show_picture(request, admin, event, None)


async def _show_picture(request: Request, admin: Admin, event: Event, picture: str | None) -> Response:
    services = services_of(request)
    before, after = await change_event(services.database, services.redis, event, {"picture": picture})
    if before.picture and before.picture != picture:
        await drop_picture(services.database, before.picture)
    was, became = difference(before, after)
    await record(request, admin, "event changed", event.id, was=was, became=became)
    await services.events.refresh(event.slug)
    return _answer(after)


@promise("Deletes a draft.", {204: None}, "not_a_draft")
@allowed("run")
async def delete_event(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    try:
        await delete_draft(services.database, event)
    except NotADraft:
        raise Problem("not_a_draft") from None
    await record(request, admin, "draft deleted", event.id, subject=event.slug, was=settings_of(event))
    await services.events.refresh(event.slug)
    return Response(status_code=204)


@promise(
    "Has the next buyers come in now, whatever rate and room say.",
    {200: Admitting},
    "not_open",
    "closed",
    "key_reused",
    parameters=(REPEAT_KEY,),
    body=Admit,
)
@allowed("run")
@repeatable
async def post_admit(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, Admit)
    event = await services.event_for_organisers(request.path_params["slug"])
    try:
        waiting = await admit_now(services.redis, event, wanted.count)
    except NotOpen:
        raise Problem("not_open", "Only an open sale lets anybody in.") from None
    await record(request, admin, "let in now", event.id, became={"count": wanted.count})
    await _note(request, event, f"{admin} let the next {wanted.count} in")
    return Json(Admitting(wanted.count, waiting))


@promise("Tells everybody who has the page of the sale open.", {200: EventSettings}, "closed", body=Message)
@allowed("run")
async def post_message(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, Message)
    event = await services.event_for_organisers(request.path_params["slug"])
    text = " ".join(wanted.text.split())
    await tell_everybody(services.redis, event, text)
    await record(request, admin, "message", event.id, became={"text": text})
    await _note(request, event, f"{admin} told everybody: {text}" if text else f"{admin} took the message away")
    return _answer(event)


async def _note(request: Request, event: Event, text: str) -> None:
    try:
        await note(services_of(request).database, event.id, text)
    except DatabaseUnavailable as error:
        log.warning("%s: %r is not in its feed: %s", event.slug, text, error)
