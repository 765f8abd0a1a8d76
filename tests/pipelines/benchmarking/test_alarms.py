"""The benchmark of alarms: predictions as `score` writes them, and fleets summed up."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from config.settings import Settings
from monitoring.evaluation.alert_leads import AlertedFailure
from pipelines.benchmarking.alarm_predictions import hourly_predictions
from pipelines.benchmarking.alarm_totals import (
    WITH_GROUPING,
    WITHOUT_GROUPING,
    FleetAlarms,
    compare_targets,
    describe_fleet,
    pool_loads,
    sum_failures,
    sum_verdicts,
)
from pipelines.views.alerts import show_alarm_benchmark
from serving.alerts.kpis import Alarm, measure_alarms
from tests.monitoring.evaluation import test_reason_cases as known

START = datetime(2026, 3, 2, tzinfo=UTC)
NAN = float("nan")


def test_every_hour_has_the_row_that_score_would_have_written(settings: Settings) -> None:
    rows = list(hourly_predictions(settings, known.fleet(), known.model()))
    assert len(rows) == 2 * known.HOURS
    assert [row.status for row in rows[:24]] == ["insufficient_history"] * 23 + ["ok"]  # a window takes a day
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=28)
    (ailing,) = [row for row in rows if (row.compressor_id, row.prediction_timestamp) == ("A", moment)]
    assert (ailing.rul_days, ailing.health, ailing.failure_probability) == (1.0, "critical", 0.9667)  # 25 - 10 x 3 x 0.8
    assert ailing.act_by is not None
    assert moment.date() <= ailing.act_by <= moment.date() + timedelta(days=settings.costs.plan_days.value)
    assert (rows[24].rul_days, rows[24].health) == (25.0, "healthy")


def _fleet(settings: Settings, seed: int, times: int, *failures: AlertedFailure) -> FleetAlarms:
    """Two compressors for two days, whose first one is heard `times` times in the first hour."""
    found = [Alarm("C-1", f"type_{n}", "S-1", "threshold", START + timedelta(minutes=n), None, None, None) for n in range(times)]
    load = measure_alarms(found, START, START + timedelta(days=2), settings.quality.alarm_kpis)
    heard = np.array([times, 0.0])
    return FleetAlarms(
        seed=seed,
        compressors=["C-1", "C-2"],
        loads={WITH_GROUPING: load, WITHOUT_GROUPING: load},
        by_compressor={WITH_GROUPING: heard, WITHOUT_GROUPING: heard},
        failures=list(failures),
        verdicts=Counter({("threshold", "true"): times}),
    )


def _failure(compressor_id: str, lead: float, *, caught: bool = True) -> AlertedFailure:
    leads = {"any": lead, "threshold": lead, "own_normal": NAN, "prediction": NAN}
    return AlertedFailure(compressor_id, "bearing", caught, leads)


@pytest.fixture
def fleets(settings: Settings) -> list[FleetAlarms]:
    return [_fleet(settings, 1, 4, _failure("C-1", 5.0), _failure("C-2", 1.0)), _fleet(settings, 2, 8, _failure("C-2", NAN, caught=False))]


def test_the_load_over_fleets_has_an_interval_under_other_compressors(settings: Settings, fleets: list[FleetAlarms]) -> None:
    pooled = pool_loads(settings, fleets, WITH_GROUPING)
    assert (pooled["hours"], pooled["alarms"], pooled["per_hour"], pooled["most_in_an_hour"]) == (96, 12, 0.125, 8)
    low, high = pooled["per_hour_interval"]
    assert low < 0.125 < high
    assert pooled["by_source"] == {"threshold": 12}


def test_failures_are_counted_by_whether_an_alert_came_in_time(settings: Settings, fleets: list[FleetAlarms]) -> None:
    found = sum_failures(settings, fleets)
    assert [found[kind]["failures"] for kind in ("all", "caught")] == [3, 2]
    assert (found["all"]["any"]["with_an_alert"], found["all"]["any"]["in_time"]) == (2, 1)
    assert (found["caught"]["any"]["share_in_time"], found["caught"]["any"]["lead_days"]["q50"]) == (0.5, 3.0)
    assert found["caught"]["own_normal"]["lead_days"] is None
    assert sum_verdicts(fleets) == {"threshold": {"true": 12, "false": 0, "undecided": 0}}


def test_a_missed_target_is_told(settings: Settings, fleets: list[FleetAlarms], capsys: pytest.CaptureFixture[str]) -> None:
    targets = compare_targets(settings, fleets)
    assert [(row["measured"], row["met"]) for row in targets] == [(0.125, True), (0, True), (0, True), (1, False)]
    result: dict[str, Any] = {
        "model_version": "1",
        "fleets": [describe_fleet(fleet) for fleet in fleets],
        "failures": sum_failures(settings, fleets),
        "verdicts": sum_verdicts(fleets),
        "targets": targets,
        "seconds": 1,
    }
    show_alarm_benchmark(result)
    shown = capsys.readouterr().out
    assert "missed" in shown
    assert "threshold alerts: 12 true, 0 false, 0 undecided" in shown
