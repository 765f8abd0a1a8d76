"""/v1/work-orders over HTTP: from a draft to the maintenance event and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving.api.home import AS_OF, query
from tests.serving.api.planner import planners_service
from tests.serving.api.running import Running


@pytest.fixture
def planner(service: Running) -> Iterator[Running]:
    with planners_service(service) as running:
        yield running


def _send(planner: Running, method: str, path: str = "", **body: Any) -> tuple[int, Any]:
    answer = planner.client.request(method, f"/v1/work-orders{path}", json=body)
    return answer.status_code, answer.json()


def test_an_order_goes_from_the_prediction_to_the_event_and_back(planner: Running) -> None:
    status, drafted = _send(planner, "POST", compressor_id="C-1", by="Ana", note="called the crew")
    order = drafted["work_order"]
    number = order["work_order_id"]
    assert (status, order["status"], order["rul_days"], order["drafted_by"], order["drafted_at"]) == (200, "draft", 5.0, "Ana", AS_OF)
    changed = _send(planner, "PATCH", f"/{number}", assigned_to="Ben", planned_start="2026-03-10T14:00:00Z", act_by=None)[1]["work_order"]
    assert (changed["assigned_to"], changed["planned_start"], changed["act_by"]) == ("Ben", "2026-03-10T14:00:00Z", None)
    assert changed["title"] == order["title"]  # what is left out stays
    fleet = {row["compressor_id"]: row for row in planner.client.get("/v1/fleet").json()["compressors"]}
    assert (fleet["C-1"]["next_work_order_id"], fleet["C-1"]["next_planned_start"]) == (number, "2026-03-10T14:00:00Z")
    one = planner.client.get("/v1/compressors/C-1").json()
    assert [(item["work_order_id"], item["assigned_to"]) for item in one["work_orders"]] == [(number, "Ben")]
    done = {"event_type": "unscheduled", "event_date": "2026-03-09T11:00:00Z", "downtime_hours": 0.5, "cost_usd": 900.0}
    completed = _send(planner, "POST", f"/{number}/complete", **done, note="bearing changed")[1]["work_order"]
    assert (completed["status"], completed["completed_by"], completed["completion_note"]) == ("completed", "local", "bearing changed")
    one = planner.client.get("/v1/compressors/C-1").json()
    assert [(event["event_type"], event["downtime_hours"]) for event in one["maintenance_events"]] == [("unscheduled", 0.5)]
    assert one["work_orders"] == []
    told = _send(planner, "POST", f"/{number}/reopen", by="Ana")[1]
    assert [change["change"] for change in told["changes"]] == ["drafted", "changed", "completed", "reopened"]
    assert told["changes"][0]["note"] == "called the crew"
    assert _send(planner, "POST", f"/{number}/cancel", by="Ana")[1]["work_order"]["status"] == "cancelled"


def test_orders_are_listed_by_status_and_compressor(planner: Running) -> None:
    first = _send(planner, "POST", compressor_id="C-1")[1]["work_order"]["work_order_id"]
    second = _send(planner, "POST", compressor_id="C-3", priority=4)[1]["work_order"]["work_order_id"]
    _send(planner, "POST", f"/{first}/cancel")

    def listed(**asked: Any) -> list[str]:
        answer = planner.client.get("/v1/work-orders", params=asked).json()
        return [order["work_order_id"] for order in answer["work_orders"]]

    assert listed() == [second, first]
    assert listed(status="draft") == listed(compressor_id="C-3") == listed(limit=1) == [second]
    assert listed(status="exported") == []
    assert planner.client.get("/v1/work-orders", params={"limit": 1}).json()["total"] == 2


def test_an_order_is_written_for_other_systems_and_marked_as_exported(planner: Running) -> None:
    number = _send(planner, "POST", compressor_id="C-1")[1]["work_order"]["work_order_id"]
    address = f"/v1/work-orders/{number}/export"
    file = planner.client.get(address)
    assert (file.headers["content-type"], file.headers["content-disposition"]) == (
        "text/csv; charset=utf-8",
        f'attachment; filename="{number}.csv"',
    )
    assert file.text.splitlines()[1].startswith(number)
    assert planner.client.get(address, params={"format": "maximo"}).json()["wonum"] == number
    assert planner.client.get(f"/v1/work-orders/{number}").json()["work_order"]["status"] == "draft"
    exported = _send(planner, "POST", f"/{number}/export", format="sap", by="Ana")[1]
    assert (exported["work_order"]["status"], exported["work_order"]["exported_by"]) == ("exported", "Ana")
    assert exported["changes"][-1]["details"]["format"] == "sap"


def test_an_export_is_sent_to_a_channel_through_the_outbox(planner: Running) -> None:
    number = _send(planner, "POST", compressor_id="C-1")[1]["work_order"]["work_order_id"]
    status, answer = _send(planner, "POST", f"/{number}/export", format="maximo", channel="log")
    assert (status, answer["changes"][-1]["details"]["sent"]) == (200, True)
    assert query(planner.home, "SELECT channel, topic, payload ->> 'work_order_id' FROM outbox") == [("log", "work_order.exported", number)]


def test_what_cannot_be_done_is_a_problem_that_names_the_field(planner: Running) -> None:
    number = _send(planner, "POST", compressor_id="C-1", draft_key="page-1")[1]["work_order"]["work_order_id"]
    assert _send(planner, "POST", compressor_id="C-1", draft_key="page-1")[1]["work_order"]["work_order_id"] == number
    cases: list[tuple[str, str, dict[str, Any], int, str]] = [
        ("POST", "", {"compressor_id": "C-9"}, 404, "compressor_id"),
        ("POST", "", {"compressor_id": "C-4"}, 422, "reason"),  # SILENT has no usable prediction
        ("POST", f"/{number}/export", {"format": "sap", "channel": "nowhere"}, 422, "channel"),
        ("POST", f"/{number}/export", {"format": "xml"}, 422, "format"),
        ("PATCH", f"/{number}", {"title": None}, 422, "title"),
        ("PATCH", f"/{number}", {"priority": 5}, 422, "priority"),
        ("POST", f"/{number}/complete", {"event_type": "scheduled", "event_date": "2026-03-20"}, 422, "event_date"),
    ]
    for method, path, body, status, field in cases:
        answered, problem = _send(planner, method, path, **body)
        assert (answered, [error["field"] for error in problem["errors"]]) == (status, [field]), (method, path, body, problem)


def test_an_order_goes_to_a_channel_of_the_configuration(planner: Running) -> None:
    number = _send(planner, "POST", compressor_id="C-1", draft_key="page-2")[1]["work_order"]["work_order_id"]
    assert _send(planner, "POST", f"/{number}/export", format="sap", channel="log")[0] == 200
    assert _send(planner, "POST", f"/{number}/cancel")[0] == 200


def test_what_the_state_does_not_allow_is_a_409_that_names_state_and_ways_on(planner: Running) -> None:
    number = _send(planner, "POST", compressor_id="C-1")[1]["work_order"]["work_order_id"]
    again, problem = _send(planner, "POST", compressor_id="C-1")
    assert (again, problem["state"], number in problem["detail"]) == (409, "open", True)
    assert _send(planner, "POST", f"/{number}/reopen")[0] == 409
    _send(planner, "POST", f"/{number}/cancel")
    status, problem = _send(planner, "PATCH", f"/{number}", priority=1)
    assert (status, problem["title"], problem["state"]) == (409, "Conflict", "cancelled")
