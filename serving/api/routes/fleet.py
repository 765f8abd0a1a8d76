"""GET /v1/fleet."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel

from serving.api.reading import read_query
from serving.api.routes.answering import READ, RouteParts, parameters_of, problems
from serving.api.routes.table import API, Route
from serving.messages.fleet import FleetAnswer, FleetQuery, FleetRow
from serving.warehouse.fleet import FleetQuestion, read_fleet_page

FLEET: Final = Route(f"{API}fleet", ("GET",), "reader", takes_query=True)
ROUTES: Final = (FLEET,)
BODIES: Final[tuple[type[BaseModel], ...]] = ()


def router(parts: RouteParts) -> APIRouter:
    """The route that lists the fleet."""
    api = APIRouter()

    @api.get(FLEET.path, response_model=FleetAnswer, responses=problems(*READ), openapi_extra=parameters_of(FleetQuery))
    async def fleet(request: Request) -> Any:
        """Every compressor in service with its newest prediction, most urgent first, by the worse of health and active alerts."""

        def answer() -> FleetAnswer:
            asked = read_query(FleetQuery, request.query_params.multi_items())
            with parts.backend.at(asked.as_of) as connection:
                page = read_fleet_page(connection, FleetQuestion(**asked.model_dump(exclude={"as_of"})))
            rows = [FleetRow.model_validate(row) for row in page.rows]
            return FleetAnswer(as_of=page.moment, is_replay=page.is_replay, total=page.total, compressors=rows)

        return await parts.with_warehouse(answer)

    return api
