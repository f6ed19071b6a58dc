"""`ticketcraze admin`: who may see the dashboard, and who is signed in."""

import argparse
import os
from typing import Any

from app.cli.command import Answer, Commands, Failed
from app.infra.mysql import Row, open_database
from app.organisers.accounts import canonical_name, ensure_admin, list_admins, remove_admin
from app.organisers.sessions import end_sessions, list_sessions
from app.settings import Settings
from app.units import iso, to_ms


def add(commands: Commands) -> None:
    """Adds the group."""
    admins = commands.group("admin", "who may see the dashboard, and who is signed in")
    ensure = admins.add(
        "ensure",
        "Creates an admin, or sets the password, from ADMIN_PASSWORD. A new password ends all sessions.",
        _ensure,
        "ADMIN_PASSWORD=… ticketcraze admin ensure --user kim",
    )
    ensure.add_argument("--user", default="admin", help="the name to sign in with (admin)")
    admins.add("list", "Lists the admins.", _list, "ticketcraze admin list")
    admins.add(
        "sessions", "Lists who is signed in, from where and since when.", _sessions, "ticketcraze admin sessions"
    )
    for name, does, do in (
        ("remove", "Removes an admin and ends their sessions.", _remove),
        ("sign-out", "Ends all sessions of an admin.", _sign_out),
    ):
        admins.add(name, does, do, f"ticketcraze admin {name} kim").add_argument("user", metavar="NAME")


async def _ensure(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        name, done = await ensure_admin(database, arguments.user, os.environ.get("ADMIN_PASSWORD", ""))
    ended = " All earlier sessions have ended." if done == "changed" else ""
    return {"user": name, "done": done}, f"{name} may sign in at /admin.{ended}"


async def _list(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        found = [_in_json(row) for row in await list_admins(database)]
    lines = [f"{a['name']:<32} since {a['created_at']}  sessions {a['sessions']}" for a in found]
    return {"admins": found}, "\n".join(lines) or "There are no admins yet: ticketcraze admin ensure --help"


async def _sessions(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        found = [_in_json(row) for row in await list_sessions(database)]
    lines = [
        f"{s['admin']:<24} since {s['created_at']}  seen {s['last_seen_at']}  {s['address']}  {s['user_agent']}"
        for s in found
    ]
    return {"sessions": found}, "\n".join(lines) or "Nobody is signed in."


async def _remove(settings: Settings, arguments: argparse.Namespace) -> Answer:
    name = canonical_name(arguments.user)
    async with open_database(settings) as database:
        if not await remove_admin(database, name):
            raise Failed(f"There is no admin {name}.")
    return {"user": name}, f"{name} is removed."


async def _sign_out(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        ended = await end_sessions(database, arguments.user)
    name = canonical_name(arguments.user)
    return {"user": name, "ended": ended}, f"{name}: {ended} sessions ended."


def _in_json(row: Row) -> dict[str, Any]:
    return {name: iso(to_ms(value)) if name.endswith("_at") else value for name, value in row.items()}
