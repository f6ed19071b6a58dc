"""How long people waited: from what was counted, never less than it was."""

from hypothesis import given
from hypothesis import strategies as st

from app.sale.waits import BUCKETS, add_up, longest_seconds, waited_seconds


@given(st.lists(st.integers(0, BUCKETS), min_size=1, max_size=300), st.sampled_from([0.5, 0.95]))
def test_this_share_of_them_waited_so_long_at_most(waited: list[int], share: float) -> None:
    counts = {bucket: waited.count(bucket) for bucket in waited}
    told = waited_seconds(counts, share)
    assert told is not None
    within = [bucket for bucket in waited if longest_seconds(bucket) <= told]
    less = [bucket for bucket in waited if longest_seconds(bucket) < told]
    assert len(within) >= share * len(waited) > len(less)


def test_nobody_waited_for_no_time_at_all_and_minutes_add_up() -> None:
    assert waited_seconds({}, 0.5) is None
    assert add_up([{"3": "2"}, {}, {"3": "1", "0": "4"}]) == {3: 3, 0: 4}
    assert longest_seconds(BUCKETS) > 86_400
