"""`ticketcraze dlq`: facts that could not be applied, and telling the ledger of them again."""

import argparse

from app.cli.command import Answer, Commands, Failed
from app.infra.kafka import open_producer
from app.orders.dead_letters import UnknownLetter, dead_letters, replay_letters, what
from app.settings import Settings
from app.units import iso


def add(commands: Commands) -> None:
    """Adds the commands."""
    group = commands.group("dlq", "facts that could not be applied")
    group.add(
        "list", "Lists the facts that could not be applied, each with the reason.", _list, "ticketcraze dlq list"
    )
    again = group.add(
        "replay",
        "Tells the ledger of facts again, once what was wrong is mended; all of them without an ID.",
        _replay,
        "ticketcraze dlq replay 0:17 0:18",
    )
    again.add_argument("ids", metavar="ID", nargs="*", help="as `ticketcraze dlq list` names it")


async def _list(settings: Settings, arguments: argparse.Namespace) -> Answer:
    letters = await dead_letters(settings)
    lines = [f"{letter.id}  {iso(letter.at_ms)}  {what(letter)}: {letter.reason}" for letter in letters]
    return {
        "letters": [
            {"id": x.id, "at": iso(x.at_ms), "order_id": x.key, "fact": what(x), "reason": x.reason}
            for x in letters
        ]
    }, "\n".join(lines) or "The dlq is empty."


async def _replay(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_producer(settings) as producer:
        try:
            letters = await replay_letters(settings, producer, arguments.ids)
        except UnknownLetter as error:
            raise Failed(f"The dlq has no {error}, or it was replayed already.") from None
    ids = [letter.id for letter in letters]
    return {"replayed": ids}, f"Told again: {len(ids)}. What still cannot be applied comes back to the dlq."
