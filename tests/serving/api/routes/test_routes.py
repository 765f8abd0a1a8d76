"""The table of routes: which routes a path has, and that it lists what the app answers."""

from __future__ import annotations

from serving.api.routes.table import Route, RouteTable, allowed_methods
from serving.api.service import ROUTES

FLEET, ALL, ONE, CHANGE, ACT = (
    Route("/v1/fleet", ("GET",), "reader"),
    Route("/v1/work-orders", ("GET",), "reader"),
    Route("/v1/work-orders/{work_order_id}", ("GET",), "reader"),
    Route("/v1/work-orders/{work_order_id}", ("PATCH",), "planner"),
    Route("/v1/work-orders/{work_order_id}/complete", ("POST",), "planner"),
)
TABLE = RouteTable((FLEET, ALL, ONE, CHANGE, ACT))


def test_a_path_with_a_part_that_varies_finds_its_routes_by_every_method() -> None:
    assert TABLE.at("/v1/work-orders/WO-000001") == [ONE, CHANGE]
    assert allowed_methods(TABLE.at("/v1/work-orders/WO-000001")) == ("GET", "PATCH")
    assert TABLE.at("/v1/work-orders/WO-000001/complete") == [ACT]
    assert TABLE.at("/v1/work-orders") == [ALL]


def test_a_part_that_varies_is_neither_empty_nor_more_than_one_part() -> None:
    for path in (
        "/v1/work-orders/",
        "/v1/work-orders/a/b",
        "/v1/work-orders/a/complete/",
        "/v1/fleet/COMP-001",
        "/v1/flee",
        "",
        "/v1/work-orders/a\nb",
        "/v1/fleet\n",
    ):
        assert TABLE.at(path) == []


def test_every_route_below_v1_states_the_role_that_it_needs() -> None:
    assert {route.path: route.role for route in ROUTES if route.path.startswith("/v1/") != (route.role is not None)} == {}
