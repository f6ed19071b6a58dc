"""The organiser's pages."""

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.infra.redis import NotReady
from app.organisers.access import Admin, rights_in
from app.organisers.dashboard import state_for_organisers
from app.organisers.walls import read_wall
from app.sale.catalog import Stock
from app.sale.events import list_events, read_sale
from app.units import iso
from app.web.admin.access import allowed
from app.web.admin.walls import link_to
from app.web.rendering import page
from app.web.services import services_of


@allowed("view", page=True, somewhere=True)
async def events_page(request: Request, admin: Admin) -> Response:
    """The list of sales that this admin may see."""
    services = services_of(request)
    rows = []
    for event in await list_events(services.database, for_organisers=True):
        if not admin.may("view", event.id):
            continue
        state: str | None = event.state
        stock: dict[int, Stock] = {}
        try:
            if event.state != "draft":
                state, stock, *_ = await read_sale(services.redis, event)
        except NotReady:
            state = None
        rows.append(
            {
                "slug": event.slug,
                "name": event.name,
                "sale": "draft" if state == "draft" else state_for_organisers(state, stock),
                "archived": event.archived,
                "opens_at": iso(event.opens_at_ms),
                "capacity": sum(sku.capacity for sku in event.skus),
                "sold": sum(s.sold for s in stock.values()),
                "held": sum(s.held for s in stock.values()),
            }
        )
    return page("admin/events.html", events=rows, may_create=admin.may("run"), owns=admin.may("own"))


@allowed("view", page=True)
async def event_page(request: Request, admin: Admin) -> Response:
    """The dashboard of one sale."""
    services = services_of(request)
    event = await services.event_for_organisers(request.path_params["slug"])
    if event.state == "draft":
        return RedirectResponse(f"/admin/events/{event.slug}/settings", 303)
    now = await services.dashboard.snapshot(event)
    wall = await read_wall(services.database, event.id)
    return page(
        "admin/event.html",
        snapshot=msgspec.to_builtins(now),
        rights=rights_in(admin, event.id),
        wall=wall and msgspec.to_builtins(link_to(services, event, wall)),
    )
