"""The service's outermost layer (ASGI): request ids, keys, roles, rates, paths and sizes. Every error is a problem document."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Final

import anyio
from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from config.errors import AltavizError, NotReadyError, RequestError
from config.sections.serving import LimitsSection
from serving.access.roles import allows
from serving.access.stored import ApiWrite
from serving.api.access import Access
from serving.api.bodies import Bodies, replay
from serving.api.connections import ON_AUTHORIZED
from serving.api.exchange import REQUEST_ID, Exchange, request_id_from
from serving.api.media_types import media_type
from serving.api.metrics import Metrics
from serving.api.problems import problem, problem_of, too_many_requests
from serving.api.rates import Rates
from serving.api.routes.table import API, Route, RouteTable, allowed_methods

_JSON: Final = "application/json"
_OTHER: Final = "other"  # the route of a path that does not exist, whatever it is
_RECORDERS: Final = 2  # threads that record writes

Record = Callable[[ApiWrite], None]  # raises nothing


class HttpGuard:
    """ASGI middleware around everything that answers."""

    def __init__(
        self, app: ASGIApp, *, routes: Iterable[Route], limits: LimitsSection, access: Access, metrics: Metrics, record: Record
    ) -> None:
        """All reachable paths are in `routes`. Every path below API needs what `access` asks for. Writes there go to `record`."""
        self._app = app
        self._routes = RouteTable(routes)
        self._limits = limits
        self._access = access
        self._metrics = metrics
        self._record = record
        self._recorders = anyio.CapacityLimiter(_RECORDERS)
        self._rates = Rates()
        self._bodies = Bodies(limits)
        self._in_flight = 0  # authorized requests below API
        self._checks: dict[str, asyncio.Task[None]] = {}  # running checks, by path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(request_id_from(Headers(scope=scope).get(REQUEST_ID)))
        exchange.join(scope)
        with bound_contextvars(**exchange.log_fields()):
            await self._count(exchange, scope, receive, send)

    async def _count(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and count the answer."""
        routes = self._routes.at(scope["path"])
        path = routes[0].path if routes else _OTHER  # never the path itself: each would make a series
        started = time.perf_counter()
        status = 0

        async def relay(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), (REQUEST_ID.encode(), exchange.request_id.encode())]}
                if exchange.is_recorded:
                    await self._keep(exchange, scope, status)
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._answer(routes, exchange, scope, receive, relay)
        except Exception as error:
            if not status:  # else FastAPI has answered and logged it
                await problem_of(error)(scope, receive, relay)
        finally:
            self._metrics.in_flight.dec()
            self._metrics.requests.labels(path, str(status)).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - started)

    async def _answer(self, routes: Sequence[Route], exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        rejection = self._access.refusal(headers, (scope.get("server") or (None,))[0])
        unknown = rejection or self._identify(exchange, headers)
        if unknown is None:
            scope.get("extensions", {}).get(ON_AUTHORIZED, _do_nothing)()
        else:
            send = _closing(send)  # one connection, one answer: without a key, no requests queue up
        is_below_api = scope["path"].startswith(API)
        refusal = problem_of(rejection) if rejection else None
        if is_below_api and refusal is None:
            refusal = problem_of(unknown) if unknown else self._refusal_of_rate(exchange)
        refusal = refusal or _refusal(routes, exchange, scope, headers)
        if refusal is not None:
            if unknown is not None:
                await self._bodies.discard(headers, receive)
            await refusal(scope, receive, send)
            return
        route = _of_method(routes, scope["method"])
        if not is_below_api:
            await self._let_pass(route, scope, receive, send)
            return
        if self._in_flight >= self._limits.most_in_flight:
            exchange.is_recorded = False  # it has not been looked at
            busy = f"{self._limits.most_in_flight} requests are being answered: try again later"
            await problem(HTTPStatus.SERVICE_UNAVAILABLE, busy)(scope, receive, send)
            return
        self._in_flight += 1
        try:
            await self._let_pass(route, scope, receive, send)
        finally:
            self._in_flight -= 1

    def _identify(self, exchange: Exchange, headers: Headers) -> AltavizError | None:
        """Find out who asks. Returns why nobody known does."""
        try:
            exchange.caller = self._access.caller(headers)
        except (RequestError, NotReadyError) as error:
            return error
        return None

    def _refusal_of_rate(self, exchange: Exchange) -> Response | None:
        wait_s = self._rates.wait_s(exchange.caller)
        return None if wait_s is None else too_many_requests(exchange.caller.requests_per_minute or 0, wait_s)

    async def _let_pass(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        if route.check is not None:
            await self._run_check(route.path, route.check)
            await PlainTextResponse("\n")(scope, receive, send)
            return
        if not route.takes_json:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        is_bulk = media_type(headers.get("content-type", "")) in route.also_takes
        most = self._limits.most_bulk_body_bytes if is_bulk else route.most_body_bytes or self._limits.most_body_bytes
        async with self._bodies.read(headers, receive, most) as body:
            if body is not None:
                await self._app(scope, replay(body, receive), send)

    async def _keep(self, exchange: Exchange, scope: Scope, status: int) -> None:
        """Record a write before its answer leaves: who has an answer finds the record."""
        caller = exchange.caller
        write = ApiWrite(
            exchange.request_id, caller.key_id, exchange.recorded_actor, scope["method"], scope["path"], status, exchange.details
        )
        await to_thread.run_sync(self._record, write, limiter=self._recorders)

    async def _run_check(self, path: str, check: Callable[[], None]) -> None:
        """Requests that arrive during a check share it. Anybody may send them, and each check takes a thread and a database connection."""
        if path not in self._checks:
            task = asyncio.create_task(to_thread.run_sync(check))
            task.add_done_callback(partial(self._end_check, path))
            self._checks[path] = task
        await asyncio.shield(self._checks[path])

    def _end_check(self, path: str, task: asyncio.Task[None]) -> None:
        del self._checks[path]
        if not task.cancelled():
            task.exception()  # marks it as seen, also when all senders have left


def _of_method(routes: Iterable[Route], method: str) -> Route:
    return next(route for route in routes if method in route.methods)


def _refusal(routes: Sequence[Route], exchange: Exchange, scope: Scope, headers: Headers) -> Response | None:
    """Why a request is not read, by its path, method, role, query and headers."""
    if not routes:
        return problem_of(RequestError(("path", "does not exist; /openapi.json lists the paths that do"), status=HTTPStatus.NOT_FOUND))
    allowed = allowed_methods(routes)
    if scope["method"] not in allowed:
        response = problem_of(RequestError(("method", f"must be {' or '.join(allowed)}"), status=HTTPStatus.METHOD_NOT_ALLOWED))
        response.headers["Allow"] = ", ".join(allowed)
        return response
    route = _of_method(routes, scope["method"])
    exchange.is_recorded = route.is_recorded
    if route.role is not None and not allows(exchange.caller.role, route.role):
        reason = f"is of a key with the role {exchange.caller.role}; this route needs the role {route.role}"
        return problem_of(RequestError(("Authorization", reason), status=HTTPStatus.FORBIDDEN))
    if scope["query_string"] and not route.takes_query:
        return problem_of(RequestError(("query", "must be empty: this path takes no parameters")))
    return _refused_content(headers, route) if route.takes_json else None


def _closing(send: Send) -> Send:
    """A `send` that has the server close the connection after the answer."""

    async def close(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return close


def _do_nothing() -> None:
    """In place of the extension, on a server without it."""


def _refused_content(headers: Headers, route: Route) -> Response | None:
    _, _, parameters = headers.get("content-type", "").partition(";")
    kind = media_type(headers.get("content-type", ""))
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind not in (_JSON, *route.also_takes) or charset not in ("", "utf-8"):
        kinds = " or ".join((_JSON, *route.also_takes))
        unsupported = RequestError(("Content-Type", f"must be {kinds}"), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        return problem_of(unsupported)
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        unsupported = RequestError(
            ("Content-Encoding", "must be left out: send the body as it is"), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        )
        return problem_of(unsupported)
    return None
