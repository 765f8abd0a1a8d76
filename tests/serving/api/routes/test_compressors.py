"""GET /v1/fleet with filters and pages, and GET /v1/compressors/{compressor_id}, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from config.settings import Settings
from features.aggregates import PREFIXES
from serving.api.routes.compressors import compressor_answer
from serving.warehouse.fleet import CompressorRecord
from tests.serving.api.home import AS_OF, FLEET, NOW, SILENT
from tests.serving.api.running import Running


def test_the_fleet_comes_in_pages_and_names_the_moment(service: Running) -> None:
    service.score(as_of=AS_OF)
    asked = {"as_of": AS_OF, "sort": "compressor_id", "limit": 2, "offset": 1, "station": "STATION-A"}
    answer = service.client.get("/v1/fleet", params=asked).json()
    assert (answer["as_of"], answer["is_replay"], answer["total"]) == (AS_OF, False, 4)
    assert [(row["compressor_id"], row["rank"], row["urgency"], row["basin"]) for row in answer["compressors"]] == [
        ("C-2", 3, "healthy", "Eagle Ford Shale"),
        ("C-3", 2, "warning", "Eagle Ford Shale"),
    ]
    assert service.client.get("/v1/fleet", params={**asked, "urgency": "unknown", "offset": 0}).json()["total"] == 1
    everything = service.client.get("/v1/fleet").json()
    assert {row["compressor_id"] for row in everything["compressors"]} == {*FLEET, SILENT}


def test_one_compressor_is_told_in_full(service: Running) -> None:
    service.score(as_of=AS_OF)
    asked = {"as_of": AS_OF, "days": 2}
    answer = service.client.get("/v1/compressors/C-1", params=asked).json()
    fleet = service.client.get("/v1/fleet", params={"as_of": AS_OF, "limit": 1}).json()["compressors"][0]
    assert {name: answer["compressor"][name] for name in fleet if name != "rank"} == {
        name: value for name, value in fleet.items() if name != "rank"
    }
    assert (answer["as_of"], answer["days"], answer["compressor"]["horsepower"]) == (AS_OF, 2, 1480.0)
    assert answer["predictions"][0] == {
        "prediction_timestamp": AS_OF,
        **{name: fleet[name] for name in ("model_version", "status", "rul_days", "rul_lower_days", "rul_upper_days")},
        **{name: fleet[name] for name in ("failure_probability", "health")},
    }
    assert [sensor["sensor"] for sensor in answer["sensors"]] == list(PREFIXES)
    assert {(sensor["value"], sensor["state"]) for sensor in answer["sensors"]} == {(None, None)}  # the warehouse has no hours yet


def _hour(mark: Any, **values: float) -> dict[str, Any]:
    columns = (f"{prefix}_{statistic}" for prefix in PREFIXES.values() for statistic in ("avg", "min", "max"))
    return {"agg_timestamp": mark, **dict.fromkeys(columns), **values}


def test_sensors_stand_against_the_limits_of_the_compressors_model(settings: Settings) -> None:
    placed = dict.fromkeys(("station_id", "basin", "town", "latitude", "longitude", "time_zone", "horsepower", "install_date", "last_hour"))
    counts = dict.fromkeys(("active_alerts", "data_alerts", "open_alerts", "unacknowledged_alerts", "shelved_alerts"), 0)
    numbers = dict.fromkeys(
        [
            "rul_days",
            "rul_lower_days",
            "rul_upper_days",
            "failure_probability",
            "confidence_score",
            "act_by",
            "expected_saving_usd",
            "health",
            "prediction_timestamp",
            "status_timestamp",
            "age_hours",
            "rul_days_now",
            "model_version",
            "status",
            "horizon_days",
            "reading_age_hours",
            "next_work_order_id",
            "next_planned_start",
            "next_work_act_by",
        ]
    )
    standing = {**placed, **counts, **numbers, "compressor_id": "C-1", "model": "Ajax DPC-360", "urgency": "unknown"}
    newest = _hour(NOW, vibration_avg=6.0, vibration_min=5.0, vibration_max=8.5, suction_pressure_avg=20.0, gas_flow_avg=9000.0)
    before = _hour(NOW - timedelta(hours=1), vibration_avg=2.0)
    hours = {name: [before[name], newest[name]] for name in newest}
    record = CompressorRecord(NOW, True, {**standing, "reasons": [], "data_faults": []}, [], hours, newest, [], [], [])
    answer = compressor_answer(record, 1, settings.thresholds)
    shown = {sensor.sensor: sensor for sensor in answer.sensors}
    vibration = shown["vibration_mms"]
    assert (vibration.value, vibration.state, vibration.unit, vibration.warning, vibration.critical) == (6.0, "warning", "mm/s", 6.0, 8.0)
    assert (vibration.mean, vibration.lowest, vibration.highest) == ([2.0, 6.0], [None, 5.0], [None, 8.5])
    assert (vibration.normal_low, vibration.normal_high, vibration.direction) == (1.5, 4.5, "high")
    assert (shown["suction_pressure_psi"].state, shown["gas_flow_mcf"].state, shown["discharge_temp_f"].state) == (
        "critical",
        "normal",
        None,
    )
    assert shown["gas_flow_mcf"].critical is None
    assert answer.hours == [NOW - timedelta(hours=1), NOW]
