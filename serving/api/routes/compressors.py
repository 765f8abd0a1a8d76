"""GET /v1/compressors/{compressor_id}."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel

from config.errors import RequestError
from config.sections.thresholds import ThresholdsConfig
from features.aggregates import PREFIXES
from serving.api.reading import read_query
from serving.api.routes.answering import READ, RouteParts, parameters_of, problems
from serving.api.routes.table import API, Route
from serving.messages.compressors import CompressorAnswer, CompressorQuery, SensorAnswer
from serving.warehouse.fleet import CompressorRecord, read_compressor

COMPRESSOR: Final = Route(f"{API}compressors/{{compressor_id}}", ("GET",), "reader", takes_query=True)
ROUTES: Final = (COMPRESSOR,)
BODIES: Final[tuple[type[BaseModel], ...]] = ()

CompressorId = Annotated[str, Path(description="The compressor.")]


def router(parts: RouteParts) -> APIRouter:
    """The route that tells all about one compressor."""
    api = APIRouter()

    @api.get(
        COMPRESSOR.path,
        response_model=CompressorAnswer,
        responses=problems(*READ, HTTPStatus.NOT_FOUND),
        openapi_extra=parameters_of(CompressorQuery),
    )
    async def compressor(compressor_id: CompressorId, request: Request) -> Any:
        """One compressor: prediction with interval and reasons, histories, sensors against their limits, alerts, maintenance and work."""

        def answer() -> CompressorAnswer:
            asked = read_query(CompressorQuery, request.query_params.multi_items())
            with parts.backend.at(asked.as_of) as connection:
                record = None if "\x00" in compressor_id else read_compressor(connection, compressor_id, asked.days)
            if record is None:
                raise RequestError(("compressor_id", "is not a compressor in service"), status=HTTPStatus.NOT_FOUND)
            return compressor_answer(record, asked.days, parts.rules.thresholds)

        return await parts.with_warehouse(answer)

    return api


def compressor_answer(record: CompressorRecord, days: int, thresholds: ThresholdsConfig) -> CompressorAnswer:
    """What the warehouse knows of a compressor, with its sensors held against their limits."""
    return CompressorAnswer.model_validate(
        {
            "as_of": record.moment,
            "is_replay": record.is_replay,
            "days": days,
            "compressor": record.standing,
            "predictions": record.predictions,
            "hours": record.hours["agg_timestamp"],
            "sensors": list(_sensors(record, thresholds)),
            "alerts": record.alerts,
            "maintenance_events": record.events,
            "work_orders": record.work_orders,
        }
    )


def _sensors(record: CompressorRecord, thresholds: ThresholdsConfig) -> Iterator[SensorAnswer]:
    for sensor, prefix in PREFIXES.items():
        rule, limits = thresholds.sensors[sensor], thresholds.limits(sensor, record.standing["model"])
        value = None if record.newest_hour is None else record.newest_hour[f"{prefix}_avg"]
        yield SensorAnswer(
            sensor=sensor,
            unit=rule.warning.unit,
            description=rule.physical.description.partition(":")[0],
            value=value,
            state=None if value is None else limits.level_of(value),
            direction=limits.direction,
            normal_low=None if rule.normal is None else rule.normal.low,
            normal_high=None if rule.normal is None else rule.normal.high,
            warning=limits.warning,
            critical=limits.critical,
            mean=record.hours[f"{prefix}_avg"],
            lowest=record.hours[f"{prefix}_min"],
            highest=record.hours[f"{prefix}_max"],
        )
