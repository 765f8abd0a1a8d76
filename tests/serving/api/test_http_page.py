"""The HTTP reference lists every route, limit and field of the code."""

from __future__ import annotations

import json
import re

from config.errors import RequestError
from config.sections.serving import LimitsSection
from config.settings import Settings
from serving.api.problems import problem_of
from serving.api.reading import read_score
from serving.api.service import ROUTES
from tests.conftest import PROJECT
from tests.serving.api.described import described_service

REFERENCE = PROJECT / "docs" / "reference"
PAGE = (REFERENCE / "http-api.md").read_text(encoding="utf-8")
PAGES = [PAGE, *((REFERENCE / f"http-{name}.md").read_text(encoding="utf-8") for name in ("alerts", "work-orders"))]
NAMED = {name for page in PAGES for name in re.findall(r"`([\w/.]+)`", page)}


def test_every_route_is_a_row_of_the_routes_with_its_methods_and_its_least_role() -> None:
    table = PAGE[PAGE.index("## Routes") :].split("\n\n")[1]
    rows = [[cell.strip() for cell in row.split("|")[1:5]] for row in table.splitlines()[2:]]
    documented = [(path, methods, role.strip("`")) for methods, paths, _, role in rows for path in re.findall(r"`([\w/.{}-]+)`", paths)]
    assert sorted(documented) == sorted((route.path, ", ".join(route.methods), route.role or "") for route in ROUTES)


def test_every_field_of_a_request_and_of_an_answer_is_named() -> None:
    document = described_service()
    fields = {name for schema in document["components"]["schemas"].values() for name in schema.get("properties", ())}
    parameters = {
        item["name"] for path in document["paths"].values() for operation in path.values() for item in operation.get("parameters", ())
    }
    assert (fields | parameters) - NAMED - {"type", "title", "detail", "field"} == set()


def test_every_limit_is_named() -> None:
    assert set(LimitsSection.model_fields) - NAMED == set()


def test_the_example_of_a_request_is_right(settings: Settings) -> None:
    example = re.search(r"-d '(\{.*?\})'", PAGE)
    assert example is not None
    assert read_score(example[1].encode(), settings.serving.limits).compressor_ids == ["COMP-007"]


def test_the_example_of_an_error_is_what_the_service_answers() -> None:
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    document = json.loads(example[1])
    error = RequestError(*((item["field"], item["detail"]) for item in document["errors"]), status=document["status"])
    answer = json.loads(bytes(problem_of(error).body))
    assert {**answer, "title": document["title"], "request_id": document["request_id"]} == document
