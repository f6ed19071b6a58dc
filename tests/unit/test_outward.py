"""Where a request that an outsider chose may lead: to the internet, and nowhere else."""

from ipaddress import ip_address

import pytest

from app.infra.outward import Forbidden, check_url, is_public
from app.outbound.contacts import is_address
from app.outbound.outbox import PAUSES_MS, pause_ms

PRIVATE = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
    "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "2001:db8::1",
    "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "::7f00:1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_internet(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_an_address_of_the_internet(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "", "http://a.example/", "ftp://a.example", "https://", "https://user:pw@a.example", "https://a.example/#x",
        "https://a.example:0/", "https://a.example:99999/", "https://a.example/ b", "https://[::1", "file:///etc",
        "https://a.example/" + "a" * 500, "https://b\u00fccher.example/", "https://a.example/\r\nHost: b",
    ],
)  # fmt: skip
def test_an_address_that_we_send_nothing_to(url: str) -> None:
    with pytest.raises(Forbidden):
        check_url(url, plain=False)


def test_https_is_good_and_http_where_private_networks_are_allowed() -> None:
    check_url("https://hooks.example:8443/a?b=c", plain=False)
    check_url("http://127.0.0.1:9000/", plain=True)


@pytest.mark.parametrize("email", ["kim@example.com", "kim+x@mail.example.co.uk", "o'neil@example.com", "a@b.io"])
def test_an_address_of_mail(email: str) -> None:
    assert is_address(email)


@pytest.mark.parametrize(
    "email",
    [
        "", "kim", "kim@", "@example.com", "kim@example", "kim@@example.com", "kim@example.com\nBcc: a@b.io",
        "kim@exa mple.com", "kim@-a.example", "<kim@example.com>", "kim@example.com,a@b.io", "kim@[127.0.0.1]",
        "a" * 65 + "@example.com", "kim@" + "a." * 130 + "com",
    ],
)  # fmt: skip
def test_what_is_no_address_of_mail(email: str) -> None:
    assert not is_address(email)


def test_the_pause_grows_and_is_never_the_same_for_all() -> None:
    for attempts, pause in enumerate(PAUSES_MS, 1):
        some = {pause_ms(attempts) for _ in range(50)}
        assert len(some) > 1
        assert all(0.9 * pause <= one <= 1.1 * pause for one in some)
    assert pause_ms(1_000) <= PAUSES_MS[-1] * 1.1
