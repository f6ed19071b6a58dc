"""`ticketcraze dlq`: facts that could not be applied, and telling the ledger of them again."""

import argparse

from app.cli.command import Answer, Commands, Failed
from app.infra.kafka import DeadLetter, open_orders_log, open_producer, replay
from app.orders.facts import UndecodableFact, decode
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
    async with open_orders_log(settings) as log:
        letters = await log.dlq()
    lines = [f"{letter.id}  {iso(letter.at_ms)}  {what(letter)}: {letter.reason}" for letter in letters]
    return {
        "letters": [
            {"id": x.id, "at": iso(x.at_ms), "order_id": x.key, "fact": what(x), "reason": x.reason}
            for x in letters
        ]
    }, "\n".join(lines) or "The dlq is empty."


async def _replay(settings: Settings, arguments: argparse.Namespace) -> Answer:
    async with open_orders_log(settings) as log:
        letters = {letter.id: letter for letter in await log.dlq()}
    if missing := [id_ for id_ in arguments.ids if id_ not in letters]:
        raise Failed(f"The dlq has no {', '.join(missing)}, or it was replayed already.")
    chosen = [letters[id_] for id_ in arguments.ids] or list(letters.values())
    async with open_producer(settings) as producer:
        for letter in chosen:
            await replay(settings, producer, letter)
    ids = [letter.id for letter in chosen]
    return {"replayed": ids}, f"Told again: {len(ids)}. What still cannot be applied comes back to the dlq."


def what(letter: DeadLetter) -> str:
    """What a dead letter is about, for people."""
    try:
        return f"{type(decode(letter.value)).__name__} of order {letter.key}"
    except UndecodableFact:
        return f"undecodable record of {letter.key or 'no order'}"
