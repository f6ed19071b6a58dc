"""The crowd of a row: prompt buyers, and some whose payment goes wrong; the same seed plays the same crowd."""

import asyncio
from dataclasses import replace
from random import Random

from crowd.browser import Shop
from crowd.buyer import Outcome, buy
from crowd.habits import Habits
from crowd.limits import source_address

BUYERS = 60
ARRIVING_SECONDS = 6.0
BUYER_SECONDS = 60.0
# Of a hundred buyers, so many press these buttons at the provider; none: they never pay.
PRESSES: dict[tuple[str, ...], int] = {
    ("succeed",): 74,
    ("decline", "succeed"): 8,
    ("twice",): 6,
    ("lost",): 4,
    ("late",): 3,
    (): 5,
}


def habits(chance: Random) -> Habits:
    """How one buyer behaves. Arrivals do not wait for anybody's answer."""
    (presses,) = chance.choices(list(PRESSES), list(PRESSES.values()))
    made = Habits(
        arrives_after_seconds=chance.uniform(0, ARRIVING_SECONDS),
        thinks_seconds=chance.uniform(0, 1),
        pays_after_seconds=chance.uniform(0, 2),
        presses=presses,
        tickets=chance.choice((1, 1, 2)),
    )
    if chance.random() < 0.05:
        return replace(made, away_after_seconds=chance.uniform(0.5, 3), away_seconds=chance.uniform(1, 5))
    return made


async def come(shop: Shop, seed: str, buyers: int = BUYERS) -> list[Outcome]:
    """Everybody, all the way; how it ended for each, with what they were told."""
    chance = Random(seed)  # noqa: S311  # a play, no secrets
    planned = [habits(chance) for _ in range(buyers)]
    return await asyncio.gather(
        *(
            buy(
                shop,
                each,
                seconds=BUYER_SECONDS,
                source_address=source_address(shop.url, number),
                seed=f"{seed}:{number}",
            )
            for number, each in enumerate(planned)
        )
    )
