"""Whole units drawn with replacement, and the ends between which what they say lies."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.statistics.bootstrap import Resampling, interval


def test_every_fleet_has_as_many_units_as_there_are_and_each_as_often_as_any_other() -> None:
    draws = Resampling(units=4, resamples=2000, seed=3).draws
    assert draws.shape == (2000, 4)
    assert (draws.sum(axis=1) == 4).all()
    assert draws.mean(axis=0) == pytest.approx([1, 1, 1, 1], abs=0.1)
    assert (draws == 0).any(axis=1).mean() == pytest.approx(1 - 24 / 4**4, abs=0.03)  # all four at once in 4! of 4^4 draws


def test_the_same_seed_draws_the_same_fleets_and_one_draws_once() -> None:
    first = Resampling(5, 10, 3)
    assert first.draws is first.draws
    assert first.draws.tolist() == Resampling(5, 10, 3).draws.tolist() != Resampling(5, 10, 4).draws.tolist()


def test_an_interval_leaves_as_much_beyond_either_end() -> None:
    assert interval(np.arange(101.0), 0.9) == pytest.approx((5.0, 95.0))


def test_a_draw_without_a_case_is_left_out_and_without_any_there_is_no_interval() -> None:
    assert interval(np.array([np.nan, *np.arange(11.0), np.nan]), 0.8) == pytest.approx((1.0, 9.0))
    assert np.isnan(interval(np.full(3, np.nan), 0.9)).all()
