"""The pages about people: who may do what, one of them closer, and where somebody who is invited comes in."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.organisers.access import ROLES, Admin
from app.organisers.accounts import (
    LEAST_PASSWORD,
    BadName,
    BadPassword,
    TooBusy,
    canonical_name,
    checked_name,
    checked_password,
)
from app.organisers.invitations import InvitationGone, NameTaken, accept, find_invitation
from app.organisers.log import Deed
from app.sale.events import list_events
from app.web.admin.access import allowed
from app.web.admin.people import keys_of, logins_of, people_of, person_of
from app.web.admin.session import BUSY_SECONDS, caller_address
from app.web.http import read_form
from app.web.problems import Problem
from app.web.rendering import page
from app.web.services import Services, services_of

MOST_EVENTS = 200  # to choose from


async def _choices(services: Services) -> dict[str, Any]:
    events = await list_events(services.database, MOST_EVENTS, for_organisers=True)
    return {"events": [event for event in events if not event.archived], "roles": ROLES}


@allowed("own", page=True)
async def people_page(request: Request, admin: Admin) -> Response:
    """Everybody who may sign in, whoever is invited, and the keys of programs."""
    services = services_of(request)
    shown = msgspec.to_builtins(await people_of(services.database))
    keys = msgspec.to_builtins(await keys_of(services.database))
    logins = msgspec.to_builtins(await logins_of(services.database, None))
    return page("admin/people.html", **shown, keys=keys, logins=logins, **await _choices(services))


@allowed("own", page=True)
async def person_page(request: Request, admin: Admin) -> Response:
    """One of them: roles, sessions, and when they signed in."""
    services = services_of(request)
    person = await person_of(services.database, canonical_name(request.path_params["name"]))
    return page("admin/person.html", person=msgspec.to_builtins(person), **await _choices(services))


class NewAdmin(msgspec.Struct):
    """What somebody who is invited chooses."""

    name: str = ""
    password: str = ""


async def invitation_page(request: Request) -> Response:
    """Where whoever is invited chooses a name and a password."""
    return await _invitation(request, request.path_params["secret"])


async def _invitation(request: Request, secret: str, *, name: str = "", error: str = "") -> Response:
    try:
        invitation = await find_invitation(services_of(request).database, secret)
    except InvitationGone:
        raise Problem("not_found", "This invitation was used already, withdrawn, or is too old.") from None
    shown: dict[str, Any] = {"name": name or canonical_name(invitation["email"]), "least": LEAST_PASSWORD}
    return page("admin/invitation.html", 422 if error else 200, invitation=invitation, error=error, **shown)


async def accept_form(request: Request) -> Response:
    """Makes an admin of whoever was invited, once, and leads to the login."""
    services, secret, chosen = (
        services_of(request),
        request.path_params["secret"],
        await read_form(request, NewAdmin),
    )
    try:
        await find_invitation(services.database, secret)  # before anything is hashed for a stranger
        name, password = checked_name(chosen.name), checked_password(chosen.password)
        invitation = await accept(services.database, secret, name, await services.login.hash(password))
    except InvitationGone:
        return await _invitation(request, secret)
    except (BadName, BadPassword) as error:
        return await _invitation(request, secret, name=chosen.name, error=str(error))
    except NameTaken:
        return await _invitation(request, secret, name=chosen.name, error="Somebody is called that already.")
    except TooBusy:
        raise Problem("too_many", "Too many passwords are chosen at once.", retry_seconds=BUSY_SECONDS) from None
    await services.admin_log.write(
        Deed(
            name, "invitation accepted", invitation["event_id"], invitation["id"], address=caller_address(request)
        )
    )
    return RedirectResponse("/admin/login", 303)
