"""Windows find the life that they lie in."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from features.contract import FEATURES
from features.grid import History
from training.data.dataset import WindowIndex
from training.data.failure_lives import seen_lives
from training.data.labelled_fleet import LabelledFleet

HOURS = 10 * 24


def test_each_window_is_in_the_life_that_its_next_failure_ends() -> None:
    history = History(np.zeros((2 * HOURS, len(FEATURES)), np.float32), ["A", "B"], datetime(2026, 1, 1, tzinfo=UTC), HOURS)
    ends = np.array([24, 48, 72, 120, 200, HOURS + 24], np.int64)  # of A on days 1, 2, 3, 5 and 8.3, of B on day 1
    unit = (ends // HOURS).astype(np.int32)
    censored = np.array([False, False, False, False, True, False])
    index = WindowIndex(unit, unit.astype(np.int64) * HOURS, ends, np.zeros(6, np.float32), censored)
    order = np.array([3, 0, 5, 2, 4, 1])  # an index need not be in order
    lives = seen_lives(LabelledFleet(history, index, [np.array([2.0, 6.0]), np.array([30.0])]), index.take(order))
    assert [(life.unit, life.failure, life.left_days.tolist()) for life in lives] == [
        (0, 0, [1.0, 0.0]),  # a window at the failure itself belongs to the life that ends
        (0, 1, [3.0, 1.0]),
        (1, 0, [29.0]),
    ]
    assert [order[life.windows].tolist() for life in lives] == [[0, 1], [2, 3], [5]]
