"""What only the books can refuse of an event that is to be made."""

import uuid

import pytest

from tests.world.stack import ticketcraze


@pytest.mark.parametrize("other", ["floor", "FLOOR", "Flöör"])
def test_two_skus_whose_names_are_one_to_the_books_are_refused_for_the_right_reason(
    env: dict[str, str], other: str
) -> None:
    names = ("--slug", f"test-{uuid.uuid4().hex[:12]}", "--name", "A test")
    code, answer = ticketcraze(env, "event", "create", *names, "--sku", "Floor:1:1", "--sku", f"{other}:1:1")
    assert (code, answer["error"]) == (1, "sku: each needs a name of its own")
