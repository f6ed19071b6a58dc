"""Facts that could not be applied: what they are about, and telling the ledger of them again."""

from collections.abc import Sequence

from app.infra.kafka import DeadLetter, Producer, open_orders_log, replay
from app.orders.facts import UndecodableFact, decode
from app.settings import Settings


class UnknownLetter(Exception):
    """The dlq has no letter with this id, or it was replayed already."""


async def dead_letters(settings: Settings) -> list[DeadLetter]:
    """All of them that were not replayed. Raises KafkaUnavailable."""
    async with open_orders_log(settings) as log:
        return await log.dlq()


async def replay_letters(settings: Settings, producer: Producer, ids: Sequence[str]) -> list[DeadLetter]:
    """Tells the ledger of these again, of all of them for none. Raises UnknownLetter, KafkaUnavailable."""
    letters = {letter.id: letter for letter in await dead_letters(settings)}
    if missing := [id_ for id_ in ids if id_ not in letters]:
        raise UnknownLetter(", ".join(missing))
    chosen = [letters[id_] for id_ in ids] or list(letters.values())
    for letter in chosen:
        await replay(settings, producer, letter)
    return chosen


def what(letter: DeadLetter) -> str:
    """What a dead letter is about, for people."""
    try:
        return f"{type(decode(letter.value)).__name__} of order {letter.key}"
    except UndecodableFact:
        return f"undecodable record of {letter.key or 'no order'}"
