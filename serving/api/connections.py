"""The service's connections: their number, and time limits for headers and answers. Uvicorn has no such limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from config.sections.serving import LimitsSection
from serving.api.problems import problem

ON_AUTHORIZED: Final = "altaviz.authorized"  # the extension of an ASGI scope to call when its request is authorized
_INVALID: Final = "this is not an HTTP request: it needs one Host, headers and chunks as in RFC 9112, and at most {} bytes of headers"


class Connections:
    """All open connections. Above the limit, the oldest without a key is closed, so such connections cannot block others."""

    def __init__(self, limits: LimitsSection) -> None:
        self._limits = limits
        self._anonymous: dict[Connection, None] = {}  # oldest first
        self._authorized: dict[Connection, None] = {}

    def protocol(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: asyncio.AbstractEventLoop | None = None
    ) -> Connection:
        """What uvicorn makes for each connection (its option `http`)."""
        return Connection(self, self._limits, config, server_state, app_state, _loop)

    def add(self, connection: Connection) -> None:
        """A connection was made."""
        self._anonymous[connection] = None
        if len(self._anonymous) + len(self._authorized) > self._limits.most_connections:
            self._make_room(connection)

    def authorize(self, connection: Connection) -> None:
        """A request of this connection is authorized."""
        if connection in self._anonymous:
            del self._anonymous[connection]
            self._authorized[connection] = None

    def remove(self, connection: Connection) -> None:
        """A connection has ended."""
        self._anonymous.pop(connection, None)
        self._authorized.pop(connection, None)

    def _make_room(self, newest: Connection) -> None:
        oldest = next(iter(self._anonymous))
        if oldest is newest:  # all others have shown a key: the oldest idle one is closed
            oldest = next((connection for connection in self._authorized if not connection.is_working), newest)
        self.remove(oldest)
        oldest.abort()


class Connection(H11Protocol):
    """Uvicorn's connection with time limits for slow headers and unread answers."""

    def __init__(self, connections: Connections, limits: LimitsSection, *uvicorns: Any) -> None:
        super().__init__(*uvicorns)
        self._all = connections
        self._most_header_bytes = limits.most_header_bytes
        self._headers = _Deadline(self.loop, limits.header_timeout_s, self.abort)
        self._answer = _Deadline(self.loop, limits.send_timeout_s, self.abort)
        self._app = cast("Callable[..., Any]", self.app)
        self.app = self._run_app

    @property
    def is_working(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def abort(self) -> None:
        """Close at once, whatever is still to be sent."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that pause_writing reports every waiting byte
        self._headers.start()
        self._all.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers.stop()
        self._answer.stop()
        self._all.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.is_working:
            self._headers.stop()
        else:
            self._headers.start()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._answer.start()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._answer.stop()

    def send_400_response(self, msg: str) -> None:
        """`msg` as a problem document."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):  # the error follows a complete answer
            self.abort()
            return
        answer = problem(HTTPStatus.BAD_REQUEST, _INVALID.format(self._most_header_bytes))
        head = h11.Response(status_code=answer.status_code, headers=[*answer.raw_headers, (b"connection", b"close")])
        for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    async def _run_app(self, scope: Any, receive: Any, send: Any) -> None:
        scope["extensions"] = {ON_AUTHORIZED: partial(self._all.authorize, self)}
        await self._app(scope, receive, send)


class _Deadline:
    """Calls `expired` when `stop` does not come within `seconds` of the first `start`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._expired = expired
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._timer is None:  # later bytes do not extend the limit
            self._timer = self._loop.call_later(self._seconds, self._expired)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
