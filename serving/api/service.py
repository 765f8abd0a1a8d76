"""The prediction service: BentoML's life cycle and health pages around a FastAPI app with the routes of /v1.

A backend goes into `prediction_service`, and the job `altaviz serve` runs the result. Importing this module does nothing.
"""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from typing import Any, Final, TypeVar

import anyio
import bentoml
from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException

from config.errors import AltavizError
from config.sections.serving import ServingConfig
from serving.api.access import Access
from serving.api.backend import Backend
from serving.api.messages import (
    FleetAnswer,
    FleetRow,
    PredictAnswer,
    PredictionAnswer,
    PredictRequest,
    Problem,
    ScoreAnswer,
    ScoreRequest,
    WindowAnswer,
    most_score_bytes,
    read_moment,
    read_predict,
    read_score,
)
from serving.api.metrics import CONTENT_TYPE, Metrics
from serving.api.middleware import API, HttpGuard, Route
from serving.api.problems import MEDIA_TYPE, problem_of
from serving.schemas import report_row, report_rows

AnswerT = TypeVar("AnswerT")

_SCORE, _PREDICT, _FLEET = f"{API}score", f"{API}predict", f"{API}fleet"
_HEALTH: Final = ("GET", "HEAD")
_READY: Final = "/readyz"
_DESCRIPTION: Final = "/openapi.json"
_HEALTH_PAGES: Final = {
    "/livez": "Does the process answer?",
    "/healthz": "The same",
    _READY: "Are champion and warehouse there?",
}
_SCHEMAS: Final = "#/components/schemas/"
# Every path that can be reached. BentoML would answer some more, with descriptions of a service without endpoints of its own.
ROUTES: Final = {
    _SCORE: Route(("POST",), takes_json=True),
    _PREDICT: Route(("POST",), takes_json=True),
    _FLEET: Route(("GET",), takes_query=True),
    **{path: Route(_HEALTH) for path in _HEALTH_PAGES},
    "/metrics": Route(("GET",)),
    _DESCRIPTION: Route(("GET",)),
}
_AS_OF: Final = {"parameters": [{"name": "as_of", "in": "query", "required": False, "schema": {"type": "string", "format": "date-time"}}]}
_REFUSED: Final = (400, 401, 403, 421)  # by host, origin, proxy or key
_TIMEOUT_S: Final = 60  # BentoML's own, behind all those of serving.yaml


def prediction_service(backend: Backend, config: ServingConfig, access: Access) -> Any:
    """A BentoML service over `backend`, which it closes at its end. A server runs the app of `to_asgi()`."""
    metrics = Metrics()

    @bentoml.service(
        name="altaviz",
        workers=1,
        traffic={"timeout": _TIMEOUT_S},
        # BentoML makes a series and a log line for every requested path
        metrics={"enabled": False, "namespace": "altaviz"},
        logging={"access": {"enabled": False}},
    )
    @bentoml.asgi_app(_app(backend, config, metrics), path="/")
    class PredictionService:
        """Remaining life of gas compressors."""

        def __init__(self) -> None:
            self._warming = threading.Thread(target=_warm_up, args=(backend,), name="warm-up")

        @bentoml.on_startup
        def warm_up(self) -> None:
            """Open champion, warehouse and gold beside the first requests. A service without one of them is still alive."""
            self._warming.start()

        @bentoml.on_shutdown
        def close(self) -> None:
            """Leave nothing behind."""
            self._warming.join()
            backend.close()

    service: Any = PredictionService  # what the decorator made of it
    routes = ROUTES | {
        # BentoML's own readiness page does not name the missing part
        _READY: Route(_HEALTH, check=backend.require_ready),
        _SCORE: replace(ROUTES[_SCORE], most_body_bytes=min(most_score_bytes(config.limits), config.limits.most_body_bytes)),
    }
    service.add_asgi_middleware(HttpGuard, routes=routes, limits=config.limits, access=access, metrics=metrics)
    return service


def _warm_up(backend: Backend) -> None:
    """Open the parts, then exclude all objects from garbage collection. Searching the libraries' objects stops every request for 0.2 s."""
    backend.warm_up()
    gc.collect()
    gc.freeze()


