"""One address, one route, whatever its methods: so that a refusal names all of them. And how it is found."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

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


@dataclass
class _Step:
    """What may follow a part of a path: a certain word, or anything, which is a parameter of this name."""

    words: dict[str, "_Step"] = field(default_factory=dict)
    anything: "_Step | None" = None
    parameter: str = ""
    apps: dict[str, ASGIApp] = field(default_factory=dict)  # by the scope's type


class Lookup:
    """Finds a route word by word, where Starlette tries one pattern after the other: 3 µs instead of 25.

    What it does not find is left to `otherwise`, Starlette's own router, so nothing is found differently.
    """

    def __init__(self, routes: Iterable[BaseRoute], otherwise: ASGIApp) -> None:
        self._root = _Step()
        self._otherwise = otherwise
        for path, kind, app in _flat(routes):
            step = self._root
            for word in path.split("/")[1:]:
                if word.startswith("{"):
                    step.anything = step.anything or _Step()
                    if step.parameter not in ("", word[1:-1]):
                        raise ValueError(f"{path}: two names for one parameter")
                    step.parameter = word[1:-1]
                    step = step.anything
                else:
                    step = step.words.setdefault(word, _Step())
            step.apps[kind] = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        step: _Step | None = self._root
        parameters = {}
        for word in scope["path"].split("/")[1:] if "path" in scope else ():
            assert step is not None
            if word in step.words:
                step = step.words[word]
            else:
                parameters[step.parameter] = word
                step = step.anything if word else None
            if step is None:
                break
        app = step.apps.get(scope["type"]) if step else None
        if app is None:
            await self._otherwise(scope, receive, send)
        else:
            scope["path_params"] = parameters
            await app(scope, receive, send)


def _flat(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str, ASGIApp]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _flat(route.routes, prefix + route.path)
        elif isinstance(route, Route):
            yield prefix + route.path, "http", route.app
        elif isinstance(route, WebSocketRoute):
            yield prefix + route.path, "websocket", route.app
