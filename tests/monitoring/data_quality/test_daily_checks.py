from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from config.sections.quality import QualityConfig
from config.settings import Settings
from features.contract import DATA_FAULTS, FROZEN, MISSING, OPERATING_HOURS, READING_FIELDS, SENSORS, VIBRATION
from features.sensor_health.fault import Fault, encode_faults
from monitoring.data_quality.daily_checks import Day, measure_day, unplaced_rows
from serving.schemas import QualityMetric
from tests.features.readings import MONDAY, compressors, reading

TUESDAY = MONDAY + timedelta(days=1)
STALE_AFTER_H = 3.0
SCHEMA = {
    "compressor_id": pl.String,
    "timestamp": pl.Datetime("us", "UTC"),
    **dict.fromkeys((*SENSORS, OPERATING_HOURS), pl.Float64),
    DATA_FAULTS: pl.String,
}


@pytest.fixture(scope="module")
def rules(settings: Settings) -> QualityConfig:
    return settings.quality


def _week_day(compressor_id: str = "C-1", step: int = 10, first: int = 0, last: int = 2880, **values: float | None) -> list[dict[str, Any]]:
    """Readings of Monday and Tuesday at every `step` minutes from `first` to before `last`."""
    return [reading(minute, compressor_id, **values) for minute in range(first, last, step)]


def _tuesday(
    rows: Iterable[dict[str, Any]],
    refused: Sequence[tuple[str, str, str | None]] = (),
    *,
    is_oldest: bool = False,
    is_newest: bool = False,
    gold_rows: int = 144,
) -> Day:
    assert set(SCHEMA) == {*READING_FIELDS, DATA_FAULTS}
    readings = pl.DataFrame(list(rows), schema=SCHEMA).with_columns(pl.col("timestamp").dt.date().alias("date"))
    rejects = pl.DataFrame(refused, schema={"kind": pl.String, "reason": pl.String, "compressor_id": pl.String}, orient="row")
    return Day(TUESDAY.date(), is_oldest, is_newest, readings, rejects, gold_rows)


def _measure(day: Day, rules: QualityConfig, *known: str) -> dict[str, QualityMetric]:
    metrics = measure_day(day, compressors(*(known or ("C-1",))), rules, STALE_AFTER_H)
    assert {metric.metric_timestamp for metric in metrics} == {TUESDAY}
    return {metric.metric_name: metric for metric in metrics}


def test_a_clean_day_passes_every_check(rules: QualityConfig) -> None:
    found = _measure(_tuesday(_week_day()), rules)
    assert {name: metric.metric_value for name, metric in found.items()} == {
        "freshness_stale_compressors": 0.0,
        "freshness_late_compressors": 0.0,
        "completeness_readings": 1.0,
        "completeness_low_compressors": 0.0,
        "completeness_null_values": 0.0,
        "consistency_duplicates": 0.0,
        "consistency_pressure_order": 0.0,
        "consistency_operating_hours": 0.0,
        "consistency_gold": 0.0,
        "accuracy_rejected_rows": 0.0,
        "accuracy_removed_values": 0.0,
        "accuracy_sensor_faults": 0.0,
    }
    assert all(metric.passed for metric in found.values())


def test_a_compressor_that_fell_silent_is_stale_and_named_with_its_hours(rules: QualityConfig) -> None:
    rows = [*_week_day("C-1"), *_week_day("C-2", last=2880 - 300), *_week_day("C-3", last=600)]
    stale = _measure(_tuesday(rows), rules, "C-1", "C-2", "C-3")["freshness_stale_compressors"]
    assert (stale.metric_value, stale.passed) == (2 / 3, False)
    assert stale.details["hours_since_reading"] == {"C-3": 38.17, "C-2": 5.17}


