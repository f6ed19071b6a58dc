"""The crowd of a row: prompt buyers, and some whose payment goes wrong; the same seed plays the same crowd."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random

from crowd.browser import Shop
from crowd.buyer import Outcome, buy
from crowd.habits import Habits
from crowd.limits import source_address

BUYERS = 50
ARRIVING_SECONDS = 3.0
HOLD_SECONDS = 8
LONG_HOLD_SECONDS = 25
PASS_SECONDS = 20
# Of a hundred buyers, so many press these buttons at the provider; none: they never pay.
PRESSES: dict[tuple[str, ...], int] = {
    ("succeed",): 73,
    ("decline", "succeed"): 8,
    ("twice",): 6,
    ("lost",): 5,
    ("late",): 3,
    (): 5,
}


def habits(chance: Random) -> Habits:
    """How one buyer behaves. Arrivals do not wait for anybody's answer."""
    (presses,) = chance.choices(list(PRESSES), list(PRESSES.values()))
    made = Habits(
        arrives_after_seconds=chance.uniform(0, ARRIVING_SECONDS),
        thinks_seconds=chance.uniform(0, 1),
        pays_after_seconds=chance.uniform(0, 1),
        presses=presses,
        tickets=chance.choice((1, 1, 2)),
    )
    if chance.random() < 0.05:
        return replace(made, away_after_seconds=chance.uniform(0.3, 2), away_seconds=chance.uniform(1, 3))
    return made


class Crowd:
    """Everybody, all the way."""

    def __init__(self, shop: Shop, seed: str, habits_of_one: Callable[[Random], Habits], buyers: int) -> None:
        chance = Random(seed)  # noqa: S311  # a play, no secrets
        self._patience = [asyncio.timeout(None) for _ in range(buyers)]
        self._coming = [
            asyncio.create_task(
                buy(
                    shop,
                    habits_of_one(chance),
                    patience=patience,
                    source_address=source_address(shop.url, number),
                    seed=f"{seed}:{number}",
                )
            )
            for number, patience in enumerate(self._patience)
        ]

    async def go_home(self, patience_seconds: float) -> list[Outcome]:
        """How it ended for each, with what they were told; who is not done after this long gives up."""
        await asyncio.wait(self._coming, timeout=patience_seconds)
        for patience, task in zip(self._patience, self._coming, strict=True):
            if not task.done():
                patience.reschedule(0)
        return await asyncio.gather(*self._coming)
