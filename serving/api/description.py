"""The OpenAPI document of the service: FastAPI's, with what FastAPI cannot see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.api.routes.answering import SCHEMAS, problems
from serving.api.routes.health import PAGES, READY
from serving.api.routes.table import API
from serving.messages.problem import Problem

_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of `altaviz keys create`, or ALTAVIZ_API_KEY"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in a header of its own"},
}


def described(app: FastAPI, bodies: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """FastAPI's OpenAPI document with its missing parts: late-read bodies, problems, the key, BentoML's health pages."""
    document = app.openapi()
    components = document.setdefault("components", {})
    asked: list[type[BaseModel]] = [*bodies, Problem]
    _, models = models_json_schema([(model, "validation") for model in asked], ref_template=f"{SCHEMAS}{{model}}")
    components.setdefault("schemas", {}).update(models["$defs"])
    for path, summary in PAGES.items():
        answers = {"200": {"description": "Yes"}}
        document["paths"][path] = {"get": {"summary": summary, "responses": answers | ({} if path != READY else problems(503))}}
    components["securitySchemes"] = _SCHEMES
    for path, operations in document["paths"].items():
        for operation in operations.values() if path.startswith(API) else ():
            operation["security"] = [{name: []} for name in _SCHEMES]
    return document
