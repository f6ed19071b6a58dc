"""Holders of presale codes stand ahead, band by band, and otherwise nothing is different for anybody."""

import itertools
from collections.abc import Coroutine
from typing import Any, cast

import pytest

from app.sale import waiting_room
from app.sale.draw import draw_order
from app.sale.returning import come_back
from app.sale.waiting_room import BadCode, CodeUsed, Place, TooManyJoins, WaitingRoomFull
from tests.world.room import SECRET, Room

CODE, BETTER, LONE = "c" * 32, "d" * 32, "e" * 32
MANY = 1_000_000


@pytest.fixture
def coded(room: Room) -> Room:
    """A sale with a code of band 1 and one of band 2 for many, and one of band 1 for one buyer."""
    codes = {CODE: "1 1000", BETTER: "2 1000", LONE: "1 1"}
    room.run(cast(Coroutine[Any, Any, int], room.redis.hset(room.key("codes"), mapping=cast(Any, codes))))
    return room


def join(room: Room, buyer: str, *codes: str, address: str = "") -> Place:
    work = waiting_room.join(room.redis, room.event_id, buyer, MANY, address, 0, codes)
    return room.run(work)


def test_whoever_has_a_code_is_ahead_of_all_without_one_and_numbers_stay_numbers(coded: Room) -> None:
    coded.open(room=0)
    coded.join("a", "b")
    ahead, further, last = join(coded, "c", CODE), join(coded, "d", BETTER), join(coded, "e", CODE)
    assert [(place.number, place.band, place.position) for place in (ahead, further, last)] == [
        (3, 1, 0), (4, 2, 0), (5, 1, 2),
    ]  # fmt: skip
    assert coded.queue() == ["d", "c", "e", "a", "b"]
    table = coded.run(waiting_room.rank_table(coded.redis, coded.event_id))
    for position, buyer in enumerate(coded.queue()):
        place = coded.look(buyer)
        assert place
        assert (place.position, table.place(place.standing)) == (position, position)


def test_the_queue_is_let_in_band_by_band_and_whoever_was_away_keeps_number_and_band(coded: Room) -> None:
    coded.open(room=0)
    coded.join("a")
    for buyer, code in (("b", CODE), ("c", BETTER), ("d", CODE)):
        join(coded, buyer, code)
    coded.forget_seen()
    coded.see(1, 3, 4)
    coded.amend(room=2)
    result = coded.admit()
    assert (result.admitted, result.parked) == (2, 1)
    assert (coded.queue("passes"), coded.queue("parked")) == (["c", "d"], ["b"])
    back = coded.look("b")
    assert back
    assert (back.status, back.number, back.band, back.position) == ("waiting", 2, 1, 0)
    admitted = coded.look("c")
    assert admitted
    assert (admitted.status, admitted.number, admitted.band) == ("admitted", 3, 2)


def test_a_draw_decides_the_numbers_of_all_and_the_bands_who_is_ahead(coded: Room) -> None:
    coded.open(state="scheduled")
    lobby = [f"b{n}" for n in range(20)]
    holders = lobby[5:10]
    for buyer in lobby:
        place = join(coded, buyer, CODE) if buyer in holders else coded.join(buyer)[0]
        assert (place.status, place.band) == ("lobby", int(buyer in holders))
    coded.begin_draw()
    coded.finish_draw(0)
    drawn = draw_order(lobby, SECRET)
    assert coded.queue() == sorted(drawn, key=lambda buyer: buyer not in holders)
    places = {buyer: coded.look(buyer) for buyer in drawn}
    assert [place.number for place in places.values() if place] == list(range(1, 21)), "by lot, code or none"
    assert coded.admit().parked == 0, "whoever was seen in the lobby is here"


def test_a_code_puts_somebody_who_waits_ahead_once_and_another_join_uses_nothing(coded: Room) -> None:
    coded.open(room=0)
    coded.join("a", "b")
    for code, band in ((LONE, 1), (LONE, 1), (BETTER, 2), (LONE, 2)):
        place = join(coded, "b", code)
        assert (place.number, place.band, place.position) == (2, band, 0)
    assert coded.run(cast(Any, coded.redis.hget(coded.key("codes"), LONE))) == "1 0"
    with pytest.raises(CodeUsed):
        join(coded, "a", LONE)
    with pytest.raises(CodeUsed):
        join(coded, "new", LONE)
    assert coded.look("new") is None
    assert coded.look("a"), "nobody loses a place by it"


def test_a_code_is_not_taken_in_the_moment_of_the_draw(coded: Room) -> None:
    coded.open(state="scheduled")
    coded.join("a")
    coded.begin_draw()
    with pytest.raises(WaitingRoomFull):
        join(coded, "a", CODE)
    assert join(coded, "late", CODE).number == 2
    coded.finish_draw(0)
    assert coded.queue() == ["late", "a"]


def test_codes_cannot_be_tried_without_end(coded: Room) -> None:
    coded.open(room=0)
    for n in range(waiting_room.WRONG_CODES):
        with pytest.raises(BadCode):
            join(coded, f"b{n}", f"{n:032}", address="192.0.2.1")
    for code in ("f" * 32, CODE):
        with pytest.raises(TooManyJoins) as caught:
            join(coded, "b", code, address="192.0.2.1")
        assert caught.value.of_codes
        assert 0 < caught.value.retry_ms <= 60_000
    assert join(coded, "b", address="192.0.2.1").band == 0, "without a code it is no matter"
    assert join(coded, "c", "f" * 32, CODE, address="192.0.2.2").band == 1, "by an older key of the ring"


def test_what_redis_lost_comes_back_with_number_and_band(coded: Room) -> None:
    coded.open(room=0)
    coded.join("a")
    join(coded, "b", CODE)
    join(coded, "c", BETTER)
    standings = [(b, place.standing) for b in coded.queue() if (place := coded.look(b))]
    before = coded.queue()
    for name in ("queue", "numbers"):
        coded.run(cast(Any, coded.redis.delete(coded.key(name))))
    coded.amend(rebuilt_number=10)
    for attempt, stolen in itertools.product(range(2), (False, True)):
        asked = [("thief" if stolen else buyer, standing) for buyer, standing in standings]
        came = coded.run(come_back(coded.redis, coded.event_id, asked))
        assert came == [not attempt and not stolen] * 3
    assert coded.queue() == before
    place = coded.look("b")
    assert place
    assert (place.number, place.band, place.position) == (2, 1, 1)
