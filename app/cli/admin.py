"""`ticketcraze admin`: who may do what, who is signed in, and the keys of programs."""

import argparse
import os
from typing import Any

from app.cli.command import COMMAND_LINE, Answer, Commands, Failed
from app.infra.mysql import Row, open_database
from app.infra.redis import open_redis
from app.organisers.access import EVERY_EVENT, ROLES, SCOPES
from app.organisers.accounts import (
    canonical_name,
    ensure_admin,
    list_admins,
    list_roles,
    remove_admin,
    set_role,
)
from app.organisers.factors import end_factor
from app.organisers.invitations import DAYS, invite, list_invitations, withdraw
from app.organisers.keys import create_key, list_keys, revoke_key
from app.organisers.log import AdminLog, Deed, read_logins
from app.organisers.sessions import end_sessions, list_sessions
from app.outbound.inviting import link_of
from app.sale.events import find_event
from app.settings import Settings
from app.units import iso, to_ms

MOST_LOGINS = 100


def add(commands: Commands) -> None:
    """Adds the group."""
    admins = commands.group("admin", "who may do what, who is signed in, and the keys of programs")
    ensure = admins.add(
        "ensure",
        "Creates an admin, or sets the password, from ADMIN_PASSWORD. A new password ends all sessions.",
        _ensure,
        "ADMIN_PASSWORD=… ticketcraze admin ensure --user kim",
    )
    ensure.add_argument("--user", default="admin", help="the name to sign in with (admin)")
    ensure.add_argument("--role", choices=ROLES, default="owner", help="of a new admin, in every event (owner)")
    admins.add("list", "Lists the admins.", _list, "ticketcraze admin list")
    admins.add(
        "sessions", "Lists who is signed in, from where and since when.", _sessions, "ticketcraze admin sessions"
    )
    role = admins.add(
        "role",
        f"Gives an admin a role, everywhere or in one event: {', '.join(ROLES)}, or none to take it away.",
        _role,
        "ticketcraze admin role kim box_office --event night-of-lights",
    )
    role.add_argument("user", metavar="NAME")
    role.add_argument("role", choices=(*ROLES, "none"))
    role.add_argument("--event", metavar="SLUG", help="in this event alone")
    admins.add("roles", "Lists who may do what, and where.", _roles, "ticketcraze admin roles")
    _add_keys(admins.group("key", "the API keys of programs"))
    lost = admins.add(
        "end-factor",
        "Takes an admin's second factor away, when authenticator and recovery codes are lost.",
        _end_factor,
        "ticketcraze admin end-factor kim",
    )
    lost.add_argument("user", metavar="NAME")
    invited = admins.add(
        "invite",
        "Invites somebody by mail: they choose a name and a password themselves.",
        _invite,
        "ticketcraze admin invite kim@example.com --role box_office --event night-of-lights",
    )
    invited.add_argument("email", metavar="EMAIL")
    invited.add_argument("--role", choices=ROLES, required=True, help="what they may do")
    invited.add_argument("--event", metavar="SLUG", help="in this event alone")
    admins.add("invitations", "Lists the invitations that stand.", _invitations, "ticketcraze admin invitations")
    admins.add(
        "withdraw", "Ends an invitation.", _withdraw, "ticketcraze admin withdraw 0123456789ab"
    ).add_argument("id", metavar="ID", help="as `invitations` has it")
    admins.add(
        "logins", "Lists who signed in, or tried to.", _logins, "ticketcraze admin logins --user kim"
    ).add_argument("--user", metavar="NAME", help="only this one")
    for name, does, do in (
        ("remove", "Removes an admin and ends their sessions.", _remove),
        ("sign-out", "Ends all sessions of an admin.", _sign_out),
    ):
        admins.add(name, does, do, f"ticketcraze admin {name} kim").add_argument("user", metavar="NAME")


def _add_keys(keys: Commands) -> None:
    create = keys.add(
        "create",
        "Makes an API key of an admin, and prints it: this once only.",
        _create_key,
        "ticketcraze admin key create --user kim --name shop --scope read --scope write",
    )
    create.add_argument(
        "--user", default="admin", help="whose key it is; it may never do more than they may (admin)"
    )
    create.add_argument("--name", required=True, help="what it is for, as lists and logs name it")
    create.add_argument("--scope", action="append", choices=SCOPES, help="what it may do; may be repeated (read)")
    create.add_argument("--event", metavar="SLUG", help="for this event alone")
    create.add_argument("--days", type=int, default=365, help="how long it is good (365)")
    keys.add(
        "list", "Lists the API keys: whose, what for, when last used.", _list_keys, "ticketcraze admin key list"
    )
    revoke = keys.add("revoke", "Ends an API key.", _revoke_key, "ticketcraze admin key revoke 0123456789ab")
    revoke.add_argument("id", metavar="ID", help="as `key list` has it")


async def _role(settings: Settings, arguments: argparse.Namespace) -> Answer:
    name = canonical_name(arguments.user)
    role = None if arguments.role == "none" else arguments.role
    async with open_database(settings) as database, open_redis(settings) as redis:
        event_id = (await find_event(database, arguments.event)).id if arguments.event else EVERY_EVENT
        if not await set_role(database, name, event_id, role):
            raise Failed(f"There is no admin {name}.")
        await AdminLog(redis, database).write(Deed(COMMAND_LINE, "role", event_id, name, became=role))
    where = arguments.event or "every event"
    return {"user": name, "role": role, "event": arguments.event}, f"{name} in {where}: {role or 'no role'}"


