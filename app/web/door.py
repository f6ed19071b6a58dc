"""The scanner's page: public, for nothing in it is secret; browsers keep it for when there is no network."""

from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from app.web.rendering import FILES, TEMPLATES, page
from app.web.services import services_of
from app.web.static import PREFIX
from app.words import ENGLISH

_KEPT = ("js/door/", "js/shared/", "vendor/", "css/base.css", "css/door.css", "mark.svg")


async def scan_page(request: Request) -> Response:
    """The scanner of an event, with the public keys that codes are good with."""
    services = services_of(request)
    event = await services.event(request.path_params["slug"])
    state = {
        "event": {
            "id": event.id,
            "slug": event.slug,
            "skus": [{"id": sku.id, "name": sku.name} for sku in event.skus],
        },
        "keys": [{"kid": key.id, "x": key.x} for key in services.ticket_keys.public],
    }
    return page("door/scan.html", event=event, state=state)


async def worker(request: Request) -> Response:
    """The service worker, which names every file it keeps; a new one has another name for them."""
    files = sorted(PREFIX + file.name for name, file in FILES.items() if name.startswith(_KEPT))
    name = f"door-{sha256(' '.join(files).encode()).hexdigest()[:12]}"
    text = TEMPLATES[ENGLISH.code].get_template("door/worker.js").render(name=name, files=files)
    return Response(text, media_type="text/javascript", headers={"Cache-Control": "no-cache"})
