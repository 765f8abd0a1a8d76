"""The roles of keys, and which of them a route's least role lets in."""

from __future__ import annotations

from typing import Final, Literal, get_args

Role = Literal["reader", "scorer", "planner", "admin"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
# A role may do all that the roles behind it may.
_MAY: Final[dict[Role, frozenset[Role]]] = {
    "reader": frozenset({"reader"}),
    "scorer": frozenset({"reader", "scorer"}),
    "planner": frozenset({"reader", "planner"}),
    "admin": frozenset(ROLES),
}


def allows(role: Role, least: Role) -> bool:
    """Whether a caller with `role` may use a route that needs `least`."""
    return least in _MAY[role]
