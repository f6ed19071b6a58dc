"""Where each server comes from: a URL in the environment, else this machine, else an installation."""

import enum
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from stack.console import Console
from stack.folder import StackFolder
from stack.supervisor import Program


class Origin(enum.StrEnum):
    """Which of the three it was, as the table shows it."""

    ENVIRONMENT = "environment"
    INSTALLED = "already installed"
    INSTALLED_NOW = "installed now"


class Server(Protocol):
    """One of the servers the application needs."""

    name: str
    url_variable: str
    refusals: tuple[type[Exception], ...]  # what ask_version raises without an answer; OSError among them

    def missing_packages(self) -> list[str]:
        """Debian packages to install before this server can be started here."""

    def fetch(self, console: Console) -> bool:
        """Download what no package holds; whether there was anything to download."""

    def version(self) -> str:
        """The version of the program on this machine."""

    def environment(self, folder: StackFolder) -> dict[str, str]:
        """The variables that lead to the server started from this folder."""

    async def prepare(self, folder: StackFolder, log: Path) -> Program:
        """Make its data folder if there is none, write its configuration, say how to start it."""

    async def ask_version(self, environment: Mapping[str, str]) -> str:
        """Have the server behind the URL answer; raises when it does not. Returns its version."""

    def address(self, environment: Mapping[str, str]) -> str:
        """host:port, without user or password."""


def find_origins(
    servers: Sequence[Server],
    environment: Mapping[str, str],
    console: Console,
    install: Callable[[Console, Sequence[str]], None],
) -> dict[str, Origin]:
    """Each server's origin by its name; installs everything that is missing, packages in one go.

    Raises StackError when something is missing and can't be installed.
    """
    local = [server for server in servers if not environment.get(server.url_variable)]
    missing = {server.name: server.missing_packages() for server in local}
    packages = sorted({package for names in missing.values() for package in names})
    if packages:
        install(console, packages)
    origins = {server.name: Origin.ENVIRONMENT for server in servers}
    for server in local:
        fetched = server.fetch(console)
        is_new = fetched or bool(missing[server.name])
        origins[server.name] = Origin.INSTALLED_NOW if is_new else Origin.INSTALLED
    return origins
