"""What the web processes of a host count together, and how their figures add up."""

import os

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from app.infra.board import Board, Tally
from app.watch.metrics import (
    FACTS,
    REQUESTS,
    WorkerFigures,
    add_up,
    bury,
    exposition,
    figures,
    write_figures,
)


def in_a_fork(act: object) -> None:
    """Does something in a process of its own, which shares what was made before."""
    child = os.fork()
    if not child:
        assert callable(act)
        act()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 2)), max_size=50))
def test_a_tally_counts_by_name_whoever_counts(counted: list[tuple[str, int]]) -> None:
    tally = Tally(3)
    for name, slot in counted:
        tally.belong_to(slot)
        tally.add(name)
    for name in "abcdef":
        assert tally.count(name) == sum(name == other for other, _ in counted)


def test_what_another_process_counts_is_seen_until_it_ends() -> None:
    board = Board(2)

    def other() -> None:
        board.belong_to(1)
        board.addresses.add("10.0.0.1", 7)
        board.put(Board.CONNECTIONS, 7)

    board.addresses.add("10.0.0.1")
    board.put(Board.CONNECTIONS, 1)
    in_a_fork(other)
    assert (board.addresses.count("10.0.0.1"), board.total(Board.CONNECTIONS)) == (8, 8)
    assert board.addresses.count("10.0.0.2") == 0
    board.forget(1)
    assert (board.addresses.count("10.0.0.1"), board.total(Board.CONNECTIONS)) == (1, 1)


def test_figures_add_up_and_what_was_counted_outlives_its_process() -> None:
    board = Board(2)
    REQUESTS.labels("figures_test", 200).inc(3)
    before = sum_of(board, "process_open_fds")
    assert before == 0

    def other() -> None:
        board.belong_to(1)
        REQUESTS.labels("figures_test", 200).inc()
        write_figures(board, lambda: None)

    write_figures(board, lambda: None)
    in_a_fork(other)
    assert sum_of(board, "ticketcraze_requests") == 7
    both = sum_of(board, "process_open_fds")
    bury(board, 1)
    assert sum_of(board, "ticketcraze_requests") == 7
    assert 0 < sum_of(board, "process_open_fds") < both, "its files are closed"
    in_a_fork(other)
    bury(board, 1)
    assert sum_of(board, "ticketcraze_requests") == 11


def sum_of(board: Board, name: str) -> float:
    """What the samples of a metric come to, where this test made them or nobody names an endpoint."""
    *living, ended = board.read_figures()
    return sum(
        sample.value
        for metric in add_up(living, ended)
        if metric.name == name
        for sample in metric.samples
        if sample.labels.get("endpoint", "figures_test") == "figures_test"
    )


def test_figures_that_are_too_long_leave_what_was_there() -> None:
    board = Board()
    board.write_figures(figures())
    board.write_figures(b"x" * 1_000_000)
    assert board.read_figures()[0].startswith(b"[")


def test_the_figures_of_workers_are_apart_and_each_metric_is_there_once() -> None:
    board = Board()
    write_figures(board, lambda: None)
    FACTS.labels("figures_test").inc(3)
    text = exposition(board, [WorkerFigures("ledger", f"host-{n}", figures()) for n in (1, 2)]).decode()
    told = list(text_string_to_metric_families(text))
    assert len(told) == len({metric.name for metric in told})
    facts = {
        sample.labels.get("worker"): sample.value
        for metric in told
        for sample in metric.samples
        if sample.name == "ticketcraze_facts_total" and sample.labels["fact"] == "figures_test"
    }
    assert facts == {"host-1": 3.0, "host-2": 3.0}
    assert not any("worker" in s.labels for metric in told if "requests" in metric.name for s in metric.samples)
