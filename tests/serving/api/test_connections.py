"""Clients that hold connections for ever. The service's own protocol and guard run around an app of three lines."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from config.errors import NotReadyError
from config.sections.serving import LimitsSection
from config.settings import Settings
from serving.api.access import Access
from serving.api.connections import Connections
from serving.api.metrics import Metrics
from serving.api.middleware import HttpGuard
from serving.api.routes.table import Route
from tests.pipelines.console_script import eventually
from tests.serving.api.keyrings import keyring_of

KEY = "vNq3T0fWJm8yZsQ1xRk7Lc5HdU2pGb9E"
OWNER = {"X-API-Key": KEY}
ROUTES = (Route("/v1/large", ("GET",)), Route("/v1/body", ("POST",), takes_json=True), Route("/large", ("GET",)))
LARGE = b"x" * 1_000_000  # more than the system takes from a server whose client does not read
MOST, FEW = 160, 10  # connections
SHORT_S, LONG_S = 0.3, 60.0
ANSWER_LIMIT_S = 20


@dataclass(frozen=True)
class Listening:
    """A server, and its limits."""

    address: tuple[str, int]
    limits: LimitsSection
    client: httpx.Client  # the owner's

    def connect(self, opened: ExitStack, text: bytes = b"") -> socket.socket:
        """A connection that has sent `text` and reads nothing by itself."""
        made = opened.enter_context(socket.socket())
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.settimeout(ANSWER_LIMIT_S)
        made.connect(self.address)
        made.sendall(text)
        return made


async def _large(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(LARGE)(scope, receive, send)


@contextmanager
def _listening(settings: Settings, key: str | None = KEY, loop: str = "asyncio", **changes: Any) -> Iterator[Listening]:
    limits = settings.serving.limits.model_copy(update=changes)
    access = Access(keyring_of(key), frozenset())
    app = HttpGuard(_large, routes=ROUTES, limits=limits, access=access, metrics=Metrics(), record=lambda _: None)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = listener.getsockname()
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=Connections(limits).protocol,  # type: ignore[arg-type]
                loop=loop,
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_keep_alive=limits.keep_alive_s,
                timeout_graceful_shutdown=1,
            )
        )
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{address[1]}", headers=OWNER, timeout=ANSWER_LIMIT_S) as client:
                yield Listening(address, limits, client)
        finally:
            server.should_exit = True
            thread.join()


def _get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "\r\n"]).encode()


def _rest(connection: socket.socket) -> bytes:
    """What the server still sends until it closes."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize(
    "text",
    [_get("/v1/large") * 50, _get("/large") * 50, _get("/v1/large")[:20], b""],
    ids=["refused and not read", "answered and not read", "headers without end", "silent"],
)
def test_more_strangers_than_connections_do_not_shut_the_owner_out(settings: Settings, text: bytes, loop: str) -> None:
    with _listening(settings, loop=loop, most_connections=MOST, header_timeout_s=LONG_S) as server, ExitStack() as opened:
        for _ in range(MOST + 30):
            server.connect(opened, text)
        started = time.monotonic()
        answer = server.client.get("/v1/large")
        assert (answer.status_code, len(answer.content)) == (200, len(LARGE))
        assert time.monotonic() - started < 5


def test_the_oldest_stranger_makes_room_for_the_newest(settings: Settings) -> None:
    with _listening(settings, most_connections=FEW, header_timeout_s=LONG_S) as server, ExitStack() as opened:
        strangers = [server.connect(opened) for _ in range(FEW + 3)]
        assert [_rest(stranger) for stranger in strangers[:3]] == [b""] * 3
        for stranger in strangers[3:]:
            stranger.setblocking(False)
            with pytest.raises(BlockingIOError):
                stranger.recv(1)


def test_a_connection_that_has_shown_the_key_does_not_make_room_for_strangers(settings: Settings) -> None:
    with _listening(settings, most_connections=FEW, keep_alive_s=60) as server, ExitStack() as opened:
        owners = server.connect(opened, _get("/v1/large", f"X-API-Key: {KEY}"))
        assert _read_answer(owners) == LARGE
        for _ in range(3 * FEW):
            server.connect(opened)
        owners.sendall(_get("/v1/large", f"X-API-Key: {KEY}"))
        assert _read_answer(owners) == LARGE


def _read_answer(connection: socket.socket) -> bytes:
    """One answer of LARGE's size on a connection that stays open."""
    text = b""
    while len(body := text.partition(b"\r\n\r\n")[2]) < len(LARGE):
        part = connection.recv(65536)
        assert part, "closed"
        text += part
    return body


