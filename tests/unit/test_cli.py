"""The command line, as far as it needs no server: help, words and folded lines."""

import argparse
import shlex
from collections.abc import Iterator

import pytest

from app.cli.__main__ import parser
from app.cli.verify import report
from app.watch.verify import Check


def commands(
    group: argparse.ArgumentParser, name: str = "ticketcraze"
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command with its whole name."""
    groups = [action for action in group._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield name, group
    for action in groups:
        for word, command in action.choices.items():
            yield from commands(command, f"{name} {word}")


COMMANDS = dict(commands(parser()))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_each_command_shows_an_example_that_is_understood(name: str) -> None:
    told = COMMANDS[name].format_help()
    example = told.split("example:\n")[1].splitlines()[0].strip()
    words = shlex.split(example[example.index("ticketcraze") :])
    assert " ".join(words).startswith(name)
    parser().parse_args(words[1:])
    assert "--json" in told


@pytest.mark.parametrize("seconds", ["nan", "-1", "inf", "soon"])
def test_a_rest_that_is_no_time_is_refused(seconds: str) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["verify", "--at-rest", seconds])


def a_check(number: int, detail: str = "", **figures: int) -> Check:
    return Check(number, f"The title of {number}", not detail, dict(figures), detail)


def test_money_is_told_in_major_units_and_the_last_line_sums_up() -> None:
    sound = report([a_check(1, orders=2), a_check(5, taken_minor_USD=123_456)], 100, was_at_rest=True)
    assert sound.splitlines() == [
        "ok    1. The title of 1: orders 2",
        "ok    5. The title of 5: taken $1,234.56",
        "ok: all 2 checks hold.",
    ]
    broken = report([a_check(1), a_check(3, "sku 7: 5 held, not 4")], 100, was_at_rest=True)
    assert broken.splitlines()[-1] == "FAIL: 1 of 2 checks found something: 3."
    assert "--at-rest" in report([a_check(1)], 100, was_at_rest=False)


def test_long_lines_are_folded() -> None:
    long = report([a_check(3, "sku 7: five held, not four; " * 20)], 72, was_at_rest=True)
    assert max(map(len, long.splitlines())) <= 72
    assert " ".join(long.split()).count("sku 7") == 20
