"""Which windows of a fleet a trial learns from."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from config.settings import Settings
from features.contract import FEATURES
from features.grid import History
from training.dataset import WindowIndex
from training.fleet import Fleet
from training.split import UnitSplit
from training.trial import split_fleet

HOURS = 20 * 24
UNITS = 20


@pytest.fixture
def fleet() -> Fleet:
    """Twenty compressors with a window at every hour of 20 days; the even ones fail at the end, the others are only seen to live."""
    rows = np.arange(UNITS * HOURS, dtype=np.int64)
    unit = (rows // HOURS).astype(np.int32)
    rul = ((HOURS - rows % HOURS) / 24).astype(np.float32)
    history = History(
        np.zeros((UNITS * HOURS, len(FEATURES)), np.float32), [f"C-{n}" for n in range(UNITS)], datetime(2026, 1, 1, tzinfo=UTC), HOURS
    )
    return Fleet(history, WindowIndex(unit, unit.astype(np.int64) * HOURS, rows, rul, unit % 2 == 1), [np.array([20.0])] * UNITS)


def test_the_network_learns_from_more_windows_before_a_failure_and_baselines_from_even_ones(fleet: Fleet, settings: Settings) -> None:
    windows = settings.model.windows
    parts = split_fleet(fleet, settings.model)
    for unit in parts.units.train:
        ends, evenly = (np.sort(part.end[part.unit == unit]) % HOURS for part in (parts.train, parts.train_evenly))
        assert set(np.diff(evenly)) == {windows.train_stride_hours}
        near = ends >= HOURS - windows.near_days * 24
        strides = [set(np.diff(part).tolist()) for part in (ends[near], ends[~near])]
        failed = unit % 2 == 0
        assert strides == [{windows.near_stride_hours if failed else windows.train_stride_hours}, {windows.train_stride_hours}]


def test_no_compressor_is_in_two_parts(fleet: Fleet, settings: Settings) -> None:
    parts = split_fleet(fleet, settings.model)
    learners, judged_by = (set(part.unit.tolist()) for part in (parts.train, parts.test))
    assert learners | judged_by == set(range(UNITS))
    assert not learners & judged_by
    assert learners == set(parts.train_evenly.unit.tolist())


def test_every_learner_is_held_out_from_exactly_one_network(fleet: Fleet, settings: Settings) -> None:
    parts = split_fleet(fleet, settings.model)
    held_out = [set(fold.held_out.unit.tolist()) for fold in parts.folds]
    learners = set(parts.train.unit.tolist())
    assert sum(len(units) for units in held_out) == len(learners)
    assert set.union(*held_out) == learners
    for fold, units in zip(parts.folds, held_out, strict=True):
        assert set(fold.fitted.unit.tolist()) == learners - units
        assert any(unit % 2 == 0 for unit in units)  # one that has failed


def test_an_earlier_models_validation_compressors_are_learned_from_and_its_test_compressors_never(fleet: Fleet, settings: Settings) -> None:
    known = UnitSplit(*(np.array(units, np.int32) for units in (range(2, 14), range(14, 18), (0, 1, 18, 19))))
    parts = split_fleet(fleet, settings.model, known)
    assert set(parts.train.unit.tolist()) == set(range(2, 18))
    assert set(parts.test.unit.tolist()) == {0, 1, 18, 19}
