"""What routes answer with: the parts of the service they use, and the common pieces of their descriptions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import anyio
from anyio import to_thread
from fastapi.responses import Response
from pydantic import BaseModel

from config.errors import NotFoundError, RequestError
from config.sections.costs import CostsConfig
from config.sections.planner.work_orders import WorkOrdersConfig
from config.sections.serving import LimitsSection
from config.sections.thresholds import ThresholdsConfig
from serving.api.backend import Backend
from serving.api.exchange import REQUEST_ID
from serving.api.metrics import Metrics
from serving.api.problems import MEDIA_TYPE
from serving.messages.fields import Query
from serving.messages.problem import Problem

JSON: Final = "application/json"
SCHEMAS: Final = "#/components/schemas/"
REFUSED: Final = (400, 401, 403, 421, 429)  # by host, origin, proxy, key, role or rate
READ: Final = (*REFUSED, 422, 503)
WRITTEN: Final = (*REFUSED, 413, 415, 422, 503)

_RETRIED: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_HEADERS: Final = {
    REQUEST_ID: {"description": "The request's id, as in the log of the service.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until the request may be sent again.", "schema": {"type": "integer", "minimum": 1}},
}

Threads = Callable[[Callable[[], BaseModel | Response]], Awaitable[Response]]


@dataclass(frozen=True)
class ServiceRules:
    """The rules of the field that answers follow."""

    thresholds: ThresholdsConfig
    costs: CostsConfig
    work_orders: WorkOrdersConfig
    channels: frozenset[str]  # names in notifications.yaml


@dataclass(frozen=True)
class RouteParts:
    """What a route needs to answer. The two groups of threads are apart, so that a slow database does not hold up windows."""

    backend: Backend
    limits: LimitsSection
    rules: ServiceRules
    metrics: Metrics
    with_warehouse: Threads
    with_windows: Threads


def threads(most: int) -> Threads:
    """Runs functions in threads, at most `most` at a time, and writes their answers as JSON there. The others wait."""
    limiter = anyio.CapacityLimiter(most)

    async def run(function: Callable[[], BaseModel | Response]) -> Response:
        return await to_thread.run_sync(lambda: _written(function()), limiter=limiter)

    return run


def _written(answer: BaseModel | Response) -> Response:
    return answer if isinstance(answer, Response) else Response(answer.model_dump_json(), media_type=JSON)


@contextmanager
def finding(field: str) -> Iterator[None]:
    """Inside, an id that names nothing is a wrong `field` of the request."""
    try:
        yield
    except NotFoundError as error:
        raise RequestError((field, str(error)), status=HTTPStatus.NOT_FOUND) from error


def body_of(model: type[BaseModel], tables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The request body of a route that reads and checks it itself. So no large body is parsed in the event loop.

    `tables`: other media types it takes, and what they hold.
    """
    content: dict[str, Any] = {JSON: {"schema": {"$ref": f"{SCHEMAS}{model.__name__}"}}}
    return {"requestBody": {"required": True, "content": content | table_content(tables or {})}}


def table_content(tables: Mapping[str, str]) -> dict[str, Any]:
    """The descriptions of tables by media type, each with what it holds."""
    return {kind: {"schema": {"type": "string", "format": "binary", "description": layout}} for kind, layout in tables.items()}


def parameters_of(model: type[Query]) -> dict[str, Any]:
    """The parameters of a route that reads its query string itself."""
    parameters = []
    for name, schema in model.model_json_schema()["properties"].items():
        given = next((item for item in schema.pop("anyOf", ()) if item.get("type") != "null"), schema)  # left out, never null
        described = {"name": name, "in": "query", "required": False, "description": schema.pop("description")}
        parameters.append({**described, "schema": {key: value for key, value in given.items() if value is not None}})
    return {"parameters": parameters}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The descriptions of answers with a problem document."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"{SCHEMAS}{Problem.__name__}"}}}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "headers": {name: header for name, header in _HEADERS.items() if name != "Retry-After" or status in _RETRIED},
            "content": content,
        }
        for status in statuses
    }