def test_a_known_compressor_without_any_reading_is_missed_from_its_installation_on(rules: QualityConfig) -> None:
    later = compressors("C-9").with_columns(install_date=pl.lit(date(2026, 3, 4)))
    fleet = pl.concat([compressors("C-1", "C-2"), later])
    found = {metric.metric_name: metric for metric in measure_day(_tuesday(_week_day()), fleet, rules, STALE_AFTER_H)}
    assert found["freshness_stale_compressors"].details["hours_since_reading"] == {"C-2": None}
    assert found["completeness_readings"].metric_value == 0.5


def test_readings_are_expected_at_the_compressors_own_interval(rules: QualityConfig) -> None:
    gap = [row for row in _week_day("C-2", step=30) if not TUESDAY <= row["timestamp"] < TUESDAY + timedelta(hours=12)]
    found = _measure(_tuesday([*_week_day("C-1"), *gap]), rules, "C-1", "C-2")["completeness_readings"]
    assert found.details["expected"] == 144 + 48
    assert found.metric_value == pytest.approx((144 + 24) / (144 + 48))
    assert found.details["worst"] == {"C-2": 0.5}


def test_a_logger_that_slows_down_is_missing_readings(rules: QualityConfig) -> None:
    rows = [*_week_day(last=1440), *_week_day(step=20, first=1440)]
    assert _measure(_tuesday(rows), rules)["completeness_readings"].metric_value == pytest.approx(0.5, abs=0.01)


def test_readings_too_many_do_not_make_up_for_another_compressors_gap(rules: QualityConfig) -> None:
    burst = [reading(1440 + minute, "C-1") for minute in range(60) if minute % 10]
    rows = [*_week_day("C-1"), *burst, *_week_day("C-2", last=1440 + 720)]
    assert _measure(_tuesday(rows), rules, "C-1", "C-2")["completeness_readings"].metric_value == 0.75


def test_the_newest_day_ends_with_its_last_reading_and_the_oldest_begins_with_its_first(rules: QualityConfig) -> None:
    newest = _measure(_tuesday(_week_day(last=1440 + 120), is_newest=True), rules)
    oldest = _measure(_tuesday(_week_day(first=1440 + 720), is_oldest=True), rules)
    assert [found["completeness_readings"].metric_value for found in (newest, oldest)] == [1.0, 1.0]
    assert newest["freshness_stale_compressors"].passed
    assert newest["completeness_readings"].details["until"] == (TUESDAY + timedelta(minutes=110)).isoformat()
    cut = _measure(_tuesday(_week_day(last=1440 + 120)), rules)
    assert not cut["freshness_stale_compressors"].passed
    assert cut["completeness_readings"].metric_value == pytest.approx(12 / 144)


def test_the_first_reading_of_a_day_expects_nothing_yet(rules: QualityConfig) -> None:
    found = _measure(_tuesday(_week_day(last=1441), is_newest=True), rules)
    assert "completeness_readings" not in found


def test_missing_values_are_counted_by_sensor(rules: QualityConfig) -> None:
    rows = [*_week_day(last=1440 + 720), *_week_day(first=1440 + 720, gas_flow_mcf=None)]
    found = _measure(_tuesday(rows), rules)["completeness_null_values"]
    assert (found.metric_value, found.passed) == (72 / (144 * 6), False)
    assert found.details["by_sensor"]["gas_flow_mcf"] == 72


def test_swapped_pressures_and_falling_hours_are_inconsistent(rules: QualityConfig) -> None:
    rows = [
        *_week_day(last=2860),
        reading(2860, suction_pressure_psi=1000.0, discharge_pressure_psi=60.0),
        reading(2870, operating_hours=99.0),
    ]
    found = _measure(_tuesday(rows), rules)
    for name in ("consistency_pressure_order", "consistency_operating_hours"):
        assert (found[name].metric_value, found[name].passed, found[name].details["worst"]) == (1 / 144, False, {"C-1": 1})


