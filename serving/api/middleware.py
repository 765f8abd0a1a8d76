"""The service's outermost layer (ASGI): paths, access, sizes, and a problem document for every error."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.errors import NotReadyError, RequestError
from config.sections.serving import LimitsSection
from serving.api.access import Access
from serving.api.connections import ON_AUTHORIZED
from serving.api.metrics import Metrics
from serving.api.problems import problem, problem_of
from serving.api.reading import BODY
from serving.api.routes.table import API, Route, RouteTable, allowed_methods

_JSON: Final = "application/json"
_OTHER: Final = "other"  # the route of a path that does not exist, whatever it is
_MOST_DISCARDED: Final = 8  # times the largest body: read and dropped, so that the sender sees the answer


class HttpGuard:
    """ASGI middleware around everything that answers."""

    def __init__(self, app: ASGIApp, *, routes: Iterable[Route], limits: LimitsSection, access: Access, metrics: Metrics) -> None:
        """All reachable paths are in `routes`. Every path below API needs what `access` asks for."""
        self._app = app
        self._routes = RouteTable(routes)
        self._limits = limits
        self._access = access
        self._metrics = metrics
        self._in_flight = 0  # authorized requests below API
        self._buffered = 0  # bytes
        self._checks: dict[str, asyncio.Task[None]] = {}  # running checks, by path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        routes = self._routes.at(scope["path"])
        path = routes[0].path if routes else _OTHER  # never the path itself: each would make a series
        started = time.perf_counter()
        status = 0

        async def relay(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._answer(routes, scope, receive, relay)
        except Exception as error:
            if not status:  # else FastAPI has answered and logged it
                await problem_of(error)(scope, receive, relay)
        finally:
            self._metrics.in_flight.dec()
            self._metrics.requests.labels(path, str(status)).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - started)

    async def _answer(self, routes: Sequence[Route], scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        rejection = self._access.refusal(headers, (scope.get("server") or (None,))[0])
        is_authorized = rejection is None and self._access.is_authorized(headers)
        if is_authorized:
            scope.get("extensions", {}).get(ON_AUTHORIZED, _do_nothing)()
        else:
            send = _closing(send)  # one connection, one answer: without a key, no requests queue up
        refusal = problem_of(rejection) if rejection else _refusal(routes, scope, headers, is_authorized=is_authorized)
        if refusal is not None:
            if not is_authorized:
                await self._discard(headers, receive)
            await refusal(scope, receive, send)
            return
        route = _of_method(routes, scope["method"])
        if not scope["path"].startswith(API):
            await self._let_pass(route, scope, receive, send)
            return
        if self._in_flight >= self._limits.most_in_flight:
            busy = f"{self._limits.most_in_flight} requests are being answered: try again later"
            await problem(HTTPStatus.SERVICE_UNAVAILABLE, busy)(scope, receive, send)
            return
        self._in_flight += 1
        try:
            await self._let_pass(route, scope, receive, send)
        finally:
            self._in_flight -= 1

    async def _let_pass(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        if route.check is not None:
            await self._run_check(route.path, route.check)
            await PlainTextResponse("\n")(scope, receive, send)
            return
        if not route.takes_json:
            await self._app(scope, receive, send)
            return
        buffered = _Buffered()
        try:
            body = await self._body(scope, receive, buffered, route.most_body_bytes or self._limits.most_body_bytes)
            if body is not None:
                await self._app(scope, _replay(body, receive), send)
        finally:
            self._buffered -= buffered.size

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

    async def _discard(self, headers: Headers, receive: Receive) -> None:
        """Read a refused body and drop it. A sender that still sends when the connection closes would not see the answer."""
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            return
        if "expect" in headers:  # the sender waits for an answer first
            return
        size, more = 0, True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.body_timeout_s):
                while more and size <= _MOST_DISCARDED * self._limits.most_body_bytes:
                    message = await receive()
                    size += len(message.get("body", b""))
                    more = message.get("more_body", False)

    async def _body(self, scope: Scope, receive: Receive, buffered: _Buffered, most: int) -> bytes | None:
        """The request's body of at most `most` bytes, None when its sender has left. Raises RequestError when it is too large or too slow."""
        parts: list[bytes] = []
        size, more = 0, True
        declared = Headers(scope=scope).get("content-length", "0")
        too_large = declared.isdecimal() and int(declared) > most
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                while more and size <= _MOST_DISCARDED * most:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part, more = message.get("body", b""), message.get("more_body", False)
                    size += len(part)
                    too_large = too_large or size > most
                    if too_large:
                        parts.clear()
                        continue
                    if self._buffered + len(part) > self._limits.most_buffered_bytes:
                        raise NotReadyError("too many large requests are being answered: try again later")
                    self._buffered += len(part)
                    buffered.size += len(part)
                    parts.append(part)
        except TimeoutError:
            reason = f"did not arrive within {self._limits.body_timeout_s:g} s"
            raise RequestError((BODY, reason), status=HTTPStatus.REQUEST_TIMEOUT) from None
        if too_large:
            raise RequestError((BODY, f"is larger than {most} bytes"), status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return b"".join(parts)


def _of_method(routes: Iterable[Route], method: str) -> Route:
    return next(route for route in routes if method in route.methods)


def _refusal(routes: Sequence[Route], scope: Scope, headers: Headers, *, is_authorized: bool) -> Response | None:
    """Why a request is not read, by its key, path, method, query and headers."""
    if scope["path"].startswith(API) and not is_authorized:
        reason = "must carry the service's key: `Bearer KEY` (or the header X-API-Key: KEY)"
        return problem_of(RequestError(("Authorization", reason), status=HTTPStatus.UNAUTHORIZED))
    if not routes:
        return problem_of(RequestError(("path", "does not exist; /openapi.json lists the paths that do"), status=HTTPStatus.NOT_FOUND))
    allowed = allowed_methods(routes)
    if scope["method"] not in allowed:
        response = problem_of(RequestError(("method", f"must be {' or '.join(allowed)}"), status=HTTPStatus.METHOD_NOT_ALLOWED))
        response.headers["Allow"] = ", ".join(allowed)
        return response
    route = _of_method(routes, scope["method"])
    if scope["query_string"] and not route.takes_query:
        return problem_of(RequestError(("query", "must be empty: this path takes no parameters")))
    return _refused_content(headers) if route.takes_json else None


def _closing(send: Send) -> Send:
    """A `send` that has the server close the connection after the answer."""

    async def close(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return close


def _do_nothing() -> None:
    """In place of the extension, on a server without it."""


@dataclass
class _Buffered:
    """Bytes of one body that are in memory."""

    size: int = 0


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that passes `body` in one piece, then the next messages (the sender leaving)."""
    passed = False

    async def once() -> Message:
        nonlocal passed
        if passed:
            return await receive()
        passed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _refused_content(headers: Headers) -> Response | None:
    kind, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != _JSON or charset not in ("", "utf-8"):
        unsupported = RequestError(("Content-Type", f"must be {_JSON}"), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        return problem_of(unsupported)
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        unsupported = RequestError(
            ("Content-Encoding", "must be left out: send the JSON as it is"), status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        )
        return problem_of(unsupported)
    return None
