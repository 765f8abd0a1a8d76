"""/v1/work-orders: the list, one order with its log, and its way from draft to done."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

import psycopg
from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from config.errors import NotFoundError, RequestError
from serving.alerts.life_cycle import Act
from serving.api.exchange import exchange_of
from serving.api.reading import read_body, read_query
from serving.api.routes.answering import JSON, READ, WRITTEN, RouteParts, body_of, finding, parameters_of, problems
from serving.api.routes.table import API, Route
from serving.messages.fields import MOST_ID
from serving.messages.work_orders import (
    ChangeWorkOrderRequest,
    CompleteWorkOrderRequest,
    DraftWorkOrderRequest,
    ExportQuery,
    ExportWorkOrderRequest,
    WorkOrderAct,
    WorkOrderAnswer,
    WorkOrderChangeAnswer,
    WorkOrderDetailAnswer,
    WorkOrderQuery,
    WorkOrdersAnswer,
)
from serving.warehouse.tables import moment_of
from serving.work_orders.changes import cancel_order, change_order
from serving.work_orders.completion import Completion, complete_order, reopen_order
from serving.work_orders.draft import DraftRequest, draft_order
from serving.work_orders.export import export_file, export_order
from serving.work_orders.order import OrderFilter, WorkOrder, count_orders, list_orders, read_changes, read_order

ORDERS: Final = Route(f"{API}work-orders", ("GET",), "reader", takes_query=True)
ORDER: Final = Route(f"{API}work-orders/{{work_order_id}}", ("GET",), "reader")
_MOST_BYTES: Final = 131_072  # of a body, which may hold a description


def _write(path: str, method: str = "POST") -> Route:
    return Route(path, (method,), "planner", takes_json=True, most_body_bytes=_MOST_BYTES)


DRAFT, CHANGE = _write(ORDERS.path), _write(ORDER.path, "PATCH")
FILE: Final = Route(f"{ORDER.path}/export", ("GET",), "reader", takes_query=True)
EXPORT, COMPLETE, REOPEN, CANCEL = (_write(f"{ORDER.path}/{name}") for name in ("export", "complete", "reopen", "cancel"))
ROUTES: Final = (ORDERS, DRAFT, ORDER, CHANGE, FILE, EXPORT, COMPLETE, REOPEN, CANCEL)
BODIES: Final = (DraftWorkOrderRequest, ChangeWorkOrderRequest, ExportWorkOrderRequest, CompleteWorkOrderRequest, WorkOrderAct)

_FILES: Final = {
    "text/csv": {"schema": {"type": "string"}},
    "text/html": {"schema": {"type": "string"}},
    JSON: {"schema": {"type": "object"}},
}
WorkOrderId = Annotated[str, Path(description="Its number.")]
BodyT = TypeVar("BodyT", bound=WorkOrderAct)
_ACT_FIELDS: Final = frozenset(WorkOrderAct.model_fields)


def router(parts: RouteParts) -> APIRouter:
    """The routes of work orders."""
    api = APIRouter()
    rules = parts.rules

    @api.get(ORDERS.path, response_model=WorkOrdersAnswer, responses=problems(*READ), openapi_extra=parameters_of(WorkOrderQuery))
    async def work_orders(request: Request) -> Any:
        """Work orders: open ones by the day they are planned or due, then the others, newest first."""

        def answer() -> WorkOrdersAnswer:
            asked = read_query(WorkOrderQuery, request.query_params.multi_items())
            wanted = OrderFilter(None if asked.status is None else (asked.status,), asked.compressor_id)
            with parts.backend.at(None) as connection:
                orders, total = list_orders(connection, wanted, asked.limit, asked.offset), count_orders(connection, wanted)
            return WorkOrdersAnswer(total=total, work_orders=[WorkOrderAnswer.model_validate(order) for order in orders])

        return await parts.with_warehouse(answer)

    @api.get(ORDER.path, response_model=WorkOrderDetailAnswer, responses=problems(*READ, HTTPStatus.NOT_FOUND))
    async def work_order(work_order_id: WorkOrderId) -> Any:
        """One work order with its log."""

        def answer() -> WorkOrderDetailAnswer:
            with finding("work_order_id"), parts.backend.at(None) as connection:
                return _detail(connection, read_order(connection, _known(work_order_id)))

        return await parts.with_warehouse(answer)

    @api.get(
        FILE.path,
        response_class=Response,
        responses=problems(*READ, HTTPStatus.NOT_FOUND) | {HTTPStatus.OK: {"description": "The file", "content": _FILES}},
        openapi_extra=parameters_of(ExportQuery),
    )
    async def work_order_file(work_order_id: WorkOrderId, request: Request) -> Any:
        """The order as a file for another system. Nothing is changed."""

        def answer() -> Response:
            asked = read_query(ExportQuery, request.query_params.multi_items())
            with finding("work_order_id"), parts.backend.at(None) as connection:
                file = export_file(read_order(connection, _known(work_order_id)), asked.format, rules.work_orders)
            return Response(file.text, media_type=file.media_type, headers={"Content-Disposition": f'attachment; filename="{file.name}"'})

        return await parts.with_warehouse(answer)

    def add(route: Route, body: type[BodyT], perform: Callable[[psycopg.Connection, str, BodyT, Act], WorkOrder], what: str) -> None:
        """A route that changes an order. One without an id in its path makes one."""

        async def change(request: Request) -> Any:
            content = await request.body()

            def answer() -> WorkOrderDetailAnswer:
                work_order_id = request.path_params.get("work_order_id")
                asked = read_body(body, content)
                by = exchange_of(request).acting(asked.by)
                with finding("work_order_id" if work_order_id else "compressor_id"), parts.backend.at(None) as connection:
                    act = Act(by, moment_of(connection)[0], asked.note)
                    return _detail(connection, perform(connection, _known(work_order_id or ""), asked, act))

            return await parts.with_warehouse(answer)

        async def change_one(work_order_id: WorkOrderId, request: Request) -> Any:
            return await change(request)

        api.add_api_route(
            route.path,
            change_one if "{" in route.path else change,
            methods=list(route.methods),
            name=what.partition(":")[0],
            description=what,
            response_model=WorkOrderDetailAnswer,
            responses=problems(*WRITTEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
            openapi_extra=body_of(body),
        )

    def draft(connection: psycopg.Connection, _: str, asked: DraftWorkOrderRequest, act: Act) -> WorkOrder:
        request = DraftRequest(**asked.model_dump(exclude=set(_ACT_FIELDS)))
        return draft_order(connection, request, act, rules.costs, rules.work_orders)

    def modify(connection: psycopg.Connection, number: str, asked: ChangeWorkOrderRequest, act: Act) -> WorkOrder:
        values = {name: getattr(asked, name) for name in asked.model_fields_set - _ACT_FIELDS}
        return change_order(connection, number, values, act)

    def export(connection: psycopg.Connection, number: str, asked: ExportWorkOrderRequest, act: Act) -> WorkOrder:
        if asked.channel is not None and asked.channel not in rules.channels:
            known = f"use one of {', '.join(sorted(rules.channels))}" if rules.channels else "there is none: leave it out"
            raise RequestError(("channel", f"is not a channel of notifications.yaml: {known}"))
        return export_order(connection, number, asked.format, asked.channel, act, rules.work_orders)

    def complete(connection: psycopg.Connection, number: str, asked: CompleteWorkOrderRequest, act: Act) -> WorkOrder:
        done = Completion(
            asked.event_type, asked.event_date, asked.downtime_hours, asked.cost_usd, note=asked.note, external_id=asked.external_id
        )
        return complete_order(connection, number, done, act)

    add(DRAFT, DraftWorkOrderRequest, draft, "Draft an order: from the newest prediction of a compressor.")
    add(CHANGE, ChangeWorkOrderRequest, modify, "Change an order: only the fields that are sent.")
    add(EXPORT, ExportWorkOrderRequest, export, "Export an order: it is marked, and sent to a channel if one is named.")
    add(COMPLETE, CompleteWorkOrderRequest, complete, "Complete an order: the work becomes a maintenance event.")
    add(REOPEN, WorkOrderAct, lambda at, number, _, act: reopen_order(at, number, act), "Reopen an order: its completion was wrong.")
    add(CANCEL, WorkOrderAct, lambda at, number, _, act: cancel_order(at, number, act), "Cancel an order: it will not be done.")
    return api


def _known(work_order_id: str) -> str:
    """The number, if the warehouse can look it up. Raises NotFoundError."""
    if "\x00" in work_order_id:
        raise NotFoundError(f"{work_order_id[:MOST_ID]!r} is not a work order: list them first")
    return work_order_id


def _detail(connection: psycopg.Connection, order: WorkOrder) -> WorkOrderDetailAnswer:
    changes = [WorkOrderChangeAnswer.model_validate(change) for change in read_changes(connection, order.work_order_id)]
    return WorkOrderDetailAnswer(work_order=WorkOrderAnswer.model_validate(order), changes=changes)