def test_the_owners_idle_connections_make_room_when_there_is_nothing_else(settings: Settings) -> None:
    with _listening(settings, most_connections=FEW, keep_alive_s=60) as server, ExitStack() as opened:
        for _ in range(FEW):
            _read_answer(server.connect(opened, _get("/v1/large", f"X-API-Key: {KEY}")))
        assert server.client.get("/v1/large").status_code == 200


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_headers_that_do_not_end_close_the_connection(settings: Settings, loop: str) -> None:
    with _listening(settings, loop=loop, header_timeout_s=SHORT_S) as server, ExitStack() as opened:
        for text in (b"", _get("/v1/large")[:-4]):
            connection = server.connect(opened, text)
            started = time.monotonic()
            assert _rest(connection) == b""
            assert SHORT_S * 0.9 < time.monotonic() - started < ANSWER_LIMIT_S


def test_a_body_that_goes_on_after_its_answer_wins_no_time(settings: Settings) -> None:
    with _listening(settings, key=None, header_timeout_s=SHORT_S) as server, ExitStack() as opened:
        head = f"GET /v1/large HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(LARGE)}\r\n\r\n".encode()
        connection = server.connect(opened, head)
        _read_answer(connection)

        def send_more() -> None:
            with pytest.raises(OSError, match=r"reset|pipe"):
                connection.sendall(b"x")

        eventually(lambda: _fails_as_assertion(send_more), ANSWER_LIMIT_S)


def _fails_as_assertion(check: Any) -> None:
    try:
        check()
    except pytest.fail.Exception as error:
        raise AssertionError from error


def test_nonsense_behind_an_answer_closes_the_connection(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with _listening(settings, key=None) as server, ExitStack() as opened:
        connection = server.connect(opened, _get("/v1/large", "Transfer-Encoding: chunked"))
        _read_answer(connection)
        connection.sendall(b"nonsense\r\n")
        assert _rest(connection) == b""
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_an_answer_that_nobody_reads_is_not_kept(settings: Settings, loop: str) -> None:
    with _listening(settings, loop=loop, send_timeout_s=2.0, most_in_flight=1) as server, ExitStack() as opened:
        connection = server.connect(opened, _get("/v1/large", f"X-API-Key: {KEY}") * 20)  # more than the system takes
        eventually(lambda: _assert_status(server.client, 503), ANSWER_LIMIT_S)
        eventually(lambda: _assert_status(server.client, 200), ANSWER_LIMIT_S)
        assert len(_rest(connection)) < 20 * len(LARGE)


def _assert_status(client: httpx.Client, status: int) -> None:
    assert client.get("/v1/large").status_code == status


def test_a_refused_client_reads_why_though_it_has_sent_a_large_body(settings: Settings) -> None:
    with _listening(settings) as server:
        for body in (LARGE, b"{}"):
            refused = httpx.post(f"{server.client.base_url}/v1/body", content=body, timeout=ANSWER_LIMIT_S)
            assert (refused.status_code, refused.headers["connection"]) == (401, "close")
        kept = server.client.post("/v1/body", content=b"{}", headers={"content-type": "text/plain"})
        assert (kept.status_code, "connection" in kept.headers) == (415, False)


def test_a_system_that_allows_too_few_files_is_reported_before_the_service_starts(settings: Settings) -> None:
    code = (
        "import resource; from pipelines.operations.serve import _require_files; soft = lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 600)); _require_files(500); print(soft())\n"
        "try: _require_files(700)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    raised, refused = done.stdout.splitlines()
    assert raised == "500"
    assert refused.startswith("ConfigError serving.yaml: limits.most_connections needs 700 open files, this process may open 600")


def test_checks_that_anybody_may_ask_for_are_shared(settings: Settings) -> None:
    begun: list[int] = []
    goes_on = threading.Event()

    def check() -> None:
        begun.append(1)
        goes_on.wait(ANSWER_LIMIT_S)
        raise NotReadyError("no champion")

    guard = HttpGuard(
        _large,
        routes=[Route("/readyz", ("GET",), check=check)],
        limits=settings.serving.limits,
        access=Access(keyring_of(None), frozenset()),
        metrics=Metrics(),
        record=lambda _: None,
    )

    async def ask_at_once() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url="http://localhost") as client:
            asked = [asyncio.create_task(client.get("/readyz")) for _ in range(100)]
            while not begun:
                await asyncio.sleep(0)
            goes_on.set()
            return [(await task).status_code for task in asked]

    assert asyncio.run(ask_at_once()) == [503] * 100
    assert len(begun) == 1
