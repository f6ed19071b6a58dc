"""The web server of a process: uvicorn behind a door of our own."""

import asyncio
import os
import resource
import signal
import socket
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from app.settings import Settings
from app.web.connections import Config, Connection, Door, Limits

GRACEFUL_SECONDS = 5
PING_SECONDS = 60  # the library's 20 costs three times the wake-ups with 10,000 sockets
BACKLOG = 4_096
OWN_FILES = 256  # servers, logs, the event loop: what is not a client's connection
LEAST_CONNECTIONS = 64


def limits_of(settings: Settings) -> Limits:
    """What clients may take, by the settings and by the files that a process may open (as many as allowed)."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    connections = max(files - OWN_FILES, LEAST_CONNECTIONS)
    on_host = settings.max_connections or connections * settings.web_processes
    per_address = settings.connections_per_address or on_host // 2
    return Limits(min(connections, on_host), per_address, settings.max_connections, settings.trusted_proxies)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


class Server(uvicorn.Server):
    """Serves an application to whoever comes through the door; ends when `parent` (a file) can be read from."""

    def __init__(self, app: ASGIApp, listener: socket.socket, door: Door, parent: int | None = None) -> None:
        self._config = _config(app, door)
        super().__init__(self._config)
        self._door = door
        self._listener = listener
        self._parent = parent

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Opens the door once the application has started."""
        if self._parent is not None:
            asyncio.get_running_loop().add_reader(self._parent, self._end_alone, self._parent)
        await super().startup(sockets=[])
        self.servers = [self._door]  # type: ignore[list-item]  # closed like one of uvicorn's own
        self._door.open(self._listener, partial(Connection, self._config, self.server_state, self.lifespan.state))

    def _end_alone(self, parent: int) -> None:
        """Who would have told this process to end, or started it again, is gone."""
        asyncio.get_running_loop().remove_reader(parent)
        if not self.started:  # what it waits for while it starts may never come
            os._exit(1)
        self.handle_exit(signal.SIGTERM, None)


def _config(app: ASGIApp, door: Door) -> Config:
    return Config(
        app,
        door,
        lifespan="on",
        loop="uvloop",
        ws_per_message_deflate=False,  # 59 -> 24 KiB a socket
        ws_ping_interval=PING_SECONDS,
        ws_max_size=4_096,  # buyers have nothing to say on it
        timeout_keep_alive=door.limits.idle_seconds,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        access_log=False,
        proxy_headers=False,  # see app/web/addresses.py
        server_header=False,
        log_level="warning",
    )
