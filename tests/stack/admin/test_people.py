"""Owners give and take what people and programs may do: by API, by page, by mail; and it is written down."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.stack.admin.people import Admin, browser, new_admin, sign_in, token_of
from tests.world.buyers import make_event, refused
from tests.world.commands import ticketcraze
from tests.world.stack import Stack
from tests.world.waiting import until

API = "/api/v1/admin"


@pytest.fixture
def owner(stack: Stack, env: dict[str, str]) -> Iterator[httpx.Client]:
    """The browser of an owner."""
    admin = new_admin(env)
    with browser(stack) as client:
        token_of(sign_in(client, admin.name, admin.password))
        yield client
    ticketcraze(env, "admin", "remove", admin.name)


def mails_to(client: httpx.Client, email: str) -> str | None:
    """The address of the newest mail to somebody, as a machine without a mail server shows it."""
    listed = client.get("/development/mail").text
    found = re.search(rf'href="(/development/mail/[^"/]+)">(?:(?!</li>).)*{re.escape(email)}', listed, re.DOTALL)
    return found[1] if found else None


def test_whoever_is_invited_chooses_a_name_once_and_may_do_no_more_than_was_meant(
    stack: Stack, env: dict[str, str], owner: httpx.Client
) -> None:
    sale = make_event(env)
    kim = Admin(f"kim-{sale.id}", "correct horse battery")
    email = f"{kim.name}@example.com"
    wanted = {"email": email, "role": "box_office", "event": sale.slug}
    made = owner.post(f"{API}/invitations", json=wanted).json()
    mail = owner.get(str(until(lambda: mails_to(owner, email), what="the mail"))).text
    assert made["link"] in mail
    until(lambda: '"mail":"SENT"' in owner.get(f"{API}/people").text)

    link = made["link"].removeprefix(stack.web)
    with browser(stack) as stranger:
        chosen = {"name": f" {kim.name.upper()}", "password": kim.password}
        assert "12 to 256" in stranger.post(link, data={**chosen, "password": "short"}).text
        assert "called that already" in stranger.post(link, data={**chosen, "name": "admin"}).text
        assert stranger.post(link, data=chosen).headers["location"] == "/admin/login"
        assert stranger.post(link, data={**chosen, "name": "somebody-else"}).status_code == 404, "it is used up"
        token_of(sign_in(stranger, kim.name, kim.password))
        assert stranger.get(f"{API}/events/{sale.slug}/orders").status_code == 200
        refused(stranger.get(f"{API}/events/{make_event(env).slug}/orders"), 403, "forbidden")
        for path in ("/people", "/keys"):
            refused(stranger.get(API + path), 403, "forbidden")
        refused(stranger.post(f"{API}/invitations", json={**wanted, "role": "owner"}), 403, "forbidden")

        closer = owner.get(f"{API}/people/{kim.name}").json()
        assert closer["roles"] == [{"event": sale.slug, "role": "box_office"}]
        assert [len(closer["signed_in"]), closer["logins"][0]["what"]] == [1, "signed in"]
        given = owner.put(f"{API}/people/{kim.name}/role", json={"role": None, "event": sale.slug})
        assert given.json()["roles"] == []
        until(lambda: stranger.get(f"{API}/events/{sale.slug}/orders").status_code == 403)
        assert owner.delete(f"{API}/people/{kim.name}/sessions").status_code == 204
        until(lambda: stranger.get(f"{API}/events/{sale.slug}").status_code == 401)
    assert owner.delete(f"{API}/people/{kim.name}").status_code == 204
    refused(owner.delete(f"{API}/people/{kim.name}"), 404, "not_found")


def test_invitations_end_with_whoever_sent_them_and_bad_ones_are_refused(
    stack: Stack, env: dict[str, str], owner: httpx.Client
) -> None:
    for body in (
        {"email": "no address", "role": "viewer"},
        {"email": "=cmd@x.example\u202e", "role": "viewer"},
        {"email": "a@example.com", "role": "emperor"},
    ):
        refused(owner.post(f"{API}/invitations", json=body), 422, "invalid")
    refused(owner.delete(f"{API}/invitations/\u00e9"), 404, "not_found")
    other = new_admin(env)
    with browser(stack) as second, browser(stack) as stranger:
        token_of(sign_in(second, other.name, other.password))
        links = [
            second.post(f"{API}/invitations", json={"email": "a@example.com", "role": "owner"}).json()["link"]
            for _ in range(2)
        ]
        by = [i for i in owner.get(f"{API}/people").json()["invitations"] if i["invited_by"] == other.name]
        assert owner.delete(f"{API}/invitations/{by[0]['id']}").status_code == 204
        owner.put(f"{API}/people/{other.name}/role", json={"role": "viewer"})
        assert [stranger.get(link).status_code for link in links] == [404, 404]
    ticketcraze(env, "admin", "remove", other.name)


def test_a_key_is_made_shown_once_and_revoked_and_no_key_makes_another(
    stack: Stack, env: dict[str, str], owner: httpx.Client
) -> None:
    made = owner.post(f"{API}/keys", json={"name": "shop", "scopes": ["read", "write"]}).json()
    listed = owner.get(f"{API}/keys").text
    assert (made["id"] in listed, made["key"] in listed) == (True, False)
    with browser(stack) as program:
        program.headers["Authorization"] = f"Bearer {made['key']}"
        assert program.get(f"{API}/events").status_code == 200
        refused(program.post(f"{API}/keys", json={"name": "more", "scopes": ["read"]}), 403, "forbidden")
        assert owner.delete(f"{API}/keys/{made['id']}").status_code == 204
        until(lambda: program.get(f"{API}/events").status_code == 401)
    refused(owner.delete(f"{API}/keys/{made['id']}"), 404, "not_found")
    for body in (
        {"name": "=1+1", "scopes": ["read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["own"]},
    ):
        refused(owner.post(f"{API}/keys", json=body), 422, "invalid")


def test_an_id_that_can_be_no_id_is_unknown_and_no_server_is_blamed(env: dict[str, str]) -> None:
    for words in (
        ("admin", "key", "revoke", "\u00e9"),
        ("admin", "withdraw", "\u00e9"),
        ("messages", "resend", "\u00e9"),
    ):
        code, answer = ticketcraze(env, *words)
        assert (code, answer["error"].startswith("There is no ")) == (1, True), answer
    assert ticketcraze(env, "messages", "log", "\u00e9") == (0, {"attempts": []})
    assert ticketcraze(env, "messages", "list", "--order", "\u00e9") == (0, {"messages": []})
