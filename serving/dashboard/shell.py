"""The HTML shell that Streamlit sends for every page, with this product's name and the address of its server.

Without that address, Streamlit's program asks for its server below the page's own path first, and the browser reports two errors (404) for
each page that is opened.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_TITLE: Final = re.compile(rb"<title>[^<]*</title>")
_SERVER: Final = b'<script>window.__streamlit = {BACKEND_BASE_URL: new URL("./", window.location.href).href}</script>'


class Shell:
    """Wraps the application: HTML answers are changed, all others pass through."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun: Message | None = None
        content = b""

        async def collect(message: Message) -> None:
            nonlocal begun, content
            if message["type"] == "http.response.start" and _is_html(message):
                begun = message
            elif begun is None:
                await send(message)
            else:
                content += message.get("body", b"")
                if not message.get("more_body", False):
                    body = named(content)
                    headers = [(name, value) for name, value in begun["headers"] if name.lower() not in (b"content-length", b"etag")]
                    await send({**begun, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
                    await send({"type": "http.response.body", "body": body})

        plain = [
            (name, value) for name, value in scope["headers"] if name.lower() != b"accept-encoding" or scope["path"].startswith("/static")
        ]
        await self._app({**scope, "headers": plain}, receive, collect)


def named(shell: bytes) -> bytes:
    """The shell with the product's name, and the address of the server right behind it."""
    return _TITLE.sub(lambda _: b"<title>Altaviz</title>" + _SERVER, shell, count=1)


def _is_html(start: Message) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in start["headers"])
