"""A few sales in which something goes wrong, with a stack of their own; `make faults` plays all of them."""

import asyncio

from faults.__main__ import play_all
from faults.rows import ROWS

SEED = "every change"


def test_quick_rows_lose_nothing_double_nothing_and_let_nobody_overtake() -> None:
    played = asyncio.run(play_all(iter([row for row in ROWS if row.is_quick]), SEED))
    assert [(one.row, one.problems) for one in played if one.problems] == []
    assert all(one.answered for one in played)
