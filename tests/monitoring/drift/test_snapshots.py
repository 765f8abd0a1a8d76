"""Looks at a history whose features and predicted lives can be worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from features.contract import FEATURES
from features.grid import History
from features.model_file.onnx_model import OnnxModel
from monitoring.drift.snapshots import COMPARED, FleetSnapshots, take_snapshots
from tests.serving.gold import mean_model

START = datetime(2026, 3, 2, tzinfo=UTC)
MIN_STEPS = 18


def history(*compressors: list[float]) -> History:
    """Hourly vibration of each compressor; every other feature is 1, and an hour without a number has no row."""
    hours = len(compressors[0])
    values = np.ones((len(compressors) * hours, len(FEATURES)), np.float32)
    values[:, 0] = np.concatenate([np.array(series) for series in compressors])
    values[np.isnan(values[:, 0])] = np.nan
    return History(values, [f"C-{number}" for number in range(1, len(compressors) + 1)], START, hours)


def take(past: History, stride_hours: int = 4) -> FleetSnapshots:
    return take_snapshots(past, OnnxModel(mean_model().onnx, 1), stride_hours, MIN_STEPS, 64)


def test_looks_go_back_from_the_last_hour_and_a_window_with_too_little_data_has_no_prediction() -> None:
    snapshots = take(history([float(hour) for hour in range(30)]))
    assert snapshots.values[0, :, 0].tolist() == [1, 5, 9, 13, 17, 21, 25, 29]
    assert np.isnan(snapshots.rul[0]).tolist() == [True] * 4 + [False] * 4
    assert snapshots.rul[0, -2:].tolist() == [np.mean(range(2, 26)), np.mean(range(6, 30))]


def test_an_hour_without_a_row_has_neither_features_nor_a_prediction() -> None:
    snapshots = take(history([3.0] * 25 + [np.nan] + [3.0] * 4, [7.0] * 30))
    assert np.isnan(snapshots.values[0, :, 0]).tolist() == [False] * 6 + [True, False]
    assert np.isnan(snapshots.rul[:, 6:]).tolist() == [[True, False], [False, False]]
    assert snapshots.rul[:, 7].tolist() == [3, 7]


def test_calendar_and_statuses_are_not_looked_at() -> None:
    assert len(COMPARED) == 18
    assert take(history([1.0] * 30)).values.shape == (1, 8, 18)


def test_healthy_is_a_predicted_life_above_the_limit() -> None:
    snapshots = FleetSnapshots(np.zeros((1, 4, len(COMPARED)), np.float32), np.array([[np.nan, 13, 14, 14.5]], np.float32), 4)
    assert snapshots.healthy(14).tolist() == [[False, False, False, True]]


def test_known_counts_from_the_first_prediction_of_anybody() -> None:
    rul = np.array([[np.nan, np.nan, np.nan, 5], [np.nan, 5, np.nan, np.nan]], np.float32)
    snapshots = FleetSnapshots(np.zeros((2, 4, len(COMPARED)), np.float32), rul, 4)
    assert (snapshots.known, snapshots.newest(2).known, snapshots.newest(2).rul.shape) == (3, 1, (2, 2))
    assert FleetSnapshots(snapshots.values, np.full_like(rul, np.nan), 4).known == 0
