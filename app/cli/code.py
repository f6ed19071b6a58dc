"""`ticketcraze code`: presale codes, whose holders stand ahead."""

import argparse

from app.cli.command import Answer, Commands, Failed
from app.infra.mysql import open_database
from app.sale.events import find_event
from app.sale.gates.codes import BadCodes, count_codes, create_codes, new_codes
from app.settings import Settings
from app.tokens import Tokens


def add(commands: Commands) -> None:
    """Adds the group."""
    codes = commands.group("code", "presale codes, whose holders stand ahead in the queue")
    create = codes.add(
        "create",
        "Makes codes for a sale and shows them: this once, for only their hashes are kept.",
        _create,
        "ticketcraze code create night-of-lights --count 500 --band 1",
    )
    create.add_argument("slug", metavar="SLUG")
    create.add_argument("--count", type=int, default=1, help="how many (1)")
    create.add_argument("--code", default="", help="one code of your own choice, of 6 characters or more")
    create.add_argument("--uses", type=int, default=1, help="how many buyers may use each (1)")
    create.add_argument("--band", type=int, default=1, help="1 to 9; those in a higher band are ahead (1)")
    codes.add(
        "list", "How many codes there are, by band.", _list, "ticketcraze code list night-of-lights"
    ).add_argument("slug", metavar="SLUG")


async def _create(settings: Settings, arguments: argparse.Namespace) -> Answer:
    if not settings.secret_keys:
        raise Failed("SECRET_KEY is not set: the codes are hashed with it")
    tokens = Tokens(settings.secret_keys)
    async with open_database(settings) as database:
        event = await find_event(database, arguments.slug)
        if event.gates.codes == "none":
            raise Failed(f"{event.slug} takes no codes: ticketcraze event gates {event.slug} --codes optional")
        codes = [arguments.code] if arguments.code else new_codes(min(arguments.count, 10_001))
        try:
            await create_codes(
                database,
                event.id,
                lambda code: tokens.code_hashes(event.id, code)[0],
                codes,
                arguments.band,
                arguments.uses,
            )
        except BadCodes as error:
            raise Failed(str(error)) from None
    return {"slug": event.slug, "band": arguments.band, "codes": codes}, "\n".join(codes)


async def _list(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_database(settings) as database:
        event = await find_event(database, arguments.slug)
        counts = await count_codes(database, event.id)
    bands = [{"band": c.band, "codes": c.codes, "may_use": c.may_use, "used": c.used} for c in counts]
    lines = [f"band {c.band}: {c.codes} codes, used {c.used} of {c.may_use} times" for c in counts]
    return {"slug": event.slug, "bands": bands}, "\n".join(lines) or "There are no codes yet."
