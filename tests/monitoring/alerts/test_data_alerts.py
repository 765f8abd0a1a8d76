from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl
import pytest

from config.sections.quality import AlertsSection
from config.settings import Settings
from features.contract import DISCHARGE_TEMP, FROZEN, SENSORS, UNIT_CHANGE, VIBRATION, ZERO
from features.sensor_health.fault import Fault, encode_faults
from monitoring.alerts.data_alerts import find_data_alerts
from serving.warehouse.alerts import Alert
from tests.features.readings import MONDAY

SINCE = MONDAY - timedelta(hours=3)
SINCE_US = int(SINCE.timestamp() * 1_000_000)
CELSIUS = Fault(DISCHARGE_TEMP, UNIT_CHANGE, SINCE_US, "degC")
STUCK = Fault(VIBRATION, FROZEN, SINCE_US)
DEAD = [Fault(sensor, FROZEN, SINCE_US) for sensor in SENSORS]


@pytest.fixture(scope="module")
def rules(settings: Settings) -> AlertsSection:
    return settings.quality.alerts


def _find(rules: AlertsSection, *faults: Sequence[Fault], compressor_id: str = "C-1", step: int = 10) -> list[Alert]:
    """Of readings `step` minutes apart with these faults each."""
    rows = [(compressor_id, MONDAY + timedelta(minutes=step * number), encode_faults(own)) for number, own in enumerate(faults)]
    schema = {"compressor_id": pl.String, "timestamp": pl.Datetime("us", "UTC"), "data_faults": pl.String}
    return find_data_alerts(pl.DataFrame(rows, schema=schema, orient="row"), rules)


def _spans(alerts: list[Alert]) -> list[tuple[str, float, float, int, float | None]]:
    """Type, minutes of the first and the last reading, readings, minute of the resolution."""
    minute = timedelta(minutes=1)
    return [
        (
            alert.alert_type,
            (alert.alert_timestamp - MONDAY) / minute,
            (alert.last_seen - MONDAY) / minute,
            alert.reading_count,
            None if alert.resolved_at is None else (alert.resolved_at - MONDAY) / minute,
        )
        for alert in alerts
    ]


def test_a_fault_is_one_alert_from_its_first_report_until_three_sound_readings(rules: AlertsSection) -> None:
    (alert,) = _find(rules, [], [CELSIUS], [CELSIUS], [CELSIUS], [], [], [], [])
    assert alert == Alert(
        compressor_id="C-1",
        alert_type="discharge_temp_f_unit_change",
        alert_timestamp=MONDAY + timedelta(minutes=10),
        raised_at=MONDAY + timedelta(minutes=10),
        critical_at=None,
        severity="warning",
        message=(
            "discharge temperature unit_change since 2026-03-01T21:00:00Z "
            "(the level jumped as if the unit had changed; the readings fit degC)"
        ),
        value=None,
        threshold=None,
        last_seen=MONDAY + timedelta(minutes=30),
        reading_count=3,
        resolved=True,
        resolved_at=MONDAY + timedelta(minutes=60),
        settled_at=MONDAY + timedelta(minutes=60),
        source="data",
    )


def test_a_fault_that_goes_on_is_open_and_one_that_returns_later_is_another(rules: AlertsSection) -> None:
    kind = "discharge_temp_f_unit_change"
    assert _spans(_find(rules, [CELSIUS], [], [], [CELSIUS], [])) == [(kind, 0, 30, 2, None)]
    assert _spans(_find(rules, [CELSIUS], [], [], [], [CELSIUS])) == [(kind, 0, 0, 1, 30), (kind, 40, 40, 1, None)]
    assert _spans(_find(rules, [CELSIUS], *[[]] * 5, [CELSIUS], step=5)) == [(kind, 0, 30, 2, None)]


def test_each_sensor_and_fault_has_its_own_alert(rules: AlertsSection) -> None:
    found = _find(rules, [CELSIUS], [CELSIUS, STUCK], [Fault(VIBRATION, ZERO, SINCE_US)])
    assert _spans(found) == [
        ("discharge_temp_f_unit_change", 0, 10, 2, None),
        ("vibration_mms_frozen", 10, 10, 1, None),
        ("vibration_mms_zero", 20, 20, 1, None),
    ]


@pytest.mark.parametrize("kind", [FROZEN, ZERO])
def test_a_dead_link_is_one_alert_and_hides_no_other_fault(rules: AlertsSection, kind: str) -> None:
    dead = [Fault(sensor, kind, SINCE_US) for sensor in SENSORS]
    found = _find(rules, dead, [*dead, CELSIUS], [], [], [])
    assert _spans(found) == [(f"all_{kind}", 0, 10, 2, 40), ("discharge_temp_f_unit_change", 10, 10, 1, 40)]
    assert found[0].message.startswith(f"every sensor {kind} since 2026-03-01T21:00:00Z (")
    assert "the link is dead" in found[0].message


def test_sensors_seen_to_be_frozen_just_before_the_others_are_the_dead_links(rules: AlertsSection) -> None:
    assert _spans(_find(rules, DEAD[:2], DEAD[:4], DEAD, DEAD)) == [("all_frozen", 20, 30, 2, None)]


def test_an_old_fault_waits_while_the_link_is_dead_and_goes_on_after_it(rules: AlertsSection) -> None:
    found = _find(rules, *[[STUCK]] * 5, DEAD, DEAD, DEAD, DEAD, [STUCK], [], [], [])
    assert _spans(found) == [("vibration_mms_frozen", 0, 90, 6, 120), ("all_frozen", 50, 80, 4, 110)]


def test_sensors_that_stay_frozen_when_the_link_is_back_are_named(rules: AlertsSection) -> None:
    assert _spans(_find(rules, DEAD, [STUCK], [STUCK])) == [("all_frozen", 0, 0, 1, None), ("vibration_mms_frozen", 10, 20, 2, None)]


def test_no_limit_on_alerts_of_one_window_hides_a_fault(rules: AlertsSection) -> None:
    faults = [Fault(sensor, kind, SINCE_US) for sensor in SENSORS[:4] for kind in (FROZEN, ZERO)]
    assert len(_find(rules, faults)) == 8 > rules.most_per_window.value


def test_sound_readings_and_none_raise_nothing(rules: AlertsSection) -> None:
    assert _find(rules, [], []) == []
    assert _find(rules) == []
