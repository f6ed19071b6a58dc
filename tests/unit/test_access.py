"""Who may do what: roles of people, scopes of keys, events of both."""

from typing import get_args

import pytest

from app.organisers.access import EVERY_EVENT, ROLES, SCOPES, Admin, ApiKey, Permission, Role, Scope

PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
MINE, OTHER = 7, 8
ALLOWED: dict[Role, set[Permission]] = {
    "viewer": {"view"},
    "door": {"door"},
    "box_office": {"view", "orders_view", "orders"},
    "organiser": {"view", "orders_view", "orders", "door", "run"},
    "owner": {"view", "orders_view", "orders", "door", "run", "own"},
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_allows_this_and_nothing_else_and_only_in_its_event(role: Role) -> None:
    admin = Admin("kim", {MINE: role})
    assert {p for p in PERMISSIONS if admin.may(p, MINE)} == ALLOWED[role]
    assert not [p for p in PERMISSIONS if admin.may(p, OTHER) or admin.may(p)]
    everywhere = Admin("kim", {EVERY_EVENT: role})
    assert {p for p in PERMISSIONS if everywhere.may(p, OTHER) and everywhere.may(p)} == ALLOWED[role]


def test_without_a_role_nothing_is_allowed() -> None:
    assert not [p for p in PERMISSIONS if Admin("kim").may(p, MINE) or Admin("kim").may_somewhere(p)]


def test_two_roles_add_up() -> None:
    admin = Admin("kim", {EVERY_EVENT: "viewer", MINE: "door"})
    assert admin.may("view", MINE)
    assert admin.may("door", MINE)
    assert not admin.may("door", OTHER)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("role", ROLES)
def test_a_key_may_never_do_more_than_its_admin_and_nothing_that_is_an_owners_alone(
    role: Role, scope: Scope
) -> None:
    roles: dict[int, Role] = {EVERY_EVENT: role}
    key = Admin("kim", roles, ApiKey("0a" * 6, "shop", frozenset({scope})))
    assert all(Admin("kim", roles).may(p, MINE) for p in PERMISSIONS if key.may(p, MINE))
    assert not key.may("own", MINE)
    assert scope != "read" or not (key.may("run", MINE) or key.may("orders", MINE))


def test_a_key_of_one_event_opens_no_other_and_nothing_that_is_about_all() -> None:
    key = ApiKey("0a" * 6, "shop", frozenset({"write"}), MINE)
    admin = Admin("kim", {EVERY_EVENT: "owner"}, key)
    assert admin.may("run", MINE)
    assert not admin.may("run", OTHER)
    assert not admin.may("run")
    assert admin.may_somewhere("run")
    assert str(admin) == "kim, by the key shop"
