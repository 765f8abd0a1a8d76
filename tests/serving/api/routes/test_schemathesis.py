"""Whatever the OpenAPI document allows, and much that it does not: no 5xx, and no answer that the document does not describe."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import BaseSchema, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests.serving.api.described import described_service
from tests.serving.api.planner import CRITICAL, planners_service
from tests.serving.api.running import Running

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES, LARGE_EXAMPLES = 8, 2  # of each operation and mode; of windows with 576 numbers
KNOWN = {"compressor_id": "C-1", "alert_id": CRITICAL}  # half of the requests: so that more than 404 is answered
BOUNDED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SCHEMA: BaseSchema = from_dict(described_service())
OPERATIONS = {operation.ok().label: operation.ok() for operation in SCHEMA.get_all_operations()}
CASES = [
    (label, mode)
    for label, operation in OPERATIONS.items()
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or operation.body or operation.query  # else nothing can be wrong
]


@pytest.fixture(scope="module")
def planner(service: Running) -> Iterator[Running]:
    with planners_service(service) as running:
        yield running


@pytest.mark.parametrize(("label", "mode"), CASES)
def test_every_answer_is_described_and_none_is_a_failure(planner: Running, label: str, mode: GenerationMode) -> None:
    operation = OPERATIONS[label]
    url = str(planner.client.base_url).rstrip("/")

    @settings(BOUNDED, max_examples=LARGE_EXAMPLES if label.endswith("/predict") else EXAMPLES)
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        if case.path_parameters and len(str(case.body)) % 2:
            case.path_parameters = {name: KNOWN.get(name, value) for name, value in case.path_parameters.items()}
        answer = case.call(base_url=url)
        case.validate_response(answer, checks=CHECKS)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own
        ask()
