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
        ends, evenly = (np.sort(part.end[part.unit == unit]) % HOURS for part in (parts.train, parts.evenly))
        assert set(np.diff(evenly)) == {windows.train_stride_hours}
        near = ends >= HOURS - windows.near_days * 24
        strides = [set(np.diff(part).tolist()) for part in (ends[near], ends[~near])]
        failed = unit % 2 == 0
        assert strides == [{windows.near_stride_hours if failed else windows.train_stride_hours}, {windows.train_stride_hours}]


def test_no_compressor_is_in_two_parts(fleet: Fleet, settings: Settings) -> None:
    parts = split_fleet(fleet, settings.model)
    units = [set(part.unit.tolist()) for part in (parts.train, parts.validation, parts.test)]
    assert sum(len(part) for part in units) == len(set.union(*units)) == UNITS
    assert units[0] | units[1] == set(parts.evenly.unit.tolist())
