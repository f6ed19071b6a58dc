"""The buyers' websocket. What is told on it is in app/live."""

from starlette.websockets import WebSocket

from app.sale.events import check_not_over
from app.sale.returning import look_again
from app.tokens import Buyer
from app.web.callers import buyer_of
from app.web.services import services_of
from app.web.sockets import line_of, socket_for


@socket_for(buyer_of)
async def buyer_socket(websocket: WebSocket, buyer: Buyer) -> None:
    """`WS /ws/events/{slug}`: place, stock and orders as they stand, then every change."""
    services = services_of(websocket)
    event = await services.event(websocket.path_params["slug"])
    check_not_over(event)
    place = await look_again(services.redis, event.id, buyer.id, buyer.numbers.get(event.id))
    await services.hub.serve(websocket, line_of(websocket), event.id, buyer.id, place)
