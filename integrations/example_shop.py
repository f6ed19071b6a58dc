"""A shop of somebody else's, guarded by the waiting room.

Run it: ROOM=https://tickets.example EVENT=night-of-lights uvicorn --factory integrations.example_shop:shop
"""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integrations.asgi import WaitingRoomGuard


async def shelf(request: Request) -> Response:
    """What only those see who were let in."""
    return JSONResponse({"welcome": request.scope["ticketcraze"]["sub"]})


def shop() -> WaitingRoomGuard:
    """The guarded application."""
    app = Starlette(routes=[Route("/", shelf), Route("/shelf/{name}", shelf)])
    return WaitingRoomGuard(app, os.environ["ROOM"], os.environ["EVENT"])
