"""Predictions over HTTP: scores, windows and the fleet, beside the batch job and `reproduce`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.settings import load_settings
from features.contract import FEATURES, WINDOW_STEPS
from features.lake import EVENTS, Lake
from features.reference_tables.tables import EVENT_KEY, EVENT_SCHEMA, merge_reference
from serving.alerts.life_cycle import Act
from serving.api.window_tables import PARQUET, TABLES
from serving.warehouse.connection import open_warehouse
from serving.work_orders.completion import Completion, complete_order
from serving.work_orders.draft import DraftRequest, draft_order
from tests.pipelines.console_script import report_of
from tests.serving.api.home import AS_OF, DEAD_AT, FLEET, NOW, SILENT, forget_events, query
from tests.serving.api.running import Running
from tests.serving.api.test_window_tables import table_of, written
from tests.serving.api.wrong_requests import window


def test_a_score_ranks_the_fleet_and_is_written(service: Running) -> None:
    answer = service.score(as_of=AS_OF)
    assert [(row["compressor_id"], row["status"], row["rul_days"]) for row in answer["predictions"]] == [
        ("C-1", "ok", 5.0),
        ("C-3", "ok", 10.0),
        ("C-2", "ok", 20.0),
        (SILENT, "stale", None),
    ]
    assert service.score(as_of=AS_OF)["rows_written"] == 0  # the same moment twice writes once
    rows = query(service.home, f"SELECT compressor_id FROM ml_predictions WHERE prediction_timestamp = '{AS_OF}' ORDER BY 1")
    assert [row[0] for row in rows] == [*FLEET, SILENT]


def test_the_service_and_the_batch_job_write_the_same_rows(service: Running) -> None:
    moment = "2026-03-09T11:20:00Z"
    columns = """compressor_id, prediction_timestamp, model_version, status, rul_days, rul_lower_days, rul_upper_days, failure_probability,
                 confidence_score, health, horizon_days, reasons, features_used - 'scored_by', act_by, expected_saving_usd"""
    rows = f"SELECT {columns} FROM ml_predictions WHERE prediction_timestamp = '{moment}' ORDER BY 1"
    batch = report_of("score", "--as-of", moment, home=service.home)
    written = query(service.home, rows)
    assert len(written) == 4
    query(service.home, f"WITH gone AS (DELETE FROM ml_predictions WHERE prediction_timestamp = '{moment}' RETURNING 1) SELECT * FROM gone")
    answer = service.score(as_of=moment)
    assert query(service.home, rows) == written
    assert answer["rows_written"] == 4
    assert answer["predictions"] == batch["predictions"]
    assert query(
        service.home, f"SELECT DISTINCT features_used ->> 'scored_by' FROM ml_predictions WHERE prediction_timestamp = '{moment}'"
    ) == [("service",)]


def test_three_scores_of_an_ailing_compressor_raise_an_alert(service: Running) -> None:
    for hour in (8, 9, 10):
        service.score(as_of=f"2026-03-09T{hour:02}:12:00Z", compressor_ids=["C-1", "C-2"])
    columns = "compressor_id, critical_at IS NOT NULL, threshold, source"
    rows = query(service.home, f"SELECT {columns} FROM alert_history WHERE alert_type = 'remaining_life_low' ORDER BY 1")
    assert rows[0] == ("C-1", True, 7.0, "prediction")
    assert "C-2" not in [row[0] for row in rows]  # its life is long


def test_rows_of_the_service_come_out_again(service: Running) -> None:
    moment = "2026-03-09T11:40:00Z"
    service.score(as_of=moment, compressor_ids=["C-1", SILENT])
    again = report_of("reproduce", "--as-of", moment, home=service.home)
    assert [(row["compressor_id"], row["scored_by"], row["differs"]) for row in again["rows"]] == [
        ("C-1", "service", []),
        (SILENT, "service", []),
    ]
    assert again["rows"][0]["numbers"]["rul_days"] == {"stored": 5.0, "recomputed": 5.0, "difference": 0.0}


def test_what_is_scored_now_comes_out_again_by_the_moment_that_was_reported(service: Running) -> None:
    scored_at = report_of("score", home=service.home)["as_of"]
    again = report_of("reproduce", "--as-of", scored_at, home=service.home)
    assert [(row["prediction_timestamp"], row["differs"]) for row in again["rows"]] == [(scored_at, [])] * 4
    answered = datetime.fromisoformat(service.score(compressor_ids=[SILENT])["as_of"])
    assert answered.microsecond == 0  # as the batch job
    fraction = "2026-03-09T11:45:00.250000Z"  # kept as it was asked for
    service.score(as_of=fraction, compressor_ids=["C-1"])
    (row,) = report_of("reproduce", "--as-of", fraction, home=service.home)["rows"]
    assert row["prediction_timestamp"] == fraction


def test_a_repair_that_is_recorded_while_the_service_runs_counts_from_the_next_request(service: Running) -> None:
    moment, lake = "2026-03-09T10:45:00Z", Lake(str(service.home / "lake"))
    asked = {"as_of": moment, "compressor_ids": ["C-1"]}
    assert service.score(**asked)["predictions"][0]["act_by"] == "2026-03-12"
    repair = {"compressor_id": "C-1", "event_date": datetime(2026, 3, 9, 4, tzinfo=UTC), "event_type": "unscheduled", "downtime_hours": 2.0}
    merge_reference(lake, EVENTS, pl.DataFrame([repair], schema=EVENT_SCHEMA), EVENT_KEY)
    try:
        (row,) = service.score(**asked)["predictions"]
        assert (row["rul_days"], row["act_by"], row["expected_saving_usd"]) == (5.0, None, None)
        assert (
            row["reasons"][-1]
            == "no repair date yet: the readings of the last 24 h begin before the restart after the last failure, repair or service"
        )
        batch = {row["compressor_id"]: row for row in report_of("score", "--as-of", moment, home=service.home)["predictions"]}
        assert batch["C-1"] == row
    finally:
        forget_events(service.home)
    # what was recorded then is what counts, though the event is gone
    again = report_of("reproduce", "C-1", "--as-of", moment, home=service.home)
    assert again["rows"][0]["differs"] == []
    assert service.score(**asked)["predictions"][0]["act_by"] == "2026-03-12"


def test_a_completed_work_order_counts_from_the_next_request(service: Running) -> None:
    moment = "2026-03-09T10:50:00Z"
    asked = {"as_of": moment, "compressor_ids": ["C-1"]}
    assert service.score(**asked)["predictions"][0]["act_by"] == "2026-03-12"
    settings = load_settings(service.home, environ={})
    act = Act("Ann", datetime(2026, 3, 9, 10, 50, tzinfo=UTC))
    done = Completion("unscheduled", datetime(2026, 3, 9, 4, tzinfo=UTC), 2.0)
    with open_warehouse(settings.database, settings.home) as warehouse, warehouse.connection() as connection:
        connection.execute("SELECT set_config('altaviz.as_of', %s, TRUE)", [moment])
        order = draft_order(connection, DraftRequest("C-1"), act, settings.costs, settings.work_orders)
        complete_order(connection, order.work_order_id, done, act)
    try:
        fleet = service.client.get("/v1/fleet", params={"as_of": moment}).json()["compressors"]
        (row,) = service.score(**asked)["predictions"]
    finally:
        forget_events(service.home)
    assert [(item["status"], item["rul_days"]) for item in fleet if item["compressor_id"] == "C-1"] == [("insufficient_history", None)]
    assert (row["rul_days"], row["act_by"]) == (5.0, None)


def test_only_the_compressors_asked_for_are_scored(service: Running) -> None:
    answer = service.score(compressor_ids=["C-2", "C-1"], as_of="2026-03-09T10:30:00")
    assert [row["compressor_id"] for row in answer["predictions"]] == ["C-1", "C-2"]
    assert answer["rows_written"] == 2


def test_windows_are_predicted_in_their_order_and_nothing_is_written(service: Running) -> None:
    before = query(service.home, "SELECT count(*) FROM ml_predictions")
    answer = service.client.post("/v1/predict", json={"windows": [window(12.0), window(3.0)]}).json()
    assert [row["rul_days"] for row in answer["predictions"]] == [12.0, 3.0]
    assert answer["predictions"][0]["failure_probability"] == pytest.approx(1 / 13, abs=1e-4)
    assert (answer["model_version"], answer["horizon_days"]) == ("1", 3.0)
    assert query(service.home, "SELECT count(*) FROM ml_predictions") == before


@pytest.mark.parametrize("kind", TABLES)
def test_windows_may_come_and_go_as_tables(service: Running, kind: str) -> None:
    short = [[None] * len(FEATURES) if hour < 7 else [9.0] * len(FEATURES) for hour in range(WINDOW_STEPS)]
    windows: list[Any] = [window(12.0), short, window(3.0)]
    by_json = service.client.post("/v1/predict", json={"windows": windows}).json()["predictions"]
    assert [(row["status"], row["rul_days"]) for row in by_json] == [("ok", 12.0), ("insufficient_history", None), ("ok", 3.0)]

    body = written(table_of(np.array(windows, np.float32), ["a", "b", "c"]), kind)
    sent: dict[str, Any] = {"content": body, "headers": {"content-type": kind}}
    answer = service.client.post("/v1/predict", **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind), answer.text
    table = pq.read_table(pa.BufferReader(answer.content)) if kind == PARQUET else pa.ipc.open_stream(answer.content).read_all()
    assert table.schema.metadata[b"model_version"] == b"1"
    assert [{**row, "window": None} for row in table.to_pylist()] == [{**row, "window": None} for row in by_json]
    assert table["window"].to_pylist() == ["a", "b", "c"]
    sent["headers"]["accept"] = "application/json"
    assert service.client.post("/v1/predict", **sent).json()["predictions"] == by_json


def test_the_fleet_is_ranked_from_the_database(service: Running) -> None:
    service.score(as_of=AS_OF)
    answer = service.client.get("/v1/fleet", params={"as_of": AS_OF}).json()
    assert [(row["rank"], row["compressor_id"], row["health"]) for row in answer["compressors"]] == [
        (1, "C-1", "critical"),
        (2, "C-3", "warning"),
        (3, "C-2", "healthy"),
        (4, SILENT, None),
    ]
    before = service.client.get("/v1/fleet", params={"as_of": "2020-01-01"}).json()["compressors"]
    assert [(row["compressor_id"], row["status"], row["urgency"]) for row in before] == [
        (name, None, "unknown") for name in (*FLEET, SILENT)
    ]


def test_a_score_of_now_hides_no_usable_prediction_of_a_home_whose_readings_are_old(service: Running) -> None:
    service.score(as_of=AS_OF)
    now = service.score()
    rows = {row["compressor_id"]: (row["status"], row["rul_days"], row["last_usable"]) for row in now["predictions"]}
    assert list(rows) == ["C-1", "C-3", "C-2", SILENT]
    status, days, usable = rows["C-1"]
    assert (status, days, usable["rul_days"], usable["prediction_timestamp"]) == ("stale", None, 5.0, AS_OF)
    assert usable["age_hours"] == pytest.approx((datetime.fromisoformat(now["as_of"]) - NOW) / timedelta(hours=1), abs=0.01)
    assert rows[SILENT] == ("stale", None, None)
    fleet = service.client.get("/v1/fleet").json()["compressors"]
    assert [(row["rank"], row["compressor_id"], row["status"], row["rul_days"], row["prediction_timestamp"]) for row in fleet[:3]] == [
        (1, "C-1", "stale", 5.0, AS_OF),
        (2, "C-3", "stale", 10.0, AS_OF),
        (3, "C-2", "stale", 20.0, AS_OF),
    ]
    assert {(row["status_timestamp"], row["rul_days_now"], row["health"]) for row in fleet[:3]} == {(now["as_of"], 0.0, "critical")}
    assert (fleet[0]["age_hours"] - usable["age_hours"], fleet[3]["rul_days"]) == (pytest.approx(0, abs=0.1), None)


def test_a_home_in_replay_is_scored_where_it_stands_until_a_score_of_now_makes_it_live(service: Running) -> None:
    query(service.home, f"UPDATE view_rules SET replay_as_of = '{AS_OF}' RETURNING replay_as_of")
    assert service.score(compressor_ids=["C-1"])["as_of"] == AS_OF
    report_of("score", "--as-of", "2026-03-09T12:10:00Z", home=service.home)
    assert service.score(compressor_ids=["C-1"])["as_of"] == "2026-03-09T12:10:00Z"
    assert report_of("status", home=service.home)["replay_as_of"] == "2026-03-09T12:10:00Z"
    now = report_of("score", home=service.home)["as_of"]
    assert report_of("status", home=service.home)["replay_as_of"] is None
    assert now <= service.score(compressor_ids=["C-1"])["as_of"]


def test_a_repair_ends_the_numbers_of_a_silent_compressor_from_the_next_request(service: Running) -> None:
    def shown() -> Any:
        rows = service.client.get("/v1/fleet", params={"as_of": moment}).json()["compressors"]
        return next(row["rul_days"] for row in rows if row["compressor_id"] == "C-3")

    moment, lake = (NOW + timedelta(hours=6)).isoformat(), Lake(str(service.home / "lake"))
    service.score(as_of=AS_OF)
    service.score(as_of=moment)
    assert shown() == 10.0
    repair = {"compressor_id": "C-3", "event_date": NOW + timedelta(hours=5), "event_type": "unscheduled"}
    merge_reference(lake, EVENTS, pl.DataFrame([repair], schema=EVENT_SCHEMA), EVENT_KEY)
    try:
        assert shown() is None
    finally:
        forget_events(service.home)


def test_a_dead_link_is_bad_data_in_every_answer_and_in_the_metrics(service: Running) -> None:
    moment = DEAD_AT.isoformat()
    (scored,) = service.score(compressor_ids=[SILENT], as_of=moment)["predictions"]
    row = next(row for row in service.client.get("/v1/fleet", params={"as_of": moment}).json()["compressors"] if row["status"])
    faults = [{"sensor": "all", "fault": "frozen", "since": "2026-03-05T12:00:00Z", "detail": "no change for 24 h: the link is dead"}]
    for answer in (scored, row):
        assert (answer["compressor_id"], answer["status"], answer["rul_days"], answer["data_faults"]) == (SILENT, "bad_data", None, faults)
    assert row["health"] is None
    assert 'altaviz_predictions_total{status="bad_data"} 1.0' in service.client.get("/metrics").text
    schemas = service.client.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["DataFault"]["required"] == ["sensor", "fault", "since", "detail"]
    statuses = ["ok", "insufficient_history", "stale", "bad_data"]
    assert schemas["PredictionAnswer"]["properties"]["status"]["enum"] == statuses
    assert schemas["FleetRow"]["properties"]["status"]["anyOf"][0]["enum"] == statuses
    for name in ("PredictionAnswer", "FleetRow"):
        assert schemas[name]["properties"]["data_faults"]["items"]["$ref"].endswith("/DataFault")
