"""What every command is made of: a name, an example, and an answer for programs and for people."""

import argparse
from collections.abc import Awaitable, Callable
from typing import Any

from app.settings import Settings

COMMAND_LINE = "The command line"  # who did it, where people read what was done

Answer = tuple[dict[str, Any], str]  # for --json, and for people; {"ok": False, …} is exit 1
Do = Callable[[Settings, argparse.Namespace], Awaitable[Answer]]


class Failed(Exception):
    """The command could not do what was asked, and says why."""


class Commands:
    """A group of commands; the outermost is `ticketcraze` itself."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def group(self, name: str, does: str) -> "Commands":
        """A group inside this one: `ticketcraze event …`."""
        return Commands(self._commands.add_parser(name, help=does, description=does))

    def add(self, name: str, does: str, do: Do, example: str) -> argparse.ArgumentParser:
        """A command of this group; `example` is a whole line that may be typed."""
        added: argparse.ArgumentParser = self._commands.add_parser(
            name,
            help=does,
            description=does,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.add_argument("--json", action="store_true", help="answer with one line of JSON")
        added.set_defaults(do=do)
        return added