def test_refused_rows_and_removed_values_are_shares_of_what_was_read(rules: QualityConfig) -> None:
    refused = [
        ("row", "duplicate", "C-1"),
        ("row", "unknown_compressor", "X-1"),
        ("row", "missing_compressor_id", None),
        ("value", "isolated_spike", "C-1"),
    ]
    found = _measure(_tuesday(_week_day(), refused), rules)
    assert found["consistency_duplicates"].metric_value == 1 / 147
    assert found["accuracy_rejected_rows"].metric_value == 2 / 147
    assert found["accuracy_rejected_rows"].details["by_reason"] == {"missing_compressor_id": 1, "unknown_compressor": 1}
    assert found["accuracy_removed_values"].metric_value == 1 / (144 * 6 + 1)


def test_every_compressor_with_a_fault_is_named_with_all_its_faults(rules: QualityConfig) -> None:
    monday = int(MONDAY.timestamp() * 1_000_000)
    stuck, gone = Fault(VIBRATION, FROZEN, monday), Fault(VIBRATION, MISSING, monday + 3_600_000_000)
    dead = [Fault(sensor, FROZEN, monday + 60_000_000) for sensor in SENSORS]
    rows = [*_week_day("C-1"), *_week_day("C-2"), *_week_day("C-3")]
    rows += [
        {**reading(1444, "C-1"), DATA_FAULTS: encode_faults([stuck])},
        {**reading(1445, "C-1"), DATA_FAULTS: encode_faults([gone])},
        {**reading(1446, "C-2"), DATA_FAULTS: encode_faults(dead)},
        {**reading(4, "C-3"), DATA_FAULTS: encode_faults([stuck])},  # of the day before
    ]
    found = _measure(_tuesday(rows), rules, "C-1", "C-2", "C-3", "C-4")["accuracy_sensor_faults"]
    assert (found.metric_value, found.passed) == (0.5, False)
    assert found.details["failing"] == {
        "C-1": [
            {"sensor": VIBRATION, "fault": FROZEN, "since": "2026-03-02T00:00:00Z"},
            {"sensor": VIBRATION, "fault": MISSING, "since": "2026-03-02T01:00:00Z"},
        ],
        "C-2": [{"sensor": "all", "fault": FROZEN, "since": "2026-03-02T00:01:00Z"}],
    }
    assert found.details["by_fault"] == {FROZEN: 2, MISSING: 1}


def test_a_reading_without_features_is_inconsistent(rules: QualityConfig) -> None:
    found = _measure(_tuesday(_week_day(), gold_rows=143), rules)["consistency_gold"]
    assert (found.stage, found.metric_value, found.passed) == ("gold", 1 / 144, False)


def test_rows_of_no_day_stand_on_the_newest_one(rules: QualityConfig) -> None:
    found = unplaced_rows(TUESDAY.date(), {"future_timestamp": 2, "missing_timestamp": 1}, 300, rules)
    assert (found.metric_timestamp, found.metric_value, found.passed) == (datetime(2026, 3, 3, tzinfo=MONDAY.tzinfo), 0.01, False)
    assert found.details["by_reason"] == {"future_timestamp": 2, "missing_timestamp": 1}


def test_every_late_and_every_incomplete_compressor_is_named(rules: QualityConfig) -> None:
    rows = [*_week_day("C-1"), *_week_day("C-2", last=2880 - 30), *_week_day("C-3", last=2880 - 120), *_week_day("C-4", step=60)]
    found = _measure(_tuesday(rows), rules, "C-1", "C-2", "C-3", "C-4", "C-5")
    late, low = found["freshness_late_compressors"], found["completeness_low_compressors"]
    # C-4 is sampled hourly: its last reading, 60 minutes before midnight, is in time
    assert (late.passed, late.details["failing"]) == (False, {"C-5": None, "C-3": 130.0, "C-2": 40.0})
    assert (low.passed, low.details["failing"]) == (False, {"C-5": 0.0, "C-3": 0.9167})
