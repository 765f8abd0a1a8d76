"""The OpenAPI document: every field tells its meaning, and every route is there."""

from __future__ import annotations

from typing import Any

import pytest

from features.contract import FEATURES
from serving.api.routes import swagger
from serving.api.service import ROUTES
from tests.serving.api.described import described_service

TYPES_ALONE = ("ValidationError", "HTTPValidationError")  # FastAPI's own, which no answer uses


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return described_service()


def test_every_field_and_parameter_has_a_description(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert not schemas.keys() & set(TYPES_ALONE)
    assert [
        f"{model}.{name}"
        for model, schema in schemas.items()
        for name, field in schema.get("properties", {}).items()
        if not field.get("description")
    ] == []
    assert [
        f"{path} {parameter['name']}"
        for path, operations in document["paths"].items()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ] == []


def test_a_number_with_a_unit_in_its_name_tells_the_unit(document: dict[str, Any]) -> None:
    words = {"days": "days", "hours": "hours", "usd": "USD", "probability": "0 to 1", "count": "count", "at": "UTC", "timestamp": "UTC"}
    assert [
        f"{model}.{name}"
        for model, schema in document["components"]["schemas"].items()
        for name, field in schema.get("properties", {}).items()
        if (word := words.get(name.rpartition("_")[2])) and "_" in name and word not in field["description"]
    ] == []


def test_the_order_of_the_features_is_in_the_document(document: dict[str, Any]) -> None:
    assert ", ".join(FEATURES) in document["components"]["schemas"]["PredictRequest"]["properties"]["windows"]["description"]


def test_every_route_is_described_with_its_methods(document: dict[str, Any]) -> None:
    described = {(path, method.upper()) for path, operations in document["paths"].items() for method in operations}
    wanted = {(route.path, method) for route in ROUTES if route not in swagger.ROUTES for method in route.methods if method != "HEAD"}
    assert wanted - described == {("/openapi.json", "GET")}
    assert described - wanted == set()


def test_every_route_with_a_role_names_the_ways_to_send_a_key_and_the_answers_without_a_right_one(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {name: (scheme["type"], scheme.get("name", scheme.get("scheme"))) for name, scheme in schemes.items()} == {
        "bearer": ("http", "bearer"),
        "header": ("apiKey", "X-API-Key"),
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            is_guarded = path.startswith("/v1/")
            assert operation.get("security", []) == ([{"bearer": []}, {"header": []}] if is_guarded else []), path
            if is_guarded:
                assert {"401", "403", "429", "503"} <= operation["responses"].keys(), path
                retried = {status for status, answer in operation["responses"].items() if "Retry-After" in answer.get("headers", {})}
                assert retried == {"429", "503"}, path


def test_every_reference_of_the_document_is_there(document: dict[str, Any]) -> None:
    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(value) for value in node.values()))
        return set().union(*(references(item) for item in node)) if isinstance(node, list) else set()

    assert references(document) - {f"#/components/schemas/{name}" for name in document["components"]["schemas"]} == set()
