"""The pages that need no key: BentoML's health pages, the metrics and the description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from serving.api.metrics import CONTENT_TYPE
from serving.api.routes.answering import JSON, RouteParts
from serving.api.routes.table import Route

READY: Final = "/readyz"
PAGES: Final = {
    "/livez": "Does the process answer?",
    "/healthz": "The same",
    READY: "Are champion and warehouse there?",
}
_METRICS: Final = Route("/metrics", ("GET",))
_DESCRIPTION: Final = Route("/openapi.json", ("GET",))
ROUTES: Final = (*(Route(path, ("GET", "HEAD")) for path in PAGES), _METRICS, _DESCRIPTION)


def router(parts: RouteParts, describe: Callable[[], str]) -> APIRouter:
    """The pages that BentoML does not answer."""
    api = APIRouter()

    @api.get(_METRICS.path, response_class=Response)
    async def read_metrics() -> Response:
        """Prometheus' text format."""
        champion = parts.backend.champion
        return Response(
            parts.metrics.text(champion.version, is_refused=champion.is_refused, is_behind=champion.is_behind), media_type=CONTENT_TYPE
        )

    @api.get(_DESCRIPTION.path, include_in_schema=False)
    async def read_description() -> Response:
        return Response(describe(), media_type=JSON)

    return api