def _app(backend: Backend, config: ServingConfig, metrics: Metrics) -> FastAPI:
    """The routes of /v1, the metrics and the description of them all."""
    limits = config.limits
    app = FastAPI(
        title="Altaviz",
        description="Which compressors need attention, by when, and why? Wrong requests get a problem document (RFC 9457).",
        version="1",
        openapi_url=None,  # answered below, from one text for all
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    describe = cache(lambda: json.dumps(_described(app, with_key=config.listen.api_key is not None)))
    with_warehouse, with_windows = _threads(limits.threads), _threads(limits.threads)

    async def failed(_: Request, error: Exception) -> Response:
        return problem_of(error)

    for kind in (AltavizError, HTTPException, Exception):
        app.add_exception_handler(kind, failed)

    @app.post(_SCORE, response_model=ScoreAnswer, responses=_problems(*_REFUSED, 413, 415, 422, 503), openapi_extra=_json(ScoreRequest))
    async def score(request: Request) -> Any:
        """Score compressors from the newest gold and write the result to `ml_predictions`, as `altaviz score` does."""
        body = await request.body()

        def answer() -> ScoreAnswer:
            parsed = read_score(body, limits)
            scored = backend.score(parsed.compressor_ids, parsed.as_of)
            metrics.written.inc(scored.rows_written)
            for prediction in scored.predictions:
                metrics.predictions.labels(prediction.status).inc()
            predictions = [PredictionAnswer(**row) for row in report_rows(scored.predictions, scored.last_usable)]
            return ScoreAnswer(
                model_version=scored.model_version, as_of=scored.as_of, predictions=predictions, rows_written=scored.rows_written
            )

        return await with_warehouse(answer)

    @app.post(
        _PREDICT, response_model=PredictAnswer, responses=_problems(*_REFUSED, 413, 415, 422, 503), openapi_extra=_json(PredictRequest)
    )
    async def predict(request: Request) -> Any:
        """Predict for windows that the caller has; nothing is written."""
        body = await request.body()

        def answer() -> PredictAnswer:
            predicted = backend.predict(read_predict(body, limits))
            metrics.windows.inc(len(predicted.numbers))
            numbers = [WindowAnswer.model_validate(item) for item in predicted.numbers]
            return PredictAnswer(model_version=predicted.model_version, horizon_days=predicted.horizon_days, predictions=numbers)

        return await with_windows(answer)

    @app.get(_FLEET, response_model=FleetAnswer, responses=_problems(*_REFUSED, 422, 503), openapi_extra=_AS_OF)
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
                for rank, row in enumerate(backend.ranked(as_of), start=1)
            ]
            return FleetAnswer(as_of=as_of, compressors=rows)

        return await with_warehouse(answer)

    @app.get("/metrics", response_class=Response)
    async def read_metrics() -> Response:
        """Prometheus' text format."""
        return Response(metrics.text(backend.model_version, champion_refused=backend.champion_refused), media_type=CONTENT_TYPE)

    @app.get(_DESCRIPTION, include_in_schema=False)
    async def read_description() -> Response:
        return Response(describe(), media_type="application/json")

    return app


def _threads(most: int) -> Callable[[Callable[[], AnswerT]], Any]:
    """Runs functions in threads, at most `most` at a time. The others wait."""
    limiter = anyio.CapacityLimiter(most)

    async def run(function: Callable[[], AnswerT]) -> AnswerT:
        return await to_thread.run_sync(function, limiter=limiter)

    return run


def _json(model: type[BaseModel]) -> dict[str, Any]:
    """The request body of a route that reads and checks it itself. So no large body is parsed in the event loop."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": f"{_SCHEMAS}{model.__name__}"}}}}}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}{Problem.__name__}"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def _described(app: FastAPI, *, with_key: bool) -> dict[str, Any]:
    """FastAPI's OpenAPI document with its missing parts: late-read bodies, problems, the key, BentoML's health pages."""
    document = app.openapi()
    components = document.setdefault("components", {})
    _, models = models_json_schema(
        [(model, "validation") for model in (ScoreRequest, PredictRequest, Problem)], ref_template=f"{_SCHEMAS}{{model}}"
    )
    components.setdefault("schemas", {}).update(models["$defs"])
    for path, summary in _HEALTH_PAGES.items():
        answers = {"200": {"description": "Yes"}}
        document["paths"][path] = {"get": {"summary": summary, "responses": answers | ({} if path != _READY else _problems(503))}}
    if with_key:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            for operation in operations.values() if path.startswith(API) else ():
                operation["security"] = [{"key": []}]
    return document
