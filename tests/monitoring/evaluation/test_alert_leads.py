"""Alerts before failures: an alert means a failure when it still stands at most 14 days before it."""

from __future__ import annotations

import math

import pytest

from config.sections.evaluation import ProtocolSection
from config.settings import Settings
from monitoring.evaluation.alarms import FALSE, TRUE, UNDECIDED, Failure, WatchedLife
from monitoring.evaluation.alert_leads import StandingAlert, alert_verdicts, alerted_failures

NAN, EVER = float("nan"), float("inf")
FAILED = WatchedLife(0, 20, "failure", 20, "bearing", 6)
REPAIRED = WatchedLife(20, 30, "maintenance", 33, "valve", 5)
HEALTHY = WatchedLife(30, 50, "censored", NAN, "", NAN)
CAUGHT, MISSED = Failure("bearing", 6, True, 5, 15), Failure("bearing", 6, False, NAN)


@pytest.fixture(scope="module")
def protocol(settings: Settings) -> ProtocolSection:
    return settings.evaluation.protocol


def test_the_first_alert_that_still_stands_in_the_last_two_weeks_leads(protocol: ProtocolSection) -> None:
    alerts = [
        StandingAlert("threshold", 2, 5.9),  # over before the last 14 days
        StandingAlert("threshold", 4, 6),
        StandingAlert("prediction", 15, 20),
        StandingAlert("own_normal", 21, EVER),  # of the next life
    ]
    (failure,) = alerted_failures("C-1", [FAILED, REPAIRED], [CAUGHT], alerts, protocol)
    assert (failure.compressor_id, failure.caught) == ("C-1", True)
    assert (failure.lead_days["any"], failure.lead_days["threshold"], failure.lead_days["prediction"]) == (16, 16, 5)
    assert math.isnan(failure.lead_days["own_normal"])


def test_a_failure_without_an_alert_has_no_lead(protocol: ProtocolSection) -> None:
    (failure,) = alerted_failures("C-1", [FAILED], [MISSED], [], protocol)
    assert not failure.caught
    assert math.isnan(failure.lead_days["any"])


def test_an_alert_is_judged_by_the_life_that_was_left(protocol: ProtocolSection) -> None:
    alerts = [StandingAlert("threshold", moment, EVER) for moment in (5, 6, 20, 25, 31, 40)]
    alerts.append(StandingAlert("prediction", 12, EVER))
    assert alert_verdicts([FAILED, REPAIRED, HEALTHY], alerts, protocol) == {
        ("threshold", FALSE): 2,  # 15 days left, and healthy for more than 14
        ("threshold", TRUE): 3,
        ("threshold", UNDECIDED): 1,
        ("prediction", TRUE): 1,
    }
