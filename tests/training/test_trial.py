"""Which windows of a fleet a trial learns from, and which ones it is measured by."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from config.settings import Settings
from features.contract import FEATURES
from features.grid import History
from features.model_file.onnx_model import Predictions
from training.data.dataset import WindowIndex
from training.data.labelled_fleet import LabelledFleet
from training.data.split import UnitSplit
from training.measurement import measure
from training.trial import deal_folds, split_fleet

HOURS = 20 * 24
UNITS = 20


@pytest.fixture
def fleet() -> LabelledFleet:
    """Twenty compressors with a window at every hour of 20 days; the even ones fail at the end, the others are only seen to live."""
    rows = np.arange(UNITS * HOURS, dtype=np.int64)
    unit = (rows // HOURS).astype(np.int32)
    rul = ((HOURS - rows % HOURS) / 24).astype(np.float32)
    history = History(
        np.zeros((UNITS * HOURS, len(FEATURES)), np.float32), [f"C-{n}" for n in range(UNITS)], datetime(2026, 1, 1, tzinfo=UTC), HOURS
    )
    return LabelledFleet(history, WindowIndex(unit, unit.astype(np.int64) * HOURS, rows, rul, unit % 2 == 1), [np.array([20.0])] * UNITS)


def test_training_windows_are_denser_before_a_failure_and_even_for_baselines(fleet: LabelledFleet, settings: Settings) -> None:
    windows = settings.model.windows
    parts = split_fleet(fleet, settings.model)
    for unit in parts.units.train:
        ends, evenly = (np.sort(part.end[part.unit == unit]) % HOURS for part in (parts.train, parts.evenly))
        assert set(np.diff(evenly)) == {windows.train_stride_hours}
        near = ends >= HOURS - windows.near_days * 24
        strides = [set(np.diff(part).tolist()) for part in (ends[near], ends[~near])]
        failed = unit % 2 == 0
        assert strides == [{windows.near_stride_hours if failed else windows.train_stride_hours}, {windows.train_stride_hours}]


def test_no_compressor_is_in_two_parts(fleet: LabelledFleet, settings: Settings) -> None:
    parts = split_fleet(fleet, settings.model)
    units = [set(part.unit.tolist()) for part in (parts.train, parts.validation, parts.test)]
    assert sum(len(part) for part in units) == len(set.union(*units)) == UNITS
    assert units[0] | units[1] == set(parts.evenly.unit.tolist())


def test_held_out_compressors_are_not_fitted_on_and_test_compressors_are_in_no_fold(fleet: LabelledFleet, settings: Settings) -> None:
    split = UnitSplit(*(np.array(part, np.int32) for part in (range(4, 16), range(16, 20), range(4))))
    folds = deal_folds(fleet, split, settings.model)
    parts = [(set(fold.fitted.unit.tolist()), set(fold.held_out.unit.tolist())) for fold in folds]
    assert len(parts) == settings.model.ensemble.networks
    for fitted, held_out in parts:
        assert not fitted & held_out
        assert fitted | held_out == set(range(4, 20))
    assert sorted(unit for _, held_out in parts for unit in held_out) == list(range(4, 20))


def test_only_lives_whose_end_was_seen_are_measured() -> None:
    true, censored = np.array([2.0, 10.0, 20.0, 1.0], np.float32), np.array([False, False, True, True])
    index = WindowIndex(np.zeros(4, np.int32), np.zeros(4, np.int64), np.arange(4), true, censored)
    said = Predictions(*(np.array(part, np.float32) for part in ([5, 14, 0, 30], [1, 11, 0, 0], [6, 18, 0, 30], [0.5, 0.5, 1, 1])))
    assert measure(index, said, 3.0) == {
        "rmse_days": pytest.approx(np.sqrt((9 + 16) / 2)),
        "coverage_90": 0.5,  # 2 lies in 1 to 6, 10 not in 11 to 18
        "mean_width_90_days": 6.0,
        "brier": 0.25,
    }
