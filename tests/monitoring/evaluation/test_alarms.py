"""When an alarm is raised, and whether it was right."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from config.sections.evaluation import ProtocolSection
from monitoring.evaluation.alarms import (
    FALSE,
    TRUE,
    UNDECIDED,
    Watch,
    WatchedLife,
    alarm_spans,
    judge,
    lives_by_compressor,
    watch_compressor,
)

NAN = float("nan")
FAILED = WatchedLife(0.0, 30.0, "failure", 30.0, "ring_wear", 10.0)
MENDED = WatchedLife(0.0, 20.0, "maintenance", 25.0, "ring_wear", 10.0)
SERVICED_HEALTHY = WatchedLife(0.0, 20.0, "maintenance", NAN, "", NAN)
CUT_WHILE_DEGRADING = WatchedLife(0.0, 20.0, "censored", 26.0, "ring_wear", 10.0)
CUT_WHILE_HEALTHY = WatchedLife(0.0, 20.0, "censored", NAN, "", NAN)


def asking(*spans: tuple[float, float], days: float = 40.0) -> np.ndarray:
    """Hours 0, 1/24, ... `days` that ask for an alarm: those within one of the closed `spans`, in days."""
    hours = np.arange(int(days * 24) + 1) / 24
    return np.any([(first <= hours) & (hours <= last) for first, last in spans], axis=0) if spans else np.zeros(len(hours), bool)


def watch(asks: np.ndarray, lives: list[WatchedLife], protocol: ProtocolSection, predicted: np.ndarray | None = None) -> Watch:
    hours = np.arange(len(asks)) / 24
    return watch_compressor(hours, np.ones(len(asks), bool) if predicted is None else predicted, asks, lives, protocol)


@pytest.mark.parametrize(
    ("asks", "spans"),
    [
        ([0, 1, 1, 0, 1, 1, 0], []),
        ([0, 1, 1, 1, 0, 0, 0], [[3, 3]]),
        ([1, 1, 1, 1, 1, 0, 1], [[2, 4]]),
        ([1, 1, 1, 0, 1, 1, 1], [[2, 2], [6, 6]]),
        ([], []),
    ],
)
def test_an_alarm_is_raised_at_the_third_hour_in_a_row_and_stands_until_the_run_ends(asks: list[int], spans: list[list[int]]) -> None:
    assert alarm_spans(np.array(asks, bool), 3).tolist() == spans


def test_an_hour_without_a_prediction_breaks_the_run(protocol: ProtocolSection) -> None:
    asks, predicted = asking((10.0, 10.0 + 4 / 24)), np.ones(40 * 24 + 1, bool)
    assert len(watch(asks, [FAILED], protocol, predicted).alarms) == 1
    predicted[10 * 24 + 2] = False
    assert not watch(asks, [FAILED], protocol, predicted).alarms


def test_a_repair_clears_the_alarm_and_the_run(protocol: ProtocolSection) -> None:
    lives = [FAILED, WatchedLife(30.0, 40.0, "censored", NAN, "", NAN)]
    seen = watch(asking((28.0, 30.0 + 2 / 24)), lives, protocol)
    assert [(round(alarm.raised * 24), alarm.last) for alarm in seen.alarms] == [(28 * 24 + 2, 30.0)]
    again = watch(asking((28.0, 30.0 + 3 / 24)), lives, protocol)
    assert [round(alarm.raised * 24) for alarm in again.alarms] == [28 * 24 + 2, 30 * 24 + 3]


@pytest.mark.parametrize(
    ("asks", "caught", "lead_days"),
    [
        (asking((26.0, 29.0)), True, 4.0),  # raised in time
        (asking((20.0, 26.9)), True, 10.0),  # in time, and withdrawn later
        (asking((14.0, 17.0)), True, 16.0),  # raised too early, but it stood when it was due
        (asking((12.0, 14.0)), False, NAN),  # withdrawn before it could mean this failure
        (asking((27.5, 30.0)), False, 2.5),  # too late
        (asking(), False, NAN),
    ],
)
def test_a_failure_is_caught_by_an_alarm_that_stands_between_fourteen_and_three_days_before_it(
    asks: np.ndarray, caught: bool, lead_days: float, protocol: ProtocolSection
) -> None:
    (failure,) = watch(asks, [FAILED], protocol).failures
    assert failure.caught is caught
    assert failure.lead_days == pytest.approx(lead_days - 2 / 24, nan_ok=True)  # the third hour raises it
    assert failure.mode == "ring_wear"


def test_an_alarm_of_the_life_before_catches_nothing(protocol: ProtocolSection) -> None:
    lives = [WatchedLife(0.0, 10.0, "failure", 10.0, "fouling", 6.0), WatchedLife(10.0, 17.0, "failure", 17.0, "fouling", 6.0)]
    assert [failure.caught for failure in watch(asking((5.0, 10.0)), lives, protocol).failures] == [True, False]


@pytest.mark.parametrize(
    ("life", "day", "verdict"),
    [
        (FAILED, 15.9, FALSE),
        (FAILED, 16.0, TRUE),
        (MENDED, 10.9, FALSE),  # 14.1 days before the failure that the repair prevented
        (MENDED, 11.0, TRUE),
        (SERVICED_HEALTHY, 19.0, FALSE),
        (CUT_WHILE_DEGRADING, 11.0, FALSE),
        (CUT_WHILE_DEGRADING, 12.0, TRUE),
        (CUT_WHILE_HEALTHY, 5.9, FALSE),
        (CUT_WHILE_HEALTHY, 6.0, UNDECIDED),
    ],
)
def test_an_alarm_is_judged_by_the_life_that_was_left(life: WatchedLife, day: float, verdict: str, protocol: ProtocolSection) -> None:
    assert judge(np.array([day]), life, protocol).tolist() == [verdict]


def test_healthy_hours_are_those_at_which_an_alarm_would_have_been_false(protocol: ProtocolSection) -> None:
    predicted = np.ones(40 * 24 + 1, bool)
    assert watch(asking(), [FAILED], protocol, predicted).healthy_hours == 16 * 24 - 1  # start < t < 16 d
    predicted[: 10 * 24] = False
    assert watch(asking(), [FAILED], protocol, predicted).healthy_hours == 6 * 24


def test_only_the_first_alarm_of_a_life_is_marked_as_such(protocol: ProtocolSection) -> None:
    lives = [FAILED, WatchedLife(30.0, 40.0, "censored", NAN, "", NAN)]
    alarms = watch(asking((20.0, 21.0), (25.0, 26.0), (35.0, 36.0)), lives, protocol).alarms
    assert [alarm.first_of_life for alarm in alarms] == [True, False, True]


def test_lives_follow_each_other_without_a_gap() -> None:
    def day(number: int) -> datetime:
        return datetime(2026, 1, number, tzinfo=UTC)

    truth = pl.DataFrame(
        {
            "compressor_id": ["A", "A"],
            "life": [1, 2],
            "end": [day(5), day(31)],
            "planned_failure": [day(5), None],
            "ended_by": ["failure", "censored"],
            "mode": ["fouling", None],
            "duration_days": [3.5, None],
        },
        schema_overrides={"planned_failure": pl.Datetime("us", "UTC")},
    )
    first, second = lives_by_compressor(truth, day(1))["A"]
    assert first == WatchedLife(float("-inf"), 4.0, "failure", 4.0, "fouling", 3.5)
    assert (second.start, second.end, second.ended_by, second.mode) == (4.0, 30.0, "censored", "")
    assert np.isnan([second.failure, second.degradation_days]).all()


def test_a_failure_is_caught_at_the_hour_its_first_alarm_in_time_was_raised(protocol: ProtocolSection) -> None:
    (failure,) = watch(asking((10.0, 11.0), (20.0, 22.0), (25.0, 30.0)), [FAILED], protocol).failures
    assert failure.caught_at == pytest.approx(20.0 + 2 / 24)  # the first one was withdrawn 19 days ahead
    (late,) = watch(asking((27.5, 30.0)), [FAILED], protocol).failures
    assert (late.caught, np.isnan(late.caught_at)) == (False, True)
