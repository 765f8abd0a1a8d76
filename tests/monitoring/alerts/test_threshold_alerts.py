from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from config.errors import ConfigError
from config.sections.quality import AlertsSection
from config.sections.thresholds import LimitOverride, SensorOverride
from config.settings import Settings
from features.contract import PRESSURE_DIFFERENTIAL, SENSORS, TEMP_DELTA
from monitoring.alerts.threshold_alerts import WatchedColumn, alert_quantities, find_alerts, window_start
from serving.warehouse.alerts import Alert
from tests.features.readings import HEALTHY, MONDAY, compressors, reading, series

NORMAL = 3.0  # mm/s; warning from 6, critical from 8


@pytest.fixture(scope="module")
def rules(settings: Settings) -> AlertsSection:
    return settings.quality.alerts


@pytest.fixture(scope="module")
def quantities(settings: Settings) -> list[WatchedColumn]:
    return alert_quantities(compressors("C-1", "C-2"), settings.thresholds, settings.quality.alerts)


def _frame(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    schema = {"compressor_id": pl.String, "timestamp": pl.Datetime("us", "UTC"), **dict.fromkeys(SENSORS, pl.Float64)}
    return pl.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema)


def _at(minute: float) -> datetime:
    return MONDAY + timedelta(minutes=minute)


def _spans(alerts: list[Alert]) -> list[tuple[float, float, float | None]]:
    """Minutes of the first and the last violation and of the resolution."""
    return [
        tuple(
            None if moment is None else (moment - MONDAY) / timedelta(minutes=1)
            for moment in (a.alert_timestamp, a.last_seen, a.resolved_at)
        )
        for a in alerts
    ]  # type: ignore[misc]


def test_a_lasting_condition_is_one_alert_with_its_worst_reading(quantities: list[WatchedColumn], rules: AlertsSection) -> None:
    values = [NORMAL, 6.5, 8.4, *[7.0] * 20, NORMAL, NORMAL, NORMAL, NORMAL]
    (alert,) = find_alerts([_frame(series(values))], quantities, rules)
    assert alert == Alert(
        compressor_id="C-1",
        alert_type="vibration_mms_high",
        alert_timestamp=_at(10),
        raised_at=_at(10),
        critical_at=_at(20),
        severity="critical",
        message="vibration 8.4 mm/s is at or above critical 8",
        value=8.4,
        threshold=8.0,
        last_seen=_at(220),
        reading_count=22,
        resolved=True,
        resolved_at=_at(250),
        settled_at=_at(250),
    )


def test_a_limit_is_inclusive_and_a_low_one_is_reached_from_above(quantities: list[WatchedColumn], rules: AlertsSection) -> None:
    found = find_alerts([_frame([*series([6.0]), *series([30.0, 19.5], "suction_pressure_psi", "C-2")])], quantities, rules)
    assert [(alert.compressor_id, alert.alert_type, alert.severity, alert.value) for alert in found] == [
        ("C-1", "vibration_mms_high", "warning", 6.0),
        ("C-2", "suction_pressure_psi_low", "critical", 19.5),
    ]
    assert found[1].message == "suction pressure 19.5 PSI is at or below critical 20"


def test_three_normal_readings_in_a_row_resolve_and_two_do_not(quantities: list[WatchedColumn], rules: AlertsSection) -> None:
    two, three = [NORMAL] * 2, [NORMAL] * 3
    assert _spans(find_alerts([_frame(series([7.0, *two]))], quantities, rules)) == [(0, 0, None)]
    assert _spans(find_alerts([_frame(series([7.0, *two, 7.0, *three]))], quantities, rules)) == [(0, 30, 60)]
    assert _spans(find_alerts([_frame(series([7.0, *three, 7.0, *three]))], quantities, rules)) == [(0, 0, 30), (40, 40, 70)]


def test_nulls_are_neither_normal_nor_a_violation(quantities: list[WatchedColumn], rules: AlertsSection) -> None:
    values = [7.0, NORMAL, None, NORMAL, None, None, NORMAL]
    assert _spans(find_alerts([_frame(series(values))], quantities, rules)) == [(0, 0, 60)]


def test_a_silent_compressor_stays_open_and_goes_on_with_the_same_alert(quantities: list[WatchedColumn], rules: AlertsSection) -> None:
    rows = [*series([7.0, 7.0]), *(reading(1440 + minute, vibration_mms=7.0) for minute in (0, 10))]
    assert _spans(find_alerts([_frame(rows)], quantities, rules)) == [(0, 1450, None)]


