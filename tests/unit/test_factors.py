"""Codes of an authenticator, as RFC 6238 has them."""

import base64

import pytest

from app.organisers.factors import STEP_SECONDS, address_of, code_at, is_secret, new_secret, step_of

RFC = base64.b32encode(b"12345678901234567890").decode()  # appendix B, of whose eight digits we show six


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_a_code_is_the_one_of_the_standard(at: int, code: str) -> None:
    assert code_at(RFC, at // STEP_SECONDS) == code
    assert step_of(RFC, code, at) == at // STEP_SECONDS


def test_a_code_is_good_a_step_before_and_after_its_own_and_no_longer() -> None:
    code = code_at(RFC, 100)
    good = [step for step in range(90, 110) if step_of(RFC, code, step * STEP_SECONDS) == 100]
    assert good == [99, 100, 101]


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "\uff11\uff12\uff13\uff14\uff15\uff16", " 287082"]
)
def test_what_is_no_code_is_not_good(code: str) -> None:
    assert step_of(RFC, code, 59) is None


def test_a_secret_is_random_and_an_authenticator_can_read_it() -> None:
    secret = new_secret()
    assert is_secret(secret)
    assert secret != new_secret()
    assert not is_secret(secret.lower())
    assert address_of(secret, "kim@x").startswith(f"otpauth://totp/Ticket%20Craze%3Akim%40x?secret={secret}")
