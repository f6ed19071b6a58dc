"""A draft as its buyers will see it, for those who may edit it."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.live.shapes import event_facts
from app.sale.catalog import Stock
from app.units import iso, now_ms
from app.web.admin.session import admin_of
from app.web.languages import language_of
from app.web.problems import Problem
from app.web.rendering import buyers_page, markdown, words_in
from app.web.services import services_of
from app.web.view import view_of


async def preview_page(request: Request) -> Response:
    """The page of the sale with all its stock, which nobody can join; once it is on sale, its address.

    Whoever may not edit the event learns nothing of it: for them it is not there. Raises Problem `not_found`.
    """
    event = await services_of(request).event_for_organisers(request.path_params["slug"])
    admin = await admin_of(request)
    if admin is None or not admin.may("run", event.id):
        raise Problem("not_found")
    if event.state != "draft":
        return RedirectResponse(f"/events/{event.slug}", 303)
    stock = {
        sku.id: Stock(sku.id, sku.capacity, sku.capacity, held=0, sold=0, price_minor=sku.price_minor)
        for sku in event.skus
    }
    facts = msgspec.structs.replace(event_facts(event, "scheduled", stock, None, None), work=False)
    at_ms = now_ms()
    state: dict[str, Any] = {"event": msgspec.to_builtins(facts), "place": None, "orders": []}
    return buyers_page(
        request,
        "admin/preview.html",
        state=state | {"server_now": iso(at_ms), "returned": False},
        event=state["event"],
        v=view_of(state, at_ms, words_in(language_of(request))),
        about=markdown(event.description) if event.description else "",
        preview=True,
    )
