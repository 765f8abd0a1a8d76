"""GET /v1/compressors/{compressor_id}/waiting."""

from __future__ import annotations

from datetime import UTC, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel

from config.errors import RequestError
from serving.api.reading import read_query
from serving.api.routes.answering import READ, RouteParts, parameters_of, problems
from serving.api.routes.table import API, Route
from serving.messages.fields import MomentQuery
from serving.messages.waiting import WaitedDay, WaitingAnswer
from serving.schemas import LatestPrediction
from serving.warehouse.tables import latest_predictions

WAITING: Final = Route(f"{API}compressors/{{compressor_id}}/waiting", ("GET",), "reader", takes_query=True)
ROUTES: Final = (WAITING,)
BODIES: Final[tuple[type[BaseModel], ...]] = ()

CompressorId = Annotated[str, Path(description="The compressor.")]
_DAY: Final = timedelta(days=1)
_USD_DIGITS: Final = 2
_SHARE_DIGITS: Final = 6


def router(parts: RouteParts) -> APIRouter:
    """The route that tells what waiting with a repair does."""
    api = APIRouter()

    @api.get(
        WAITING.path,
        response_model=WaitingAnswer,
        responses=problems(*READ, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
        openapi_extra=parameters_of(MomentQuery),
    )
    async def waiting(compressor_id: CompressorId, request: Request) -> Any:
        """What if we wait? For each day: the probability of a failure by then, and what the repair is expected to cost more."""

        def answer() -> WaitingAnswer:
            asked = read_query(MomentQuery, request.query_params.multi_items())
            with parts.backend.at(asked.as_of) as connection:
                known = [] if "\x00" in compressor_id else latest_predictions(connection, asked.as_of, [compressor_id])
                # latest_predictions leaves the transaction at the present
                moment, is_replay = connection.execute("SELECT moment, replay_as_of IS NOT NULL FROM v_moment").fetchone() or (None, None)
            if not known:
                raise RequestError(("compressor_id", "is no compressor in service with a prediction"), status=HTTPStatus.NOT_FOUND)
            prediction = known[0]
            if prediction.rul_days is None:
                raise RequestError(("compressor_id", f"has no usable prediction: it is {prediction.status}"), status=HTTPStatus.CONFLICT)
            return WaitingAnswer(
                as_of=asked.as_of or moment,
                is_replay=bool(is_replay),
                compressor_id=compressor_id,
                prediction_timestamp=prediction.prediction_timestamp,
                model_version=prediction.model_version,
                act_by=prediction.act_by,
                earliest_day=parts.rules.costs.planned.earliest_day,
                waiting=_days(prediction, *parts.backend.waiting(prediction)),
            )

        return await parts.with_warehouse(answer)

    return api


def _days(prediction: LatestPrediction, fails: list[float], extra_usd: list[float]) -> list[WaitedDay]:
    first = prediction.prediction_timestamp.astimezone(UTC).date()
    return [
        WaitedDay(
            day=day,
            repair_date=first + day * _DAY,
            failed_probability=round(failed, _SHARE_DIGITS),
            extra_cost_usd=round(usd, _USD_DIGITS),
        )
        for day, (failed, usd) in enumerate(zip(fails, extra_usd, strict=True))
    ]