def test_violations_within_30_minutes_are_one_alert_however_often_they_are_read(
    quantities: list[WatchedColumn], rules: AlertsSection
) -> None:
    within = [7.0, *[NORMAL] * 29, 7.0, *[NORMAL] * 3]
    beyond = [7.0, *[NORMAL] * 30, 7.0, *[NORMAL] * 3]
    assert _spans(find_alerts([_frame(series(within, step=1))], quantities, rules)) == [(0, 30, 33)]
    assert _spans(find_alerts([_frame(series(beyond, step=1))], quantities, rules)) == [(0, 0, 3), (31, 31, 34)]


def test_limits_are_those_of_the_compressors_model(settings: Settings, rules: AlertsSection) -> None:
    override = {"Special": {"vibration_mms": SensorOverride(warning=LimitOverride(value=5.0, source="test"))}}
    thresholds = settings.thresholds.model_copy(update={"overrides": override})
    fleet = pl.concat([compressors("C-1", model="Special"), compressors("C-2")])
    found = find_alerts([_frame([*series([5.5]), *series([5.5], compressor_id="C-2")])], alert_quantities(fleet, thresholds, rules), rules)
    assert [(alert.compressor_id, alert.threshold) for alert in found] == [("C-1", 5.0)]


def test_one_noisy_difference_is_no_alert_and_two_in_a_row_are(quantities: list[WatchedColumn], rules: AlertsSection) -> None:
    def rises(*values: float) -> pl.DataFrame:
        rows = [("C-1", _at(10 * position), value, 900.0) for position, value in enumerate(values)]
        return pl.DataFrame(rows, schema=["compressor_id", "timestamp", TEMP_DELTA, PRESSURE_DIFFERENTIAL], orient="row")

    assert find_alerts([rises(0.0, 30.0, 0.0, 50.0, 0.0)], quantities, rules) == []
    (alert,) = find_alerts([rises(0.0, 30.0, 25.0, 0.0, 0.0, 0.0)], quantities, rules)
    assert (alert.alert_type, alert.alert_timestamp, alert.value, alert.resolved_at) == ("temp_1hr_delta_high", _at(20), 25.0, _at(50))


STORM = {
    "vibration_mms": 7.0,  # 17 % beyond its warning
    "discharge_temp_f": 270.0,  # critical
    "suction_pressure_psi": 25.0,  # 17 %
    "discharge_pressure_psi": 1310.0,  # 0.8 %
    "horsepower_consumption": 1801.0,  # 0.06 %
    "gas_flow_mcf": 5000.0,  # 17 %
}


def test_of_six_alerts_in_one_window_the_five_worst_are_raised_and_the_sixth_is_named(
    quantities: list[WatchedColumn], rules: AlertsSection
) -> None:
    rows = [reading(0, **STORM), *(reading(10 * step) for step in (1, 2, 3))]
    alerts = find_alerts([_frame(rows)], quantities, rules)
    assert len(alerts) == 5
    named = {alert.alert_type: alert.suppressed for alert in alerts if alert.suppressed}
    assert named == {"discharge_temp_f_high": ["horsepower_consumption_high"]}


def test_what_is_left_out_and_lasts_is_raised_in_the_next_window(quantities: list[WatchedColumn], rules: AlertsSection) -> None:
    lasting = {"horsepower_consumption": STORM["horsepower_consumption"]}
    rows = [reading(0, **STORM), *(reading(10 * step, **lasting) for step in (1, 2, 3, 4)), *(reading(10 * step) for step in (5, 6, 7))]
    alerts = find_alerts([_frame(rows)], quantities, rules)
    assert [alert.suppressed for alert in alerts] == [[]] * 6
    late = alerts[-1]
    assert (late.alert_type, late.alert_timestamp, late.reading_count) == ("horsepower_consumption_high", _at(30), 2)


def test_order_of_the_readings_does_not_matter(quantities: list[WatchedColumn], rules: AlertsSection) -> None:
    rows = series([7.0, NORMAL, 9.0, *[NORMAL] * 4, 6.1])
    assert find_alerts([_frame(rows)], quantities, rules) == find_alerts([_frame(rows[::-1])], quantities, rules)


def test_healthy_readings_and_none_at_all_raise_nothing(quantities: list[WatchedColumn], rules: AlertsSection) -> None:
    assert find_alerts([_frame(series([HEALTHY["vibration_mms"]] * 3))], quantities, rules) == []
    assert find_alerts([_frame([])], quantities, rules) == []
    assert find_alerts([], quantities, rules) == []


def test_windows_are_those_of_the_clock(rules: AlertsSection) -> None:
    assert [window_start(_at(minute), rules) for minute in (0, 29.9, 30, 1439)] == [_at(0), _at(0), _at(30), _at(1410)]


def test_a_quantity_without_a_name_is_refused(settings: Settings, rules: AlertsSection) -> None:
    nameless = rules.model_copy(update={"names": {}})
    with pytest.raises(ConfigError, match=r"alerts\.names\.vibration_mms is missing"):
        alert_quantities(compressors("C-1"), settings.thresholds, nameless)
