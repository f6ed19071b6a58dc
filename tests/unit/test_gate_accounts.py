"""An organiser's token proves an account, or is refused with a word that says why; there is no third way."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from app.sale.gates.accounts import RefusedAccount, check_account, subject_of
from app.sale.gates.rules import Account, BadGates

ED, OTHER_ED = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
EC = ec.generate_private_key(ec.SECP256R1())
SECRET = "s" * 32


def public(key: Any, kid: str) -> dict[str, Any]:
    algorithm = (
        jwt.algorithms.OKPAlgorithm if isinstance(key, ed25519.Ed25519PrivateKey) else jwt.algorithms.ECAlgorithm
    )
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid}


BY_KEYS = Account("night", "https://club.example", (public(ED, "ed"), public(EC, "ec")))
BY_SECRET = Account("night", secret=SECRET)


def claims(**changes: Any) -> dict[str, Any]:
    usual = {"aud": "night", "iss": "https://club.example", "sub": "fan-7", "exp": time.time() + 300}
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def signed(key: Any = ED, algorithm: str = "EdDSA", kid: str | None = "ed", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": kid} if kid else {})


def refused(token: str, account: Account = BY_KEYS) -> str:
    with pytest.raises(RefusedAccount) as caught:
        subject_of(token, account)
    return caught.value.reason


def unsigned(header: dict[str, Any], signature: str = "") -> str:
    parts = [json.dumps(part).encode() for part in (header, claims())]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), signature])


def test_each_kind_of_key_proves_an_account() -> None:
    assert subject_of(signed(), BY_KEYS) == "fan-7"
    assert subject_of(signed(EC, "ES256", "ec"), BY_KEYS) == "fan-7"
    assert subject_of(signed(SECRET, "HS256", None, iss=None), BY_SECRET) == "fan-7"
    assert subject_of(signed(kid=None), BY_KEYS) == "fan-7", "without a kid each key may be the one"


def test_a_token_without_a_signature_proves_nothing() -> None:
    for name in ("none", "None", "NONE", "", None, 7):
        assert refused(unsigned({"alg": name, "kid": "ed"})) in ("algorithm", "malformed")
    assert refused(unsigned({"alg": "EdDSA", "kid": "ed"})) in ("signature", "malformed")


def test_the_key_decides_what_algorithm_is_good_and_not_the_token() -> None:
    pem = ED.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    x = BY_KEYS.keys[0]["x"]
    for secret in (x, pem.decode().replace("-----", "").strip()):
        token = jwt.encode(claims(), secret.ljust(32, "="), "HS256", headers={"kid": "ed"})
        assert refused(token) == "algorithm", "a public key is no secret"
    assert refused(signed(kid="ec")) == "algorithm"
    assert refused(signed(), BY_SECRET) == "algorithm"
    rsa_key = rsa.generate_private_key(65_537, 2_048)
    assert refused(jwt.encode(claims(), rsa_key, "RS256", headers={"kid": "ed"})) == "algorithm"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (lambda: signed(OTHER_ED), "signature"),
        (lambda: signed(kid="unknown"), "key"),
        (lambda: signed(aud="another night"), "audience"),
        (lambda: signed(aud=None), "claims"),
        (lambda: signed(iss="https://evil.example"), "issuer"),
        (lambda: signed(iss=None), "claims"),
        (lambda: signed(exp=time.time() - 90), "expired"),
        (lambda: signed(exp=None), "claims"),
        (lambda: signed(exp=10**30), "lifetime"),
        (lambda: signed(exp=time.time() + 40 * 86_400), "lifetime"),
        (lambda: signed(nbf=time.time() + 90), "not_yet_valid"),
        (lambda: signed(iat=time.time() + 3_600), "not_yet_valid"),
        (lambda: signed(sub=None), "claims"),
        (lambda: signed(sub=""), "claims"),
        (lambda: signed(sub="x" * 256), "claims"),
        (lambda: signed()[:-8], "signature"),
        (lambda: "a.b.c", "malformed"),
        (lambda: "", "malformed"),
        (lambda: "[" * 4_000, "malformed"),
    ],
)
def test_whatever_is_wrong_has_a_name_of_its_own(token: Any, reason: str) -> None:
    assert refused(token()) in (reason, "malformed")


def test_clocks_may_differ_by_a_minute() -> None:
    assert subject_of(signed(exp=time.time() - 50), BY_KEYS) == "fan-7"
    assert subject_of(signed(nbf=time.time() + 50), BY_KEYS) == "fan-7"


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda b: f"{b.hex()}.{b.hex()}.{b.hex()}"))
def test_anything_else_is_refused(token: str) -> None:
    refused(token)


def test_an_account_that_nobody_could_prove_is_refused_beforehand() -> None:
    check_account(BY_KEYS)
    check_account(BY_SECRET)
    private = {**json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(ED)), "kid": "ed"}
    for account in (
        Account(""),
        Account("night"),
        Account("night", secret=SECRET[:5]),
        Account("night", keys=(private,)),
        Account("night", keys=({"kty": "RSA"},)),
        Account("night", keys=({"kty": "OKP", "crv": "Ed25519", "x": "!"},)),
        Account("night", keys=BY_KEYS.keys * 9),
    ):
        with pytest.raises(BadGates):
            check_account(account)
