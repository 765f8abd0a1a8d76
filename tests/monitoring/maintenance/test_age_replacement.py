from __future__ import annotations

import numpy as np
import pytest

from config.settings import Settings
from monitoring.maintenance.age_replacement import complete_weights, product_limit, replacement_age

DAYS, COMPLETE = np.array([2.0, 3.0, 3.0, 5.0]), np.array([True, False, True, True])


def test_survival_counts_a_life_that_was_cut_as_long_as_it_was_seen() -> None:
    times, left = product_limit(DAYS, COMPLETE)
    assert times.tolist() == [2.0, 3.0, 5.0]
    assert left == pytest.approx([3 / 4, 3 / 4 * 2 / 3, 0.0])
    times, left = product_limit(np.array([2.0, 4.0]), np.array([False, True]))
    assert (times.tolist(), left.tolist()) == ([2.0, 4.0], [1.0, 0.0])


def test_complete_lives_stand_for_those_that_were_cut_before_they_were_as_old() -> None:
    # one of the three that reached 3 days was cut then: whoever outlived it was kept with probability 2/3
    assert complete_weights(DAYS, COMPLETE) == pytest.approx(np.array([1, 0, 1, 1.5]) / 3.5)
    assert complete_weights(DAYS, np.ones(4, bool)) == pytest.approx(np.full(4, 1 / 4))


def test_weights_undo_what_cutting_does_to_the_mean_life() -> None:
    random = np.random.default_rng(2)
    lives, cuts = random.uniform(10, 70, 20_000), random.uniform(0, 120, 20_000)
    complete = lives <= cuts
    seen = np.minimum(lives, cuts)
    assert seen[complete].mean() < 37
    assert complete_weights(seen, complete) @ seen == pytest.approx(40, abs=0.5)


def test_interval_is_the_age_of_least_cost_per_day(settings: Settings) -> None:
    days = np.array([10.0, 30.0])
    # at 10 days: 15,000 / 10.35; at 30: (7,500 + 43,750) / (20 + 0.175 + 0.875); to failure: 87,500 / 21.75
    assert replacement_age(days, np.array([True, True]), settings.costs) == 10.0
    # one in a hundred fails at 1 day: 15,000 / 1.35 a day, or at 30 days 15,000 x 0.99 + 875 for 29.7 + 0.36
    rare = np.r_[1.0, np.full(99, 30.0)]
    assert replacement_age(rare, np.ones(100, bool), settings.costs) == 30.0
    assert replacement_age(days, np.array([False, False]), settings.costs) is None


@pytest.mark.parametrize("seen_days", [20.0, 60.0, 120.0])
def test_no_age_pays_where_machines_fail_at_random_however_short_they_were_seen(settings: Settings, seen_days: float) -> None:
    lives = np.random.default_rng(3).exponential(200.0, 2000)
    assert replacement_age(np.minimum(lives, seen_days), lives < seen_days, settings.costs) is None
    worn = 40.0 * np.random.default_rng(4).weibull(6.0, 2000)  # most fail between 30 and 50 days: an age pays
    age = replacement_age(np.minimum(worn, seen_days), worn < seen_days, settings.costs)
    assert age is None if seen_days < 21 else 15 < age < 35  # type: ignore[operator]
