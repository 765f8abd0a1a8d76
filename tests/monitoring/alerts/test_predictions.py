"""Alerts from predictions: limits from scoring.yaml (14 and 7 days) and quality.yaml (3 in a row raise, 3 resolve)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from config.settings import Settings
from monitoring.alerts.predictions import LIFE, PROBABILITY, REPAIR, PredictionAlertRules, find_prediction_alerts
from serving.warehouse.alerts import Alert
from serving.warehouse.prediction_points import PredictionPoint, Renewal

START = datetime(2026, 3, 2, tzinfo=UTC)
QUIET = PredictionPoint(START, 25.0, 20.0, 30.0, 0.01, 3.0, None, "no sensor shortens the life")
NOTHING = replace(QUIET, rul_days=None, rul_lower_days=None, rul_upper_days=None, failure_probability=None)


@pytest.fixture(scope="module")
def rules(settings: Settings) -> PredictionAlertRules:
    return PredictionAlertRules.of(settings.quality, settings.scoring.health)


def _at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def _hour(moment: datetime | None) -> float | None:
    return None if moment is None else (moment - START) / timedelta(hours=1)


def _lives(*days: float | None) -> list[PredictionPoint]:
    """One prediction an hour with these lives; None: without numbers."""
    return [
        replace(NOTHING, at=_at(hour))
        if life is None
        else replace(QUIET, at=_at(hour), rul_days=life, rul_lower_days=life / 2, rul_upper_days=life * 2)
        for hour, life in enumerate(days)
    ]


def _find(points: Sequence[PredictionPoint], rules: PredictionAlertRules, *renewals: Renewal) -> list[Alert]:
    return find_prediction_alerts("C-1", points, renewals, rules)


def _spans(alerts: Sequence[Alert]) -> list[tuple[float | None, ...]]:
    """Hours of the first prediction, the raising, becoming critical, the last prediction and the resolution."""
    moments = [(a.alert_timestamp, a.raised_at, a.critical_at, a.last_seen, a.resolved_at) for a in alerts]
    return [tuple(map(_hour, own)) for own in moments]


def test_a_short_life_is_one_alert_with_the_worst_prediction(rules: PredictionAlertRules) -> None:
    points = [*_lives(20, 14, 12), replace(_lives(9.5)[0], at=_at(3), reason="vibration rises"), *_lives(0, 0, 0, 0, 10)[4:]]
    assert _find(points, rules) == [
        Alert(
            compressor_id="C-1",
            alert_type=LIFE,
            alert_timestamp=_at(1),
            raised_at=_at(3),
            critical_at=None,
            severity="warning",
            message="remaining life 9.5 days (4.8 to 19.0) is at or below warning 14 days: vibration rises",
            value=9.5,
            threshold=14.0,
            last_seen=_at(4),
            reading_count=4,
            resolved=False,
            resolved_at=None,
            settled_at=None,
            source="prediction",
        )
    ]


def test_one_wobbling_prediction_raises_nothing(rules: PredictionAlertRules) -> None:
    assert _find(_lives(20, 3, 20, 12, 13, 20, 5, 5, 20), rules) == []


def test_the_deadband_keeps_an_alert_but_asks_for_none(rules: PredictionAlertRules) -> None:
    assert _find(_lives(*[14.5] * 9), rules) == []
    standing = _find(_lives(10, 10, 10, *[14.5] * 9), rules)
    assert _spans(standing) == [(0, 2, None, 11, None)]
    assert _spans(_find(_lives(10, 10, 10, 15.1, 15.1, 14.9, 15.1, 15.1, 15.1), rules)) == [(0, 2, None, 5, 8)]


def test_it_becomes_critical_when_that_has_lasted_too(rules: PredictionAlertRules) -> None:
    (alert,) = _find(_lives(10, 10, 6, 6, 8, 6, 5, 7, 10), rules)
    assert (alert.severity, alert.value, alert.threshold) == ("critical", 5.0, 7.0)
    assert _spans([alert]) == [(0, 2, 7, 8, None)]
    assert "is at or below critical 7 days" in alert.message


def test_predictions_without_numbers_neither_count_nor_resolve(rules: PredictionAlertRules) -> None:
    assert _find(_lives(10, 10, None, None), rules) == []
    assert _spans(_find(_lives(10, None, 10, None, 10, None, 20, 20, None, None), rules)) == [(0, 4, None, 4, None)]
    assert _spans(_find(_lives(10, 10, 10, 20, None, 20, 20), rules)) == [(0, 2, None, 2, 6)]


def test_one_hour_counts_once_however_often_it_is_scored(rules: PredictionAlertRules) -> None:
    burst = [replace(_lives(5)[0], at=START + timedelta(minutes=minute)) for minute in range(0, 60, 5)]
    assert _find(burst, rules) == []
    hourly = [*burst, *_lives(5, 5, 5)[1:]]
    assert _spans(_find(hourly, rules)) == [(0, 2, 2, 2, None)]


def test_a_repair_ends_the_alert_and_what_its_window_saw_does_not_count(rules: PredictionAlertRules) -> None:
    repair = Renewal(_at(3.5), _at(10))
    points = _lives(*[5.0] * 33)  # the first window after the repair ends at hour 34
    assert _spans(_find(points, rules, repair)) == [(0, 2, 2, 3, 3.5)]
    later = _lives(*[5.0] * 40)
    assert _spans(_find(later, rules, repair)) == [(0, 2, 2, 3, 3.5), (34, 36, 36, 39, None)]


def test_a_repair_to_come_ends_nothing_yet(rules: PredictionAlertRules) -> None:
    assert _spans(_find(_lives(5, 5, 5), rules, Renewal(_at(2.5), _at(9)))) == [(0, 2, 2, 2, None)]


def test_a_likely_failure_is_an_alert(rules: PredictionAlertRules) -> None:
    points = [replace(QUIET, at=_at(hour), failure_probability=share) for hour, share in enumerate([0.2, 0.3, 0.62, 0.16, 0.4])]
    (alert,) = _find(points, rules)
    assert (alert.alert_type, alert.severity, alert.value, alert.threshold) == (PROBABILITY, "warning", 0.62, 0.2)
    assert alert.message.startswith("failure within 3 days: 62 % is at or above warning 20 %; remaining life 25.0 days (20.0 to 30.0): ")


def test_a_repair_due_soon_is_an_alert_until_there_is_no_day(rules: PredictionAlertRules) -> None:
    due = [replace(QUIET, at=_at(hour), act_by=date(2026, 3, 5)) for hour in range(4)]
    (alert,) = _find(due, rules)
    assert (alert.alert_type, alert.severity, alert.value, alert.threshold) == (REPAIR, "warning", 3.0, 3.0)
    assert alert.message.startswith(
        "repair due 2026-03-05, 3 days after 2026-03-02, is at or below warning 3 days; remaining life 25.0 days"
    )
    gone = [*due, *(replace(QUIET, at=_at(hour)) for hour in (4, 5, 6))]
    assert _spans(_find(gone, rules)) == [(0, 2, None, 3, 6)]
    today = [replace(QUIET, at=_at(hour), act_by=date(2026, 3, 2)) for hour in range(4)]
    assert [(own.severity, own.value) for own in _find(today, rules)] == [("critical", 0.0)]


def test_each_type_has_its_own_alert(rules: PredictionAlertRules) -> None:
    points = [replace(QUIET, at=_at(hour), rul_days=2.0, failure_probability=0.9, act_by=date(2026, 3, 2)) for hour in range(3)]
    assert [alert.alert_type for alert in _find(points, rules)] == [PROBABILITY, LIFE, REPAIR]
