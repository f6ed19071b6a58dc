"""`ticketcraze admin`: who may see the dashboard."""

import argparse
import os

from app.cli.command import Answer, Commands, Failed
from app.infra.mysql import open_database
from app.organisers.accounts import ensure_admin
from app.settings import Settings

SHORTEST_PASSWORD = 12


def add(commands: Commands) -> None:
    """Adds the group."""
    admins = commands.group("admin", "who may see the dashboard")
    ensure = admins.add(
        "ensure",
        "Creates an admin, or sets the password, from ADMIN_PASSWORD.",
        _ensure,
        "ADMIN_PASSWORD=… ticketcraze admin ensure --user kim",
    )
    ensure.add_argument("--user", default="admin", help="the name to sign in with (admin)")


async def _ensure(settings: Settings, arguments: argparse.Namespace) -> Answer:
    password = os.environ.get("ADMIN_PASSWORD", "")
    if len(password) < SHORTEST_PASSWORD:
        raise Failed(f"ADMIN_PASSWORD needs {SHORTEST_PASSWORD} characters or more")
    async with open_database(settings) as database:
        await ensure_admin(database, arguments.user, password)
    return {"user": arguments.user}, f"{arguments.user} may sign in at /admin."
