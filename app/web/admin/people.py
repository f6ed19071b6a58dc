"""People, roles, invitations and the keys of programs: JSON under /api/v1/admin, for owners of every event."""

from collections import defaultdict
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from app.infra.mysql import Database, Row
from app.live.shapes import Time
from app.organisers.access import EVERY_EVENT, Admin, Role, Scope
from app.organisers.accounts import (
    canonical_name,
    list_admins,
    list_roles,
    remove_admin,
    set_role,
)
from app.organisers.factors import end_factor
from app.organisers.invitations import BadInvitation, invite, list_invitations, withdraw
from app.organisers.keys import MOST_DAYS, BadKey, create_key, list_keys, revoke_key
from app.organisers.log import read_logins
from app.organisers.sessions import list_sessions
from app.outbound.contacts import MOST_EMAIL
from app.outbound.inviting import link_of
from app.units import iso, to_ms
from app.web.admin.access import allowed, record
from app.web.admin.repeating import repeatable
from app.web.http import Json, read_json
from app.web.problems import Problem, invalid
from app.web.promises import REPEAT_KEY, promise
from app.web.services import services_of

MOST_LOGINS = 50
MOST_SHOWN = 100
Name = Annotated[str, Meta(max_length=64)]
Slug = Annotated[str, Meta(max_length=64)]


class RoleThere(msgspec.Struct, frozen=True):
    """What somebody may do in an event; null: in every one."""

    event: str | None
    role: str


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may sign in."""

    name: str
    since: Time
    sessions: int
    second_factor: bool
    roles: list[RoleThere]


class Invited(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation that stands. `mail` is DUE, SENT, FAILED or SKIPPED, and null where nobody knows any more."""

    id: str
    email: str
    role: str
    event: str | None
    invited_by: str | None
    expires_at: Time
    mail: str | None
    error: str | None


class People(msgspec.Struct, frozen=True):
    """Who may sign in, and who is asked to."""

    people: list[Person]
    invitations: list[Invited]


class OpenSession(msgspec.Struct, frozen=True):
    """Where somebody is signed in."""

    since: Time
    seen_at: Time
    address: str
    browser: str


class LoginTry(msgspec.Struct, frozen=True):
    """Somebody signed in, or tried to."""

    at: Time
    who: str
    what: str
    address: str


class PersonCloser(Person, frozen=True, kw_only=True):
    """Somebody with where they are signed in, and the newest times they signed in or tried to."""

    signed_in: list[OpenSession]
    logins: list[LoginTry]


class GiveRole(msgspec.Struct, forbid_unknown_fields=True):
    """A role in an event, or without one in every event; null takes it away."""

    role: Role | None
    event: Slug | None = None


class Invite(msgspec.Struct, forbid_unknown_fields=True):
    """Who is asked, and what they may do then: in an event, or without one in every event."""

    email: Annotated[str, Meta(max_length=MOST_EMAIL)]
    role: Role
    event: Slug | None = None


