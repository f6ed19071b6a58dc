"""Many buyers of one machine: they come from many addresses, where that is possible."""

import pytest

from crowd.limits import SOURCE_ADDRESSES, source_address


def test_buyers_of_a_local_server_are_spread_over_loopback_addresses() -> None:
    addresses = {source_address("http://127.0.0.1:8000", number) for number in range(1_000)}
    assert len(addresses) == SOURCE_ADDRESSES
    assert "127.0.0.1" not in addresses


@pytest.mark.parametrize(
    "url", ["http://shop.example", "http://192.0.2.1:80", "http://[::1]:8000", "http://localhost"]
)
def test_no_address_is_chosen_for_a_server_elsewhere(url: str) -> None:
    assert source_address(url, 7) is None
