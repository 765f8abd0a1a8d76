"""GET /v1/compressors/{compressor_id}/waiting over HTTP."""

from __future__ import annotations

import pytest

from tests.serving.api.home import AS_OF
from tests.serving.api.running import Running


def test_waiting_costs_least_on_the_best_day_and_failures_only_grow(service: Running) -> None:
    service.score(as_of=AS_OF)
    answer = service.client.get("/v1/compressors/C-1/waiting", params={"as_of": AS_OF}).json()
    detail = service.client.get("/v1/compressors/C-1", params={"as_of": AS_OF}).json()["compressor"]
    assert (answer["as_of"], answer["model_version"], answer["act_by"]) == (AS_OF, detail["model_version"], detail["act_by"])
    days, failed = answer["waiting"], [item["failed_probability"] for item in answer["waiting"]]
    assert [item["day"] for item in days] == list(range(len(days)))
    assert failed == sorted(failed)
    assert min(item["extra_cost_usd"] for item in days[answer["earliest_day"] :]) == 0
    horizon = int(detail["horizon_days"])
    assert failed[0] == 0
    assert failed[horizon] == pytest.approx(detail["failure_probability"], abs=0.25)  # the age of the machine counts too


def test_an_unknown_compressor_is_not_found(service: Running) -> None:
    assert service.client.get("/v1/compressors/C-99/waiting", params={"as_of": AS_OF}).status_code == 404
