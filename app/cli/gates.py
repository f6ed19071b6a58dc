"""The flags that say what is asked of those who join: the same for a new event and for one that is there."""

import argparse
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from app.cli.command import Failed
from app.sale.gates.accounts import check_account
from app.sale.gates.rules import Account, BadGates, Captcha, Gates, check_gates

NONE = "none"  # takes a gate away
HIDDEN = "(set)"


def add_gates(parser: argparse.ArgumentParser) -> None:
    """Adds the flags. What is not said stays as it is."""
    parser.add_argument(
        "--codes",
        choices=["none", "optional", "required"],
        help="presale codes put their holders ahead; required: nobody joins without one (none)",
    )

    parser.add_argument("--account-jwks", metavar="FILE", help="buyers prove an account: your public keys, a JWKS")
    parser.add_argument("--account-secret", metavar="FILE", help="or the secret of HS256, 32 bytes or more")
    parser.add_argument("--account-audience", metavar="TEXT", help="what your tokens are for; none: no accounts")
    parser.add_argument("--account-issuer", metavar="TEXT", help="who they say issued them")
    parser.add_argument("--shop-url", metavar="URL", help="where those who are let in go shopping; none: here")
    parser.add_argument(
        "--origin", action="append", metavar="ORIGIN",
        help="a site whose pages may use the waiting room: https://shop.example; may be repeated; none: no other",
    )  # fmt: skip
    parser.add_argument(
        "--work", type=int, metavar="COUNTERS",
        help="work of each browser that joins, more of it under load: 2000 is about half a second; 0: none",
    )  # fmt: skip
    parser.add_argument("--captcha-url", metavar="URL", help="a captcha's siteverify address; none: no captcha")
    parser.add_argument("--captcha-secret", metavar="FILE", help="the secret for it")
    parser.add_argument(
        "--queueit-secret", metavar="FILE", help="your shop has Queue-it's connector: its secret; none: it has not"
    )


def read_gates(arguments: argparse.Namespace, gates: Gates) -> Gates:
    """The gates with what the flags say. Raises Failed."""
    if arguments.codes:
        gates = replace(gates, codes=arguments.codes)
    if arguments.shop_url:
        gates = replace(gates, shop_url="" if arguments.shop_url == "none" else arguments.shop_url)
    if arguments.origin:
        origins = tuple(origin.lower().rstrip("/") for origin in arguments.origin if origin != "none")
        gates = replace(gates, origins=origins)
    if arguments.queueit_secret:
        said = arguments.queueit_secret
        gates = replace(gates, queueit_secret="" if said == NONE else _read(said).strip())
    if arguments.captcha_url == "none":
        gates = replace(gates, captcha=None)
    elif arguments.captcha_url or arguments.captcha_secret:
        known = gates.captcha or Captcha("", "")
        secret = _read(arguments.captcha_secret).strip() if arguments.captcha_secret else known.secret
        gates = replace(gates, captcha=Captcha(arguments.captcha_url or known.url, secret))
    if arguments.work is not None:
        gates = replace(gates, work=arguments.work)
    gates = replace(gates, account=_account(arguments, gates.account))
    try:
        check_gates(gates)
        if gates.account:
            check_account(gates.account)
    except BadGates as error:
        raise Failed(str(error)) from None
    return gates


def _account(arguments: argparse.Namespace, account: Account | None) -> Account | None:
    if arguments.account_audience == "none":
        return None
    said = {
        "audience": arguments.account_audience,
        "issuer": arguments.account_issuer,
        "keys": arguments.account_jwks and _keys(_read(arguments.account_jwks)),
        "secret": arguments.account_secret and _read(arguments.account_secret).strip(),
    }
    said = {name: value for name, value in said.items() if value}
    return replace(account or Account(""), **said) if said else account


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"{path}: {error}") from None


def _keys(text: str) -> tuple[dict[str, Any], ...]:
    class Jwks(msgspec.Struct):
        keys: tuple[dict[str, Any], ...]

    try:
        return msgspec.json.decode(text, type=Jwks).keys
    except msgspec.DecodeError as error:
        raise Failed(f"account JWKS: {error}") from None


def told_gates(gates: Gates) -> dict[str, Any]:
    """Gates as an answer: without what is secret in them."""
    account = gates.account and replace(gates.account, secret=HIDDEN if gates.account.secret else "")
    captcha = gates.captcha and replace(gates.captcha, secret=HIDDEN)
    queueit = HIDDEN if gates.queueit_secret else ""
    public = replace(gates, account=account, captcha=captcha, queueit_secret=queueit)
    told: dict[str, Any] = msgspec.to_builtins(public)
    return told
