"""/v1/alerts: the list, one alert with its log, and what people do with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

import psycopg
from fastapi import APIRouter, Path, Request

from serving.alerts.alert_key import AlertKey, parse_alert_id
from serving.alerts.alert_rows import AlertFilter, AlertRow, list_alerts, read_alert, read_changes
from serving.alerts.life_cycle import Act, Shelving, acknowledge, allowed, assign, close, shelve, unshelve
from serving.api.exchange import exchange_of
from serving.api.reading import read_body, read_query
from serving.api.routes.answering import READ, WRITTEN, RouteParts, body_of, finding, parameters_of, problems
from serving.api.routes.table import API, Route
from serving.messages.alerts import (
    AlertAct,
    AlertAnswer,
    AlertChangeAnswer,
    AlertDetailAnswer,
    AlertQuery,
    AlertsAnswer,
    AssignRequest,
    NotedAct,
    ShelveRequest,
)
from serving.messages.fields import MomentQuery
from serving.warehouse.tables import moment_of

ALERTS: Final = Route(f"{API}alerts", ("GET",), "reader", takes_query=True)
ALERT: Final = Route(f"{API}alerts/{{alert_id}}", ("GET",), "reader", takes_query=True)
_MOST_BYTES: Final = 16_384  # of a body, which holds a note


def _act(name: str) -> Route:
    return Route(f"{ALERT.path}/{name}", ("POST",), "planner", takes_json=True, most_body_bytes=_MOST_BYTES)


ACKNOWLEDGE, SHELVE, UNSHELVE, ASSIGN, CLOSE = map(_act, ("acknowledge", "shelve", "unshelve", "assign", "close"))
ROUTES: Final = (ALERTS, ALERT, ACKNOWLEDGE, SHELVE, UNSHELVE, ASSIGN, CLOSE)
BODIES: Final = (NotedAct, ShelveRequest, AlertAct, AssignRequest)

AlertId = Annotated[str, Path(description="Its id: compressor, type and beginning, joined by `~`.")]
BodyT = TypeVar("BodyT", bound=AlertAct)
ValueT = TypeVar("ValueT", bound=str)


def router(parts: RouteParts) -> APIRouter:
    """The routes of alerts."""
    api = APIRouter()
    most_shelved = timedelta(hours=parts.rules.thresholds.shelving.most_hours.value)

    @api.get(ALERTS.path, response_model=AlertsAnswer, responses=problems(*READ), openapi_extra=parameters_of(AlertQuery))
    async def alerts(request: Request) -> Any:
        """Alerts, the worst first, then the newest."""

        def answer() -> AlertsAnswer:
            asked = read_query(AlertQuery, request.query_params.multi_items())
            wanted = AlertFilter(
                states=_given(asked.state) or None,
                compressor_ids=_given(asked.compressor_id),
                station_ids=_given(asked.station),
                severities=_given(asked.severity),
                sources=_given(asked.source),
                assigned_to=asked.assigned_to,
            )
            with parts.backend.at(asked.as_of) as connection:
                page = list_alerts(connection, wanted, asked.limit, asked.offset)
                moment, is_replay = moment_of(connection)
            shown = [AlertAnswer.model_validate(alert) for alert in page.alerts]
            return AlertsAnswer(as_of=moment, is_replay=is_replay, total=page.total, alerts=shown)

        return await parts.with_warehouse(answer)

    @api.get(
        ALERT.path,
        response_model=AlertDetailAnswer,
        responses=problems(*READ, HTTPStatus.NOT_FOUND),
        openapi_extra=parameters_of(MomentQuery),
    )
    async def alert(alert_id: AlertId, request: Request) -> Any:
        """One alert with its log. An id whose beginning moved leads to the alert that it became."""

        def answer() -> AlertDetailAnswer:
            asked = read_query(MomentQuery, request.query_params.multi_items())
            with finding("alert_id"), parts.backend.at(asked.as_of) as connection:
                return _detail(connection, read_alert(connection, parse_alert_id(alert_id)))

        return await parts.with_warehouse(answer)

    def add(route: Route, body: type[BodyT], perform: Callable[[psycopg.Connection, AlertKey, BodyT, Act], AlertRow], what: str) -> None:
        async def act(alert_id: AlertId, request: Request) -> Any:
            content = await request.body()

            def answer() -> AlertDetailAnswer:
                asked = read_body(body, content)
                by = exchange_of(request).acting(asked.by)
                with finding("alert_id"), parts.backend.at(None) as connection:
                    done = Act(by, moment_of(connection)[0], getattr(asked, "note", None))
                    return _detail(connection, perform(connection, parse_alert_id(alert_id), asked, done))

            return await parts.with_warehouse(answer)

        endpoint: Callable[..., Awaitable[Any]] = act
        api.add_api_route(
            route.path,
            endpoint,
            methods=["POST"],
            name=f"{route.path.rpartition('/')[2]} alert",
            description=what,
            response_model=AlertDetailAnswer,
            responses=problems(*WRITTEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
            openapi_extra=body_of(body),
        )

    add(ACKNOWLEDGE, NotedAct, lambda at, key, _, act: acknowledge(at, key, act), "Somebody has seen the alert: it escalates no further.")
    add(
        SHELVE,
        ShelveRequest,
        lambda at, key, asked, act: shelve(at, key, Shelving(asked.until, asked.reason), act, most_shelved),
        "Put the alert out of sight until a time. It returns by itself.",
    )
    add(UNSHELVE, AlertAct, lambda at, key, _, act: unshelve(at, key, act), "Bring a shelved alert back before its time.")
    add(ASSIGN, AssignRequest, lambda at, key, asked, act: assign(at, key, asked.to, act), "Make the alert somebody's work, or nobody's.")
    add(CLOSE, NotedAct, lambda at, key, _, act: close(at, key, act), "Take a resolved alert off the list for good.")
    return api


def _detail(connection: psycopg.Connection, alert: AlertRow) -> AlertDetailAnswer:
    moment, is_replay = moment_of(connection)
    changes = [AlertChangeAnswer.model_validate(change) for change in read_changes(connection, alert.key)]
    may = list(allowed(alert))
    return AlertDetailAnswer(as_of=moment, is_replay=is_replay, alert=AlertAnswer.model_validate(alert), allowed=may, changes=changes)


def _given(value: ValueT | None) -> tuple[ValueT, ...]:
    """A parameter of the query as a filter; without it, nothing is filtered."""
    return () if value is None else (value,)