class NewInvitation(msgspec.Struct, frozen=True):
    """An invitation; its link is in the mail and here, and nowhere else."""

    id: str
    email: str
    link: str


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a program, which may do no more than `user` may."""

    id: str
    user: str
    name: str
    scopes: list[str]
    event: str | None
    created_at: Time
    last_used_at: Time | None
    expires_at: Time


class Keys(msgspec.Struct, frozen=True):
    """The keys that stand, newest first."""

    keys: list[Key]


class MakeKey(msgspec.Struct, forbid_unknown_fields=True):
    """What a key is for, whose it is (without that: yours), and what it may do at most."""

    name: Name
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=3)]
    user: Name | None = None
    event: Slug | None = None
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] = 365


class NewKey(msgspec.Struct, frozen=True):
    """The key itself: this once."""

    id: str
    key: str


@promise("Who may sign in and what they may do, and who is invited.", {200: People})
@allowed("own")
async def get_people(request: Request, admin: Admin) -> Response:
    return Json(await people_of(services_of(request).database))


async def people_of(database: Database) -> People:
    """Everybody."""
    roles: dict[str, list[Row]] = defaultdict(list)
    for row in await list_roles(database):
        roles[row["admin"]].append(row)
    return People(
        [Person(**_person(row, roles[row["name"]])) for row in await list_admins(database)],
        [_invited(row) for row in await list_invitations(database)],
    )


def _person(row: Row, roles: list[Row]) -> Row:
    return {
        "name": row["name"],
        "since": _at(row["created_at"]),
        "sessions": row["sessions"],
        "second_factor": bool(row["second_factor"]),
        "roles": [RoleThere(role["slug"], role["role"]) for role in roles],
    }


def _invited(row: Row) -> Invited:
    return Invited(
        id=row["id"],
        email=row["email"],
        role=row["role"],
        event=row["slug"],
        invited_by=row["invited_by"],
        expires_at=_at(row["expires_at"]),
        mail=row.get("mail"),
        error=row.get("error"),
    )


@promise("One person, closer: where they are signed in, and when they signed in or tried to.", {200: PersonCloser})
@allowed("own")
async def get_person(request: Request, admin: Admin) -> Response:
    return Json(await person_of(services_of(request).database, _name(request)))


async def person_of(database: Database, name: str) -> PersonCloser:
    """One of them. Raises Problem `not_found`."""
    found = await list_admins(database, name)
    if not found:
        raise Problem("not_found")
    sessions = await list_sessions(database, name)
    return PersonCloser(
        **_person(found[0], await list_roles(database, name)),
        signed_in=[
            OpenSession(_at(s["created_at"]), _at(s["last_seen_at"]), s["address"], s["user_agent"])
            for s in sessions[:MOST_SHOWN]
        ],
        logins=await logins_of(database, name),
    )


async def logins_of(database: Database, name: str | None) -> list[LoginTry]:
    """The newest times that somebody, or anybody, signed in or tried to."""
    rows = await read_logins(database, name, MOST_LOGINS)
    return [LoginTry(_at(row["at"]), row["who"], row["action"], row["address"]) for row in rows]


@promise("Gives somebody a role in an event, or takes it away.", {200: PersonCloser}, "last_owner", body=GiveRole)
@allowed("own")
async def put_role(request: Request, admin: Admin) -> Response:
    services, name, wanted = services_of(request), _name(request), await read_json(request, GiveRole)
    event_id = await _event_id(request, wanted.event)
    was = {role.event: role.role for role in (await person_of(services.database, name)).roles}.get(wanted.event)
    await set_role(services.database, name, event_id, wanted.role)
    await record(request, admin, "role", event_id, subject=name, was=was, became=wanted.role)
    return Json(await person_of(services.database, name))


@promise("Removes somebody, with their sessions, keys and invitations.", {204: None}, "last_owner")
@allowed("own")
async def delete_person(request: Request, admin: Admin) -> Response:
    services, name = services_of(request), _name(request)
    if not await remove_admin(services.database, name):
        raise Problem("not_found")
    await services.sessions.end_all(name)  # this process need not ask the books to know it
    await record(request, admin, "removed", subject=name)
    return Response(status_code=204)


@promise("Signs somebody out everywhere.", {204: None})
@allowed("own")
async def delete_sessions(request: Request, admin: Admin) -> Response:
    services, name = services_of(request), _name(request)
    await person_of(services.database, name)
    await services.sessions.end_all(name)
    await record(request, admin, "signed out everywhere", subject=name)
    return Response(status_code=204)


@promise("Takes somebody's second factor away, when authenticator and recovery codes are lost.", {204: None})
@allowed("own")
async def delete_factor(request: Request, admin: Admin) -> Response:
    services, name = services_of(request), _name(request)
    if not await end_factor(services.database, name):
        raise Problem("not_found", "There is no second factor.")
    await record(request, admin, "second factor ended", subject=name)
    return Response(status_code=204)


@promise(
    "Invites somebody by mail; they choose name and password.",
    {201: NewInvitation},
    "not_found",
    "key_reused",
    parameters=(REPEAT_KEY,),
    body=Invite,
)
@allowed("own")
@repeatable
async def post_invitation(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, Invite)
    event_id = await _event_id(request, wanted.event)
    try:
        id_, secret = await invite(services.database, wanted.email.strip(), wanted.role, event_id, admin.name)
    except BadInvitation as error:
        raise invalid(str(error)) from None
    await record(request, admin, "invited", event_id, subject=id_, became=wanted.role)
    return Json(NewInvitation(id_, wanted.email.strip(), link_of(services.settings.public_url, secret)), 201)


@promise("Ends an invitation.", {204: None})
@allowed("own")
async def delete_invitation(request: Request, admin: Admin) -> Response:
    id_ = request.path_params["invitation_id"]
    if not await withdraw(services_of(request).database, id_):
        raise Problem("not_found")
    await record(request, admin, "invitation withdrawn", subject=id_)
    return Response(status_code=204)


@promise("The keys of programs: whose, what for, when last used.", {200: Keys})
@allowed("own")
async def get_keys(request: Request, admin: Admin) -> Response:
    return Json(Keys(await keys_of(services_of(request).database)))


async def keys_of(database: Database) -> list[Key]:
    """All that stand, newest first."""
    return [
        Key(
            id=row["id"],
            user=row["admin"],
            name=row["name"],
            scopes=row["scopes"].split(),
            event=row["slug"],
            created_at=_at(row["created_at"]),
            last_used_at=_at(row["last_used_at"]) if row["last_used_at"] else None,
            expires_at=_at(row["expires_at"]),
        )
        for row in await list_keys(database)
    ]


@promise(
    "Makes a key for a program, and shows it: this once.",
    {201: NewKey},
    "not_found",
    "key_reused",
    parameters=(REPEAT_KEY,),
    body=MakeKey,
)
@allowed("own")
@repeatable
async def post_key(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, MakeKey)
    event_id = await _event_id(request, wanted.event)
    user = canonical_name(wanted.user) if wanted.user else admin.name
    try:
        id_, key = await create_key(services.database, user, wanted.name, wanted.scopes, event_id, wanted.days)
    except BadKey as error:
        raise invalid(str(error)) from None
    made = {"user": user, "name": wanted.name, "scopes": sorted(set(wanted.scopes))}
    await record(request, admin, "key created", event_id, subject=id_, became=made)
    return Json(NewKey(id_, key), 201)


@promise("Ends a key.", {204: None})
@allowed("own")
async def delete_key(request: Request, admin: Admin) -> Response:
    id_ = request.path_params["key_id"]
    if not await revoke_key(services_of(request).database, id_):
        raise Problem("not_found")
    await record(request, admin, "key revoked", subject=id_)
    return Response(status_code=204)


def _name(request: Request) -> str:
    return canonical_name(request.path_params["name"])[:MOST_SHOWN]


async def _event_id(request: Request, slug: str | None) -> int:
    """Raises UnknownEvent."""
    if not slug:
        return EVERY_EVENT
    return (await services_of(request).event_for_organisers(slug)).id


def _at(time: datetime) -> str:
    return iso(to_ms(time))
