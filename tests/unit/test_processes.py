"""Which processes are missed: the rule, without Redis."""

from app.watch.processes import Report, without_replaced


def process(name: str, instance: str, since_ms: int, at_ms: int) -> Report:
    return Report(name, 1, at_ms, 0, 0, 0, instance, since_ms)


def test_a_process_started_again_replaces_the_one_that_died() -> None:
    died, again = process("web", "here-1", 0, 10), process("web", "here-2", 12, 100)
    assert without_replaced([died, again]) == [again]


def test_one_that_died_again_and_again_is_replaced_by_the_last() -> None:
    first, second, last = (
        process("web", "here-1", 0, 10),
        process("web", "here-2", 12, 20),
        process("web", "here-3", 22, 100),
    )
    assert without_replaced([last, first, second]) == [last]


def test_each_stands_in_for_one_only() -> None:
    one, other, again = (
        process("web", "here-1", 0, 10),
        process("web", "here-2", 0, 11),
        process("web", "here-3", 12, 100),
    )
    assert without_replaced([one, other, again]) == [other, again]


def test_what_runs_beside_or_elsewhere_replaces_nobody() -> None:
    died = process("web", "here-1", 0, 10)
    others = [
        process("web", "here-2", 5, 100),
        process("web", "elsewhere-1", 12, 100),
        process("relay", "here-3", 12, 100),
    ]
    assert without_replaced([died, *others]) == [died, *others]
