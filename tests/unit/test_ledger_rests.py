"""When the ledger takes its next batch."""

from hypothesis import given
from hypothesis import strategies as st

from workers.ledger import GATHER_SECONDS, next_batch_at

TIMES = st.floats(0, 60, allow_nan=False)


@given(TIMES, TIMES)
def test_it_rests_as_long_as_it_worked_and_no_batches_come_in_quick_succession(began: float, took: float) -> None:
    at = next_batch_at(began, began + took, is_behind=False)
    assert at >= began + GATHER_SECONDS
    assert at - (began + took) >= took - 1e-9
    assert at <= began + max(GATHER_SECONDS, 2 * took) + 1e-9


@given(TIMES, TIMES)
def test_it_does_not_rest_while_more_waits(began: float, took: float) -> None:
    assert next_batch_at(began, began + took, is_behind=True) == began + took
