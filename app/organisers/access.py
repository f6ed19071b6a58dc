"""Who may do what, and where: roles of people, scopes of keys. Pure; the same for pages, the API and sockets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

Role = Literal["viewer", "door", "box_office", "organiser", "owner"]
Scope = Literal["read", "write", "door"]
Permission = Literal[
    "view",  # figures, history, what happened
    "orders_view",  # buyers and their orders, exports
    "orders",  # to act on orders
    "door",  # to let ticket holders in
    "run",  # the controls of a sale, and its event
    "own",  # people, keys, privacy
]

PERMISSIONS: Final[tuple[Permission, ...]] = get_args(Permission)
ROLES: Final = get_args(Role)
SCOPES: Final = get_args(Scope)
EVERY_EVENT: Final = 0  # in place of an event's id

_OF_ROLE: Final[Mapping[Role, frozenset[Permission]]] = {
    "viewer": frozenset({"view"}),
    "door": frozenset({"door"}),
    "box_office": frozenset({"view", "orders_view", "orders"}),
    "organiser": frozenset({"view", "orders_view", "orders", "door", "run"}),
    "owner": frozenset(get_args(Permission)),
}
# No key may do what is an owner's alone: a stolen one invites nobody and erases nothing.
_OF_SCOPE: Final[Mapping[Scope, frozenset[Permission]]] = {
    "read": frozenset({"view", "orders_view"}),
    "write": frozenset({"view", "orders_view", "orders", "run"}),
    "door": frozenset({"door"}),
}


@dataclass(frozen=True)
class ApiKey:
    """The key that a program shows: what it may do at most, and for which event alone (0: for any)."""

    id: str
    name: str
    scopes: frozenset[Scope]
    event_id: int = EVERY_EVENT


@dataclass(frozen=True)
class Admin:
    """Who asks: a person by name, with a role per event, or a program with a key of theirs."""

    name: str
    roles: Mapping[int, Role] = field(default_factory=dict)  # by event
    key: ApiKey | None = None

    def __str__(self) -> str:
        """As logs and the feed name them."""
        return f"{self.name}, by the key {self.key.name}" if self.key else self.name

    def may(self, permission: Permission, event_id: int = EVERY_EVENT) -> bool:
        """Whether they may do this in the event; without one, in all of them."""
        if self.key and not self._key_may(self.key, permission, event_id):
            return False
        return any(
            permission in _OF_ROLE[role]
            for role in (self.roles.get(EVERY_EVENT), self.roles.get(event_id))
            if role is not None
        )

    def may_somewhere(self, permission: Permission) -> bool:
        """Whether there may be an event in which they may do this."""
        return any(self.may(permission, event_id) for event_id in {*self.roles, *self._events_of_key()})

    def _events_of_key(self) -> set[int]:
        return {self.key.event_id} if self.key else set()

    @staticmethod
    def _key_may(key: ApiKey, permission: Permission, event_id: int) -> bool:
        if key.event_id != EVERY_EVENT and key.event_id != event_id:
            return False
        return any(permission in _OF_SCOPE[scope] for scope in key.scopes)


def rights_in(admin: Admin, event_id: int) -> set[Permission]:
    """All that an admin may do in an event."""
    return {permission for permission in PERMISSIONS if admin.may(permission, event_id)}
