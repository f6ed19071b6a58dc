"""One address, one route, whatever its methods: so that a refusal names all of them."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from app.web.callers import Handler
from app.web.problems import Problem, answer_error


class Resource:
    """The handlers of one address by method. HEAD is GET without the body."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self.handlers = dict(handlers)
        if "GET" in self.handlers:
            self.handlers["HEAD"] = self.handlers["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        request = Request(scope, receive, send)
        handler = self.handlers.get(request.method)
        scope["readable"] = "GET" in self.handlers  # what a page of a problem may lead to
        if handler is None:
            answer = await answer_error(request, Problem("not_allowed"))
            answer.headers["Allow"] = ", ".join(sorted(self.handlers))
        else:
            scope["endpoint"] = handler  # what the figures name
            answer = await handler(request)
        await answer(scope, receive, send)


def resource(path: str, **handlers: Handler) -> Route:
    """A route with all its methods: resource("/orders/{order_id}", GET=get_order, DELETE=cancel_order)."""
    return Route(path, Resource(handlers))


def router(*routes: Any) -> Router:
    """Routes below a prefix. None redirects: where to would be up to the Host header."""
    return Router(routes, redirect_slashes=False)
