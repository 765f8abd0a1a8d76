"""The page that shows the API and sends requests: Swagger UI, from files of this machine alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import fastapi_offline
from fastapi import APIRouter
from fastapi.responses import FileResponse, RedirectResponse, Response

from serving.api.routes.table import Route

_PAGE: Final = Route("/docs", ("GET", "HEAD"))
_ROOT: Final = Route("/", ("GET", "HEAD"))
# Files of the package fastapi-offline by path, and the media type of each.
_ASSETS: Final = {
    Route("/docs/swagger-ui-bundle.js", ("GET", "HEAD")): "text/javascript; charset=utf-8",
    Route("/docs/swagger-ui.css", ("GET", "HEAD")): "text/css; charset=utf-8",
    Route("/docs/favicon.png", ("GET", "HEAD")): "image/png",
}
_START: Final = Route("/docs/start.js", ("GET", "HEAD"))
ROUTES: Final = (_ROOT, _PAGE, *_ASSETS, _START)

_HTML: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Altaviz API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon.png">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_SCRIPT: Final = """"use strict";
window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  tryItOutEnabled: true,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
"""
# Swagger UI sets styles of its own elements, and its icons are in the style sheet. Nothing else is allowed, and no other host.
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_FRESH: Final = {**_SAFE, "Cache-Control": "no-cache", "Content-Security-Policy": _CSP}
_KEPT: Final = {**_SAFE, "Cache-Control": "max-age=86400"}  # s; an update of the package may take a day to be seen


def router() -> APIRouter:
    """The page and its files. None needs a key: the page asks for one."""
    api = APIRouter(include_in_schema=False)

    async def root() -> Response:
        return RedirectResponse(_PAGE.path, headers=_SAFE)

    async def page() -> Response:
        return Response(_HTML, media_type="text/html; charset=utf-8", headers=_FRESH)

    async def start() -> Response:
        return Response(_SCRIPT, media_type="text/javascript; charset=utf-8", headers=_KEPT)

    for route, answer in ((_ROOT, root), (_PAGE, page), (_START, start)):
        api.add_api_route(route.path, answer, methods=list(route.methods))
    for route, kind in _ASSETS.items():
        api.add_api_route(route.path, _asset(route.path.rpartition("/")[2], kind), methods=list(route.methods))
    return api


def _asset(name: str, kind: str) -> Callable[[], Awaitable[Response]]:
    """Sends a file of the package piece by piece: strangers who do not read on leave a piece in memory, not the file."""

    async def asset() -> Response:
        return FileResponse(Path(fastapi_offline.__file__).parent / "static" / name, media_type=kind, headers=_KEPT)

    return asset
