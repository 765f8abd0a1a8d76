"""GET /v1/fleet."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel

from serving.api.reading import read_moment
from serving.api.routes.answering import READ, RouteParts, problems
from serving.api.routes.table import API, Route
from serving.messages.fleet import FleetAnswer, FleetRow
from serving.schemas import report_row

FLEET: Final = Route(f"{API}fleet", ("GET",), "reader", takes_query=True)
ROUTES: Final = (FLEET,)
BODIES: Final[tuple[type[BaseModel], ...]] = ()

_AS_OF: Final = {"parameters": [{"name": "as_of", "in": "query", "required": False, "schema": {"type": "string", "format": "date-time"}}]}


def router(parts: RouteParts) -> APIRouter:
    """The route that lists the fleet."""
    api = APIRouter()

    @api.get(FLEET.path, response_model=FleetAnswer, responses=problems(*READ), openapi_extra=_AS_OF)
    async def fleet(request: Request) -> Any:
        """The newest prediction of every compressor, most urgent first. Without numbers, it shows the last usable one with its age."""

        def answer() -> FleetAnswer:
            as_of = read_moment(request.query_params.multi_items())
            rows = [
                FleetRow(
                    rank=rank,
                    health=row.health,
                    prediction_timestamp=row.prediction_timestamp,
                    status_timestamp=row.status_timestamp,
                    age_hours=row.age_hours,
                    rul_days_now=row.rul_days_now,
                    model_version=row.model_version,
                    **report_row(row),
                )
                for rank, row in enumerate(parts.backend.ranked(as_of), start=1)
            ]
            return FleetAnswer(as_of=as_of, compressors=rows)

        return await parts.with_warehouse(answer)

    return api
