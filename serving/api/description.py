"""The OpenAPI document of the service: FastAPI's, with what FastAPI cannot see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.api.routes.answering import SCHEMAS, problems
from serving.api.routes.health import PAGES, READY
from serving.api.routes.table import API
from serving.messages.problem import Problem


def described(app: FastAPI, bodies: Iterable[type[BaseModel]], *, with_key: bool) -> dict[str, Any]:
    """FastAPI's OpenAPI document with its missing parts: late-read bodies, problems, the key, BentoML's health pages."""
    document = app.openapi()
    components = document.setdefault("components", {})
    asked: list[type[BaseModel]] = [*bodies, Problem]
    _, models = models_json_schema([(model, "validation") for model in asked], ref_template=f"{SCHEMAS}{{model}}")
    components.setdefault("schemas", {}).update(models["$defs"])
    for path, summary in PAGES.items():
        answers = {"200": {"description": "Yes"}}
        document["paths"][path] = {"get": {"summary": summary, "responses": answers | ({} if path != READY else problems(503))}}
    if with_key:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            for operation in operations.values() if path.startswith(API) else ():
                operation["security"] = [{"key": []}]
    return document
