"""When the ledger's consumer has stalled, and when it is only slow."""

from app.watch.progress import Progress

BEHIND = {"orders-0": 40_000, "orders-1": 60_000}


def test_a_reader_that_took_all_it_had_and_gets_no_more_has_stalled() -> None:
    progress: Progress[str] = Progress()
    assert progress.stuck(BEHIND) == [], "nobody knows yet where it stood before"
    progress.took((), drained=True)
    assert progress.stuck(BEHIND) == ["orders-0", "orders-1"]


def test_one_partition_that_gives_nothing_is_told_though_the_other_gets_on() -> None:
    progress: Progress[str] = Progress()
    progress.stuck(BEHIND)
    progress.took(["orders-0"], drained=True)
    assert progress.stuck({"orders-0": 40_500, "orders-1": 60_000}) == ["orders-1"]


def test_a_slow_store_with_much_behind_is_no_stall() -> None:
    """Once the ledger ended itself after 20 seconds: the facts of one partition filled each of its polls."""
    progress: Progress[str] = Progress()
    for batch in range(100):
        progress.took(["orders-0"], drained=False)
        assert progress.stuck({"orders-0": 40_000 + 500 * batch, "orders-1": 60_000}) == []


def test_facts_read_again_at_the_same_place_are_no_stall() -> None:
    """While MySQL is unavailable the ledger goes back, so where it stands does not change."""
    progress: Progress[str] = Progress()
    for _ in range(5):
        progress.took(BEHIND, drained=True)
        assert progress.stuck(BEHIND) == []


def test_a_reader_without_partitions_has_stalled_when_nobody_else_gets_on() -> None:
    """After the topic was made anew, its assignment was empty for ever, and nothing said so."""
    progress: Progress[str] = Progress()
    group = {"orders-0": 0, "orders-1": 0}
    progress.stuck(group)
    progress.took((), drained=True)
    assert progress.stuck(group) == ["orders-0", "orders-1"]


def test_a_reader_without_partitions_is_fine_while_others_of_its_group_get_on() -> None:
    progress: Progress[str] = Progress()
    for at in range(5):
        progress.took((), drained=True)
        assert progress.stuck({"orders-0": at}) == []


def test_a_reader_that_has_everything_is_fine() -> None:
    progress: Progress[str] = Progress()
    for _ in range(3):
        progress.took((), drained=True)
        assert progress.stuck({}) == []
