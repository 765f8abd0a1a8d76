"""What a route takes, who may use it, and which routes a path has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from starlette.routing import compile_path

from serving.access.roles import Role

API: Final = "/v1/"
_READING: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Route:
    """A path with one `{name}` for each part that varies, and what it takes."""

    path: str
    methods: tuple[str, ...]
    role: Role | None = None  # the least that may use it; None: whoever reaches the service
    takes_json: bool = False
    also_takes: tuple[str, ...] = ()  # media types of tables, which may have LimitsSection's most_bulk_body_bytes
    most_body_bytes: int | None = None  # LimitsSection's when None
    takes_query: bool = False
    check: Callable[[], None] | None = None  # answered here: 200 if it returns, else its problem
    writes: bool = True  # False: a POST that changes nothing

    @property
    def is_recorded(self) -> bool:
        """Whether requests stand in `api_writes`, also those that are refused."""
        return self.writes and self.path.startswith(API) and not _READING.issuperset(self.methods)


class RouteTable:
    """The routes of all reachable paths."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """A path without `{` is found before the others."""
        self._exact: dict[str, list[Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], list[Route]]] = []
        for route in routes:
            self._exact.setdefault(route.path, []).append(route)
        for path in [path for path in self._exact if "{" in path]:
            self._patterns.append((compile_path(path)[0], self._exact.pop(path)))

    def at(self, path: str) -> list[Route]:
        """The routes of a request's path, one for each method or group of methods. Empty for a path that does not exist."""
        if "\n" in path:  # which no id has; Starlette's own patterns end at it
            return []
        found = self._exact.get(path)
        if found is not None:
            return found
        return next((routes for pattern, routes in self._patterns if pattern.match(path)), [])


def allowed_methods(routes: Iterable[Route]) -> tuple[str, ...]:
    """The methods of a path's routes."""
    return tuple(method for route in routes for method in route.methods)
