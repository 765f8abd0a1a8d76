"""Bodies of requests: read within limits of size, time and memory; those of refused requests are read and dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from config.errors import NotReadyError, RequestError
from config.sections.serving import LimitsSection
from serving.api.reading import BODY

_MOST_DISCARDED: Final = 8  # times the largest body: read and dropped, so that the sender sees the answer


class Bodies:
    """The bodies in memory, of all requests together."""

    def __init__(self, limits: LimitsSection) -> None:
        self._limits = limits
        self._buffered = 0  # bytes

    @asynccontextmanager
    async def read(self, headers: Headers, receive: Receive, most: int) -> AsyncIterator[bytes | None]:
        """The body of at most `most` bytes, in memory until the block ends. None when its sender has left.

        Raises RequestError when it is too large or too slow, NotReadyError when too many are in memory.
        """
        before = _Part()
        try:
            yield await self._all(headers, receive, most, before)
        finally:
            self._buffered -= before.size

    async def discard(self, headers: Headers, receive: Receive) -> None:
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

    async def _all(self, headers: Headers, receive: Receive, most: int, own: _Part) -> bytes | None:
        parts: list[bytes] = []
        size, more = 0, True
        declared = headers.get("content-length", "0")
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
                    own.size += len(part)
                    parts.append(part)
        except TimeoutError:
            reason = f"did not arrive within {self._limits.body_timeout_s:g} s"
            raise RequestError((BODY, reason), status=HTTPStatus.REQUEST_TIMEOUT) from None
        if too_large:
            raise RequestError((BODY, f"is larger than {most} bytes"), status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return b"".join(parts)


class _Part:
    """Bytes of one body that are in memory."""

    size = 0


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that passes `body` in one piece, then the next messages (the sender leaving)."""
    passed = False

    async def once() -> Message:
        nonlocal passed
        if passed:
            return await receive()
        passed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