async def _roles(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        found = [{"user": r["admin"], "role": r["role"], "event": r["slug"]} for r in await list_roles(database)]
    lines = [f"{r['user']:<32} {r['role']:<12} {r['event'] or 'every event'}" for r in found]
    return {"roles": found}, "\n".join(lines) or "Nobody has a role."


async def _create_key(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        event_id = (await find_event(database, arguments.event)).id if arguments.event else EVERY_EVENT
        scopes = arguments.scope or ["read"]
        id_, key = await create_key(database, arguments.user, arguments.name, scopes, event_id, arguments.days)
        made = {"id": id_, "name": arguments.name, "scopes": sorted(set(scopes))}
        await AdminLog(redis, database).write(Deed(COMMAND_LINE, "key created", event_id, id_, became=made))
    return {**made, "user": canonical_name(arguments.user), "event": arguments.event, "key": key}, (
        f"{key}\n  Keep it now: it is not shown again. It is named {id_} in lists and logs."
    )


async def _list_keys(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        found = [_in_json(row) | {"scopes": row["scopes"].split()} for row in await list_keys(database)]
    lines = [
        f"{k['id']}  {k['name']:<24} {k['admin']:<24} {' '.join(k['scopes']):<16}"
        f" used {k['last_used_at'] or 'never'}  until {k['expires_at']}"
        for k in found
    ]
    return {"keys": found}, "\n".join(lines) or "There are no API keys: ticketcraze admin key create --help"


async def _revoke_key(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        if not await revoke_key(database, arguments.id):
            raise Failed(f"There is no key {arguments.id}.")
        await AdminLog(redis, database).write(Deed(COMMAND_LINE, "key revoked", subject=arguments.id))
    return {"id": arguments.id}, f"{arguments.id} is revoked."


async def _invite(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        event_id = (await find_event(database, arguments.event)).id if arguments.event else EVERY_EVENT
        id_, secret = await invite(database, arguments.email, arguments.role, event_id, None)
        await AdminLog(redis, database).write(Deed(COMMAND_LINE, "invited", event_id, id_, became=arguments.role))
    link = link_of(settings.public_url, secret)
    made = {"id": id_, "email": arguments.email, "role": arguments.role, "event": arguments.event, "link": link}
    return made, f"{arguments.email} gets a mail with this link, good once, for {DAYS} days:\n{link}"


async def _invitations(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        found = [_in_json(row) for row in await list_invitations(database)]
    lines = [
        f"{i['id']}  {i['email']:<32} {i['role']:<12} {i['slug'] or 'every event':<24} until {i['expires_at']}"
        f"  mail {i.get('mail', 'unknown').lower()}"
        for i in found
    ]
    return {"invitations": found}, "\n".join(lines) or "Nobody is invited."


async def _withdraw(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database, open_redis(settings) as redis:
        if not await withdraw(database, arguments.id):
            raise Failed(f"There is no invitation {arguments.id}.")
        await AdminLog(redis, database).write(Deed(COMMAND_LINE, "invitation withdrawn", subject=arguments.id))
    return {"id": arguments.id}, f"{arguments.id} is good no more."


async def _logins(settings: Settings, arguments: argparse.Namespace) -> Answer:
    who = canonical_name(arguments.user) if arguments.user else None
    async with open_database(settings) as database:
        found = [{**row, "at": iso(to_ms(row["at"]))} for row in await read_logins(database, who, MOST_LOGINS)]
    lines = [f"{r['at']}  {r['who']:<32} {r['action']:<16} {r['address']}" for r in found]
    return {"logins": found}, "\n".join(lines) or "Nobody signed in yet."


async def _end_factor(settings: Settings, arguments: argparse.Namespace) -> Answer:
    name = canonical_name(arguments.user)
    async with open_database(settings) as database, open_redis(settings) as redis:
        if not await end_factor(database, name):
            raise Failed(f"{name} has no second factor.")
        await AdminLog(redis, database).write(Deed(COMMAND_LINE, "second factor ended", subject=name))
    return {"user": name}, f"{name} signs in by the password alone."


async def _ensure(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        name, done = await ensure_admin(
            database, arguments.user, os.environ.get("ADMIN_PASSWORD", ""), arguments.role
        )
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
    async with open_database(settings) as database, open_redis(settings) as redis:
        if not await remove_admin(database, name):
            raise Failed(f"There is no admin {name}.")
        await AdminLog(redis, database).write(Deed(COMMAND_LINE, "removed", subject=name))
    return {"user": name}, f"{name} is removed."


async def _sign_out(settings: Settings, arguments: argparse.Namespace) -> Answer:
    name = canonical_name(arguments.user)
    async with open_database(settings) as database, open_redis(settings) as redis:
        ended = await end_sessions(database, name)
        await AdminLog(redis, database).write(Deed(COMMAND_LINE, "signed out everywhere", subject=name))
    return {"user": name, "ended": ended}, f"{name}: {ended} sessions ended."


def _in_json(row: Row) -> dict[str, Any]:
    return {name: iso(to_ms(value)) if name.endswith("_at") and value else value for name, value in row.items()}
