"""Admins of one test each, and browsers they sign in with, each from an address of its own."""

import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import WAIT_SECONDS

SESSIONS = "/api/v1/admin/sessions"


@dataclass(frozen=True)
class Admin:
    """A name and its password."""

    name: str
    password: str


def new_admin(env: dict[str, str]) -> Admin:
    """An admin of this test's own."""
    admin = Admin(f"ada-{secrets.token_hex(4)}", secrets.token_urlsafe(12))
    set_password(env, admin)
    return admin


@contextmanager
def signed_in(stack: Stack) -> Iterator[httpx.Client]:
    """The browser of a new admin, who is an owner of everything."""
    admin = new_admin(stack.env)
    with browser(stack) as client:
        token_of(sign_in(client, admin.name, admin.password))
        yield client


def set_password(env: dict[str, str], admin: Admin) -> str:
    """What `admin ensure` did."""
    code, answer = ticketcraze({**env, "ADMIN_PASSWORD": admin.password}, "admin", "ensure", "--user", admin.name)
    assert code == 0, answer
    return str(answer["done"])


@contextmanager
def browser(stack: Stack, address: str = "") -> Iterator[httpx.Client]:
    """A client with its own cookies and, unless told, a loopback address that nobody else has."""
    address = address or new_address()
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(base_url=stack.web, transport=transport, timeout=WAIT_SECONDS, trust_env=False) as client:
        yield client


def new_address() -> str:
    """One of the sixteen million."""
    return f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(2, 254)}"  # noqa: S311


def sign_in(client: httpx.Client, name: str, password: str) -> httpx.Response:
    """By the API; the client keeps the cookies."""
    return client.post(SESSIONS, json={"user": name, "password": password})


def token_of(answer: httpx.Response) -> str:
    """The token of a session that has begun."""
    assert answer.status_code == httpx.codes.OK, answer.text
    return str(answer.json()["token"])
