"""Coming back to a sale that Redis lost: the signed token proves the place, and whoever returns gets it back."""

from collections.abc import Sequence

from redis.asyncio import Redis

from app.infra import scripts
from app.infra.keys import keys
from app.sale.waiting_room import NotJoined, Place, look

NAMES = ("sale", "lobby", "queue", "parked", "passes", "served", "numbers", "arrivals", "returned")


async def come_back(redis: Redis, event_id: int, places: Sequence[tuple[str, int]]) -> list[bool]:
    """Gives (buyer, standing, of which 0 is the lobby) their places again, in one round trip: who got theirs.

    Only what a token proves, or what Redis itself said before, may be given here. Raises NotReady.
    """
    calls: list[scripts.Call] = [(keys(event_id, *NAMES), [buyer_id, standing]) for buyer_id, standing in places]
    return [answer == 1 for answer in await scripts.run_many(redis, "come_back", calls)]


async def look_again(redis: Redis, event_id: int, buyer_id: str, standing: int | None) -> Place:
    """Where the buyer stands, who may have to come back first with what their token says (None: nothing).

    Raises NotReady, NotJoined.
    """
    try:
        return await look(redis, event_id, buyer_id)
    except NotJoined:
        if standing is None or not (await come_back(redis, event_id, [(buyer_id, standing)]))[0]:
            raise
        return await look(redis, event_id, buyer_id)
