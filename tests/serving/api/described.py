"""The OpenAPI document of the service, without a home."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from datetime import timedelta
from functools import cache
from typing import Any

import httpx

from config.errors import NotReadyError
from config.settings import load_settings
from serving.api.backend import Backend, ServiceParts
from serving.api.metrics import Metrics
from serving.api.routes.answering import ServiceRules
from serving.api.service import api_app
from tests.conftest import PROJECT


@cache
def described_service() -> dict[str, Any]:
    settings = load_settings(PROJECT / "var", environ={})
    backend = Backend(ServiceParts(*[_missing] * len(fields(ServiceParts))), settings.serving, timedelta(0))
    app = api_app(
        backend, settings.serving, Metrics(), ServiceRules(settings.thresholds, settings.costs, settings.work_orders, frozenset())
    )

    async def ask() -> dict[str, Any]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            document: dict[str, Any] = (await client.get("/openapi.json")).json()
            return document

    return asyncio.run(ask())


def _missing(*_: object) -> Any:
    raise NotReadyError("nothing is there")
