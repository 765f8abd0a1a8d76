from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from config.errors import NoDataError
from monitoring.maintenance.complete_lives import HourlyPredictions, PredictedFleet, pool

START = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
FIRST_MARK = datetime(2026, 1, 1, 1, tzinfo=UTC)
HOURS = 100


def judged(*rows: tuple[str, int, float, float, str]) -> PredictedFleet:
    """Lives in hours since START; what is told at an hour of the grid is its number, of the second compressor 1000 more."""
    lives = [(name, number, START + timedelta(hours=begin), START + timedelta(hours=end), how) for name, number, begin, end, how in rows]
    truth = pl.DataFrame(lives, schema=["compressor_id", "life", "start", "end", "ended_by"], orient="row")
    hour = np.arange(HOURS) + np.array([[0], [1000]])
    return PredictedFleet(["A", "B"], FIRST_MARK, HourlyPredictions(hour, hour + 0.5, hour.astype(np.float32)), truth)


def test_complete_lives_bring_the_hours_from_their_renewal_to_their_failure() -> None:
    fleet = judged(
        ("A", 1, 0, 9, "failure"),
        ("A", 2, 10, 30, "failure"),  # 10:10 to 30:10: the marks 11:00 to 30:00, which are hours 10 to 29 of the grid
        ("A", 3, 31, 40, "maintenance"),
        ("A", 4, 41, 100, "censored"),
        ("B", 1, 0, 20, "maintenance"),
        ("B", 2, 20.5, 24, "failure"),  # 20:40 to 24:10
    )
    found = pool([fleet])
    hours = [*range(10, 30), *range(1020, 1024)]
    assert (found.predictions.due_days.tolist(), found.predictions.status.tolist()) == (hours, hours)
    assert found.predictions.rul_days.tolist() == [hour + 0.5 for hour in hours]
    assert (found.lives.first.tolist(), found.lives.hours.tolist(), found.lives.source.tolist()) == ([0, 20], [20, 4], [0, 1])
    assert found.facts == {
        "complete": 2,
        "compressors": 2,
        "began_before_the_data": 2,
        "cut_by_repair_or_service": 1,
        "cut_by_end_of_data": 1,
        # of the three that reached 9 hours one was cut then: the life of 20 hours stands for half another one
        "mean_days": round((1 * 4 + 1.5 * 20) / 2.5 / 24, 1),
    }


def test_compressors_of_two_fleets_with_one_name_are_two() -> None:
    fleet = judged(("A", 1, 0, 5, "failure"), ("A", 2, 6, 20, "failure"))
    assert pool([fleet, fleet]).lives.source.tolist() == [0, 1]


def test_without_a_complete_life_there_is_nothing_to_compare() -> None:
    with pytest.raises(NoDataError, match="no life of the unseen fleets"):
        pool([judged(("A", 1, 0, 20, "failure"), ("A", 2, 21, 90, "censored"))])
