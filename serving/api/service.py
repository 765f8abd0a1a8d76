"""The prediction service: BentoML's life cycle and health pages around a FastAPI app with the routes of /v1.

A backend goes into `prediction_service`, and the job `altaviz serve` runs the result. Importing this module does nothing.
"""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any, Final

import bentoml
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from config.errors import AltavizError
from config.sections.serving import ServingConfig
from serving.access.keyring import Keyring
from serving.api.access import Access
from serving.api.backend import Backend
from serving.api.description import described
from serving.api.metrics import Metrics
from serving.api.middleware import HttpGuard
from serving.api.problems import problem_of
from serving.api.reading import most_score_bytes
from serving.api.routes import alerts, compressors, fleet, health, scoring, swagger, waiting, work_orders
from serving.api.routes.answering import RouteParts, ServiceRules, threads
from serving.api.routes.table import Route
from serving.api.watch import Watch

_SUBJECTS: Final = (scoring, fleet, compressors, waiting, alerts, work_orders)
# Every path that can be reached. BentoML would answer some more, with descriptions of a service without endpoints of its own.
ROUTES: Final = (*(route for subject in _SUBJECTS for route in subject.ROUTES), *health.ROUTES, *swagger.ROUTES)
_TIMEOUT_S: Final = 60  # BentoML's own, behind all those of serving.yaml


def prediction_service(backend: Backend, config: ServingConfig, access: Access, rules: ServiceRules) -> Any:
    """A BentoML service over `backend`, which it closes at its end. A server runs the app of `to_asgi()`."""
    metrics = Metrics()
    recovery = config.recovery
    watches = (
        Watch("keys", partial(access.keyring.refresh, backend.read_keys), config.keys.check_s, recovery.retry_s),
        Watch("champion", backend.champion.follow, config.champion.check_s, recovery.retry_s),
    )

    @bentoml.service(
        name="altaviz",
        workers=1,
        traffic={"timeout": _TIMEOUT_S},
        # BentoML makes a series and a log line for every requested path
        metrics={"enabled": False, "namespace": "altaviz"},
        logging={"access": {"enabled": False}},
    )
    @bentoml.asgi_app(api_app(backend, config, metrics, rules), path="/")
    class PredictionService:
        """Remaining life of gas compressors."""

        def __init__(self) -> None:
            self._warming = threading.Thread(target=_warm_up, args=(backend,), name="warm-up")

        @bentoml.on_startup
        def warm_up(self) -> None:
            """Open champion, warehouse and gold beside the first requests. A service without one of them is still alive."""
            self._warming.start()
            for watch in watches:
                watch.start()

        @bentoml.on_shutdown
        def close(self) -> None:
            """Leave nothing behind."""
            for watch in watches:
                watch.close()
            self._warming.join()
            backend.close()

    service: Any = PredictionService  # what the decorator made of it
    routes = [_completed(route, partial(_require_ready, backend, access.keyring), config) for route in ROUTES]
    service.add_asgi_middleware(HttpGuard, routes=routes, limits=config.limits, access=access, metrics=metrics, record=backend.record)
    return service


def _warm_up(backend: Backend) -> None:
    """Open the parts, then exclude all objects from garbage collection. Searching the libraries' objects stops every request for 0.2 s."""
    backend.warm_up()
    gc.collect()
    gc.freeze()


def _require_ready(backend: Backend, keyring: Keyring) -> None:
    """Raise the AltavizError of the missing part: champion, warehouse or keys."""
    backend.require_ready()
    if not keyring.is_known:
        keyring.refresh(backend.read_keys)


def _completed(route: Route, require_ready: Callable[[], None], config: ServingConfig) -> Route:
    """A route with what only a running service knows."""
    if route.path == health.READY:  # BentoML's own readiness page does not name the missing part
        return replace(route, check=require_ready)
    if route == scoring.SCORE:
        return replace(route, most_body_bytes=min(most_score_bytes(config.limits), config.limits.most_body_bytes))
    return route


def api_app(backend: Backend, config: ServingConfig, metrics: Metrics, rules: ServiceRules) -> FastAPI:
    """The routes of /v1, the metrics and the description of them all."""
    app = FastAPI(
        title="Altaviz",
        description="Which compressors need attention, by when, and why? Wrong requests get a problem document (RFC 9457).",
        version="1",
        openapi_url=None,  # answered below, from one text for all
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    bodies = [body for subject in _SUBJECTS for body in subject.BODIES]
    describe = cache(lambda: json.dumps(described(app, bodies)))
    parts = RouteParts(backend, config.limits, rules, metrics, threads(config.limits.threads), threads(config.limits.threads))

    async def failed(_: Request, error: Exception) -> Response:
        return problem_of(error)

    for kind in (AltavizError, HTTPException, Exception):
        app.add_exception_handler(kind, failed)
    for subject in _SUBJECTS:
        app.include_router(subject.router(parts))
    app.include_router(health.router(parts, describe))
    app.include_router(swagger.router())
    return app
