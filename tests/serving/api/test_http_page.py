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
from serving.messages.fleet import FleetRow
from serving.messages.scoring import LastUsable, PredictionAnswer, PredictRequest, ScoreAnswer, ScoreRequest, WindowAnswer
from tests.conftest import PROJECT

PAGE = (PROJECT / "docs" / "reference" / "http-api.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([\w/.]+)`", PAGE))


def test_every_route_is_a_row_of_the_routes_with_its_methods() -> None:
    table = PAGE[PAGE.index("## Routes") :].split("\n\n")[1]
    rows = [row.split("|")[1:3] for row in table.splitlines()[2:]]
    documented = {path: methods.strip() for methods, paths in rows for path in re.findall(r"`([\w/.]+)`", paths)}
    assert documented == {route.path: ", ".join(route.methods) for route in ROUTES}


def test_every_field_of_a_request_and_of_an_answer_is_named() -> None:
    models = (ScoreRequest, PredictRequest, ScoreAnswer, PredictionAnswer, LastUsable, FleetRow, WindowAnswer)
    assert {name for model in models for name in model.model_fields} - NAMED == set()


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
    assert {**answer, "title": document["title"]} == document
