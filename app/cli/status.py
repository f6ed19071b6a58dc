"""`ticketcraze status`: each server and process, and how it is."""

import argparse

import msgspec

from app.cli.command import Answer, Commands
from app.infra.local_stack import local_stack
from app.settings import Settings
from app.watch.status import read_status


def add(commands: Commands) -> None:
    """Adds the command."""
    commands.add(
        "status", "Shows each server and process; exit 1 if one is not up.", _status, "ticketcraze status --json"
    )


async def _status(settings: Settings, arguments: argparse.Namespace) -> Answer:
    parts = await read_status(settings, local_stack())
    lines = [f"{p.name:<12} pid {p.pid or '-':<8} {p.address:<24} {p.source:<18} {p.health}" for p in parts]
    ok = all(part.health == "up" for part in parts)
    return {"ok": ok, "processes": [msgspec.to_builtins(part) for part in parts]}, "\n".join(lines)
