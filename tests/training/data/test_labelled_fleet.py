"""Labels of a fleet: failures tell the remaining life, repairs and the end of the data only bound it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from config.errors import ModelError
from config.sections.model import LabelSection
from features.contract import FEATURES, HOUR_VALUES, MODEL_SENSORS
from features.grid import History
from training.data.labelled_fleet import label_fleet, life_labels

START = datetime(2026, 1, 1, tzinfo=UTC)
LABELS = LabelSection(max_rul_days=30, horizon_days=3, censored="bound")


def days(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, np.float64)


def history(hours: int, units: int = 1) -> History:
    values = np.ones((units * hours, len(FEATURES)), np.float32)
    return History(values, [f"COMP-{number:03d}" for number in range(1, units + 1)], START, hours)


def events(*rows: tuple[str, float, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "compressor_id": [row[0] for row in rows],
            "event_date": [START + timedelta(days=row[1]) for row in rows],
            "event_type": [row[2] for row in rows],
        },
        schema={"compressor_id": pl.String, "event_date": pl.Datetime("us", "UTC"), "event_type": pl.String},
    )


def test_the_label_is_the_time_to_the_next_failure() -> None:
    labels = life_labels(days(0, 4, 6), days(5, 8), days(), observed_until=9, max_rul=30)
    assert labels.rul.tolist() == [5, 1, 2]
    assert labels.censored.tolist() == [False, False, False]


def test_after_the_last_failure_the_life_that_was_seen_bounds_the_label() -> None:
    labels = life_labels(days(6, 8), days(5), days(), observed_until=9, max_rul=30)
    assert labels.rul.tolist() == [3, 1]
    assert labels.censored.tolist() == [True, True]


def test_a_repair_before_the_failure_censors_the_life_it_cut_short() -> None:
    labels = life_labels(days(1, 5, 7), days(8), days(6), observed_until=9, max_rul=30)
    assert labels.rul.tolist() == [5, 1, 1]
    assert labels.censored.tolist() == [True, True, False]


def test_a_repair_after_the_data_ends_changes_nothing() -> None:
    labels = life_labels(days(1), days(), days(20), observed_until=9, max_rul=30)
    assert (labels.rul.tolist(), labels.censored.tolist()) == ([8], [True])


def test_labels_are_capped() -> None:
    assert life_labels(days(0), days(100), days(), observed_until=100, max_rul=30).rul.tolist() == [30]


def test_every_compressor_gets_its_own_events_and_inspections_reset_nothing() -> None:
    fleet = label_fleet(history(48, units=2), events(("COMP-002", 1.5, "inspection"), ("COMP-002", 2.0, "failure")), LABELS, min_steps=18)
    first, second = (fleet.index.unit == 0), (fleet.index.unit == 1)
    assert fleet.index.censored[first].all()
    assert not fleet.index.censored[second].any()
    assert fleet.failed_units().tolist() == [False, True]
    last = np.flatnonzero(second)[-1]
    assert fleet.index.rul[last] == pytest.approx(1 / 24)


def test_a_window_needs_data_in_enough_of_its_steps_and_at_its_last() -> None:
    past = history(30)
    past.values[20] = np.nan
    fleet = label_fleet(past, events(), LABELS, min_steps=18)
    assert fleet.index.end.tolist() == [17, 18, 19, *range(21, 30)]


def test_no_window_at_all_is_an_error() -> None:
    with pytest.raises(ModelError, match="no compressor has 18 h of features"):
        label_fleet(history(10), events(), LABELS, min_steps=18)


def test_a_stride_keeps_the_same_hours_of_every_compressor() -> None:
    fleet = label_fleet(history(31, units=2), events(), LABELS, min_steps=18)
    kept = fleet.every(fleet.index, 6)
    assert (kept.end % 31).tolist() == [18, 24, 30, 18, 24, 30]


@pytest.mark.parametrize("sensor", MODEL_SENSORS)
def test_hours_whose_values_were_refused_are_no_ground_to_learn_from(sensor: str) -> None:
    past = history(70)
    # as gold has it: no value of the sensor in these hours; its long averages and all other features are there
    past.values[30:45, FEATURES.index(HOUR_VALUES[sensor])] = np.nan
    fleet = label_fleet(past, events(), LABELS, min_steps=18)
    ends = set(fleet.index.end.tolist())
    # scoring predicts as long as 18 of 24 hours are sound, so training learns from the same windows and from no others
    assert ends == {*range(17, 36), *range(62, 70)}
