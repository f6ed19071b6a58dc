"""Presale codes of a sale: JSON under /api/v1/admin/events/{slug}/codes."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from app.organisers.access import Admin
from app.sale.bands import MOST_BANDS
from app.sale.catalog import Event
from app.sale.events import set_gates
from app.sale.gates.codes import MOST_AT_ONCE, MOST_USES, BadCodes, count_codes, create_codes, new_codes
from app.web.admin.access import allowed, record
from app.web.admin.repeating import repeatable
from app.web.http import Json, read_json
from app.web.problems import Problem, invalid
from app.web.promises import REPEAT_KEY, promise
from app.web.services import Services, services_of

Asked = Literal["none", "optional", "required"]


class AskCodes(msgspec.Struct, forbid_unknown_fields=True):
    """Whether whoever joins may bring a code, must, or is not asked."""

    asked: Asked


class MakeCodes(msgspec.Struct, forbid_unknown_fields=True):
    """So many new codes, or one of your own choice; who has a code of a higher band is ahead."""

    count: Annotated[int, Meta(ge=1, le=MOST_AT_ONCE)] = 1
    code: Annotated[str, Meta(max_length=64)] = ""
    uses: Annotated[int, Meta(ge=1, le=MOST_USES)] = 1
    band: Annotated[int, Meta(ge=1, le=MOST_BANDS)] = 1


class MadeCodes(msgspec.Struct, frozen=True):
    """The codes themselves: this once, for only their hashes are kept."""

    codes: list[str]


class CodesOfBand(msgspec.Struct, frozen=True):
    """How many codes of a band there are, how often they may be used in all, and how often they were."""

    band: int
    codes: int
    may_use: int
    used: int


class PresaleCodes(msgspec.Struct, frozen=True):
    """Whether codes are asked for, and how many there are, by band."""

    asked: str
    bands: list[CodesOfBand]


async def codes_of(services: Services, event: Event) -> PresaleCodes:
    """The presale codes of an event."""
    counts = await count_codes(services.database, event.id)
    return PresaleCodes(event.gates.codes, [CodesOfBand(c.band, c.codes, c.may_use, c.used) for c in counts])


@promise("The presale codes of a sale: how many, and how often they were used.", {200: PresaleCodes})
@allowed("run")
async def get_codes(request: Request, admin: Admin) -> Response:
    services = services_of(request)
    return Json(await codes_of(services, await services.event_for_organisers(request.path_params["slug"])))


@promise("Says whether joining takes a presale code, from now on.", {200: PresaleCodes}, body=AskCodes)
@allowed("run")
async def put_codes(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, AskCodes)
    event = await services.event_for_organisers(request.path_params["slug"])
    await set_gates(services.database, services.redis, event, replace(event.gates, codes=wanted.asked))
    await record(request, admin, "codes", event.id, was=event.gates.codes, became=wanted.asked)
    return Json(await codes_of(services, await services.event_for_organisers(event.slug)))


@promise(
    "Makes presale codes, and shows them: this once.",
    {201: MadeCodes},
    "no_codes",
    "key_reused",
    parameters=(REPEAT_KEY,),
    body=MakeCodes,
)
@allowed("run")
@repeatable
async def post_codes(request: Request, admin: Admin) -> Response:
    services, wanted = services_of(request), await read_json(request, MakeCodes)
    event = await services.event_for_organisers(request.path_params["slug"])
    if event.gates.codes == "none":
        raise Problem("no_codes")
    codes = [wanted.code] if wanted.code else new_codes(wanted.count)

    def hash_of(code: str) -> str:
        return services.tokens.code_hashes(event.id, code)[0]

    try:
        await create_codes(services.database, event.id, hash_of, codes, wanted.band, wanted.uses)
    except BadCodes as error:
        raise invalid(str(error)) from None
    made = {"codes": len(codes), "band": wanted.band, "uses": wanted.uses}
    await record(request, admin, "codes made", event.id, became=made)
    return Json(MadeCodes(codes), 201)
