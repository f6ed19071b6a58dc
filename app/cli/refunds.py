"""`ticketcraze refunds`: refunds that a provider refused, and asking for them again."""

import argparse

from app.cli.command import Answer, Commands, Failed
from app.infra.kafka import open_producer
from app.infra.mysql import open_database
from app.orders.facts import records
from app.orders.refused import PAGE, Refused, read_refused
from app.settings import Settings
from app.units import iso, money_text


def add(commands: Commands) -> None:
    """Adds the commands."""
    group = commands.group("refunds", "refunds that a provider refused")
    group.add(
        "list",
        "Lists the refunds that were refused, whose money is still here.",
        _list,
        "ticketcraze refunds list",
    )
    again = group.add(
        "retry",
        "Asks for refused refunds again, once the provider would carry them out; all of them without an ID.",
        _retry,
        "ticketcraze refunds retry 4f1c3a52-8a3e-5c0e-9d0c-0f6f3a1d2b7e",
    )
    again.add_argument("ids", metavar="ID", nargs="*", help="as `ticketcraze refunds list` names it")


async def _list(settings: Settings, arguments: argparse.Namespace) -> Answer:
    found = await _read(settings)
    return {"refunds": [_facts(refused) for refused in found]}, "\n".join(map(_line, found)) or (
        "No refund was refused that was not made up for."
    )


async def _retry(settings: Settings, arguments: argparse.Namespace) -> Answer:
    found = {refused.refund.id: refused for refused in await _read(settings)}
    if missing := [id_ for id_ in arguments.ids if id_ not in found]:
        raise Failed(f"No refund {', '.join(missing)} was refused, or it was asked for again already.")
    chosen = {id_: found[id_] for id_ in arguments.ids} or found
    facts = records(*(refused.again() for refused in chosen.values()))
    async with open_producer(settings) as producer:
        for first in range(0, len(facts), PAGE):
            await producer.send(facts[first : first + PAGE])
    return {"retried": [*chosen]}, f"Asked for again: {len(chosen)}. What is refused again comes back to the list."


async def _read(settings: Settings) -> list[Refused]:
    async with open_database(settings) as database, database.connection() as connection:
        return [refused async for refused in read_refused(connection)]


def _facts(refused: Refused) -> dict[str, str | int]:
    return {
        "id": refused.refund.id,
        "order_id": refused.order_id,
        "payment_id": refused.refund.parent_id or "",
        "provider": refused.refund.provider,
        "amount": refused.amount_minor,
        "currency": refused.refund.currency,
        "asked_at": iso(refused.refund.created_at_ms),
    }


def _line(refused: Refused) -> str:
    amount = money_text(refused.amount_minor, refused.refund.currency)
    asked_at = iso(refused.refund.created_at_ms)
    return f"{refused.refund.id}  {asked_at}  {amount} of order {refused.order_id}, {refused.refund.provider}"
