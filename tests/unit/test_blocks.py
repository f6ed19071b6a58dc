"""Whom an organiser may keep out, in the one form that is compared."""

import pytest

from app.sale.gates.addresses import address_prefix
from app.sale.gates.blocks import BadBlock, canonical


@pytest.mark.parametrize("address", ["198.51.100.7", "2001:DB8::1:2:3", "2001:db8:0:0::", "::ffff:198.51.100.7"])
def test_an_address_is_kept_as_requests_are_counted(address: str) -> None:
    kept = canonical(f" {address} ")
    assert kept == address_prefix(address)
    assert canonical(kept) == kept


@pytest.mark.parametrize(
    "text", ["", "kim", "0a" * 15, "10.0.0.0/8", "2001:db8::/32", "1.2.3", "=1+1", "\u0661.2.3.4"]
)
def test_what_is_neither_buyer_nor_address_is_refused(text: str) -> None:
    with pytest.raises(BadBlock, match="who: "):
        canonical(text)
