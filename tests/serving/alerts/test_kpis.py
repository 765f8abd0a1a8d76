"""The load of alarms: 6 an hour, a flood from more than 10 in 10 minutes until fewer than 5, stale after 24 h, three times a day chatters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.sections.planner.alarms import AlarmKpisSection
from config.settings import Settings
from serving.alerts.kpis import Alarm, AlarmKpis, Flood, FrequentAlarm, PriorityShare, delivered_at, measure_alarms
from serving.warehouse.alerts import Source

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(days=2)


@pytest.fixture(scope="module")
def rules(settings: Settings) -> AlarmKpisSection:
    return settings.quality.alarm_kpis


def _at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def _alarm(
    minutes: float,
    *,
    compressor_id: str = "C-1",
    alert_type: str = "vibration_mms_high",
    critical: float | None = None,
    resolved: float | None = None,
    acknowledged: float | None = None,
    source: Source = "threshold",
) -> Alarm:
    later = [None if moment is None else _at(moment) for moment in (critical, resolved, acknowledged)]
    return Alarm(compressor_id, alert_type, f"S-{compressor_id[-1]}", source, _at(minutes), *later)


def _measure(rules: AlarmKpisSection, *alarms: Alarm) -> AlarmKpis:
    return measure_alarms(alarms, START, END, rules)


def test_an_alert_is_heard_when_raised_and_again_when_it_becomes_critical(rules: AlarmKpisSection) -> None:
    kpis = _measure(rules, _alarm(10), _alarm(20, critical=20), _alarm(30, critical=90), _alarm(40, critical=2 * 1440 + 1), _alarm(-1))
    assert (kpis.hours, kpis.alerts, kpis.annunciations) == (48, 4, 5)
    assert kpis.by_reading_time.per_hour == kpis.as_delivered.per_hour == round(5 / 48, 4)
    assert kpis.by_reading_time.most_in_an_hour == 4
    assert kpis.priority_mix == {"critical": PriorityShare(2, 0.4, 0.05), "warning": PriorityShare(3, 0.6, 0.95)}


def test_operators_share_the_load(rules: AlarmKpisSection) -> None:
    two = rules.model_copy(update={"operators": rules.operators.model_copy(update={"value": 2.0})})
    alarms = [_alarm(number / 100) for number in range(16)]
    assert _measure(rules, *alarms).by_reading_time.flooded_periods > 0
    kpis = _measure(two, *alarms)
    assert (kpis.by_reading_time.most_in_a_period, kpis.by_reading_time.floods) == (8, [])


def test_an_hourly_cycle_delivers_an_hour_at_once(rules: AlarmKpisSection) -> None:
    assert delivered_at(_at(60), timedelta(hours=1)) == _at(60)
    assert delivered_at(_at(60.1), timedelta(hours=1)) == _at(120)
    kpis = _measure(rules, *(_alarm(number * 5, compressor_id=f"C-{number}") for number in range(1, 12)))
    assert (kpis.by_reading_time.most_in_a_period, kpis.by_reading_time.floods) == (2, [])
    assert (kpis.as_delivered.most_in_a_period, kpis.as_delivered.flooded_periods) == (11, round(1 / 288, 4))
    assert [(flood.start, flood.end, flood.alarms) for flood in kpis.as_delivered.floods] == [(_at(60), _at(70), 11)]


def test_a_flood_lasts_until_few_alarms_come_and_names_its_cause(rules: AlarmKpisSection) -> None:
    wave = [_alarm(100 + number / 10, compressor_id=f"C-{number % 3}", alert_type="all_frozen") for number in range(11)]
    ebbing = [_alarm(110 + number, alert_type=f"type_{number}") for number in range(5)]
    after = [_alarm(120 + number, alert_type=f"type_{number}") for number in range(4)]
    kpis = _measure(rules, *wave, *ebbing, *after)
    assert kpis.by_reading_time.floods == [Flood(_at(100), _at(120), 16, 3, 3, 6, "compressor C-1", 0.5625)]
    assert kpis.by_reading_time.flooded_periods == round(1 / 288, 4)


def test_a_flood_that_nothing_explains_has_no_cause(rules: AlarmKpisSection) -> None:
    alarms = [_alarm(number / 10, compressor_id=f"C-{number}", alert_type=f"type_{number}") for number in range(12)]
    (flood,) = _measure(rules, *alarms).by_reading_time.floods
    assert (flood.alarms, flood.compressors, flood.types, flood.cause) == (12, 12, 12, None)


def test_what_stands_for_more_than_a_day_is_stale(rules: AlarmKpisSection) -> None:
    day = 24 * 60
    kpis = _measure(rules, _alarm(0, resolved=day), _alarm(0, resolved=day + 10), _alarm(0, source="prediction"), _alarm(day + 10))
    assert (kpis.stale, kpis.stale_by_source, kpis.standing) == (2, {"prediction": 1, "threshold": 1}, 2)


def test_what_comes_three_times_a_day_chatters(rules: AlarmKpisSection) -> None:
    day = 24 * 60
    chatters = [_alarm(minutes) for minutes in (0, 600, day)]
    calm = [_alarm(minutes, compressor_id="C-2") for minutes in (0, 600, day + 1)]
    others = [_alarm(minutes, alert_type=f"type_{minutes}") for minutes in range(3)]
    kpis = _measure(rules, *chatters, *calm, *others)
    assert (kpis.chattering, kpis.chattering_share) == (1, round(3 / 9, 4))


def test_what_is_over_within_an_hour_is_fleeting(rules: AlarmKpisSection) -> None:
    kpis = _measure(rules, _alarm(0, resolved=60), _alarm(0, resolved=61), _alarm(2 * 1440 - 30))
    assert (kpis.fleeting, kpis.fleeting_share) == (1, round(1 / 3, 4))


def test_the_most_frequent_come_first(rules: AlarmKpisSection) -> None:
    kpis = _measure(rules, _alarm(0), _alarm(1, compressor_id="C-2"), _alarm(2), *(_alarm(3, alert_type=f"t{n}") for n in range(9)))
    assert kpis.most_frequent[0] == FrequentAlarm("C-1", "vibration_mms_high", 2, round(2 / 12, 4))
    assert (len(kpis.most_frequent), kpis.most_frequent_share) == (10, round(11 / 12, 4))


def test_alarms_that_nobody_took_are_counted(rules: AlarmKpisSection) -> None:
    kpis = _measure(rules, _alarm(0, acknowledged=5), _alarm(0), _alarm(0, acknowledged=2 * 1440 + 1))
    assert (kpis.unacknowledged, kpis.unacknowledged_share) == (2, round(2 / 3, 4))


def test_a_quiet_period_has_no_shares(rules: AlarmKpisSection) -> None:
    kpis = _measure(rules)
    assert (kpis.annunciations, kpis.fleeting_share, kpis.most_frequent, kpis.by_reading_time.per_hour) == (0, 0.0, [], 0.0)
    with pytest.raises(ValueError, match="must not be empty"):
        measure_alarms([], START, START, rules)
