"""The index on literal bins, and how large it gets when nothing has drifted."""

from __future__ import annotations

import numpy as np
import pytest

from features.arrays import Doubles
from monitoring.drift.psi import bin_shares, chance_bounds, psi

QUARTERS = np.full(4, 0.25)
MAJOR = 0.25


def quartiles(values: Doubles) -> Doubles:
    return np.quantile(values, [0.25, 0.5, 0.75])


def one_each(values: Doubles, edges: Doubles) -> Doubles:
    """Every value as a compressor of its own -> [compressors, one measure, bins]."""
    return bin_shares(values[:, None], edges)[:, None]


def fleets(random: np.random.Generator, number: int, compressors: int, common: float) -> list[Doubles]:
    """Weeks of a fleet: every compressor moves by chance, and all of a week by what they have in `common`."""
    return [random.normal(0, 1, compressors) + random.normal(0, common) for _ in range(number)]


def test_the_index_of_literal_shares() -> None:
    # with the one compressor added, shares of 0.9 and 0.1: 0.4 ln(1.8) + 0.4 ln(5)
    assert psi(np.array([0.5, 0.5]), np.array([4.0, 0.0])) == pytest.approx(0.4 * np.log(1.8) + 0.4 * np.log(5))
    assert psi(QUARTERS, np.full(4, 25.0)) == pytest.approx(0)


def test_measures_are_judged_one_by_one() -> None:
    expected = np.array([[0.5, 0.5], [0.9, 0.1]])
    assert psi(expected, np.array([[4.0, 0.0], [9.0, 1.0]])) == pytest.approx([0.4 * np.log(1.8) + 0.4 * np.log(5), 0])


def test_an_empty_bin_of_a_small_fleet_is_not_impossible_and_a_bin_never_filled_before_is_finite() -> None:
    # shares of 0.45, 0.25, 0.25 and 0.05
    assert psi(QUARTERS, np.array([2.0, 1.0, 1.0, 0.0])) == pytest.approx(0.2 * np.log(1.8) + 0.2 * np.log(5))
    assert 1 < psi(np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.0, 10.0])) < 20


def test_bins_hold_their_upper_edge_and_overflow_at_both_ends() -> None:
    shares = bin_shares(np.array([[0, 1, 1.5, 2, 3, np.nan], [np.nan] * 6]), np.array([1.0, 2.0]))
    assert shares.tolist() == [[0.4, 0.4, 0.2], [0, 0, 0]]


def test_one_glitch_of_a_thousand_does_not_hide_a_shift() -> None:
    random = np.random.default_rng(1)
    reference, shifted = random.normal(0, 1, 5000), random.normal(1, 1, 200)
    edges = quartiles(reference)

    def index(values: Doubles) -> float:
        return float(psi(QUARTERS, bin_shares(values[:, None], edges).sum(axis=0)))

    assert index(shifted) > MAJOR
    assert index(np.append(shifted, 1000.0)) == pytest.approx(index(shifted), rel=0.05)


def test_a_small_fleet_exceeds_the_customary_limit_by_chance_and_its_bound_as_seldom_as_asked() -> None:
    random = np.random.default_rng(2)
    weeks = fleets(random, 13, 90, common=0)
    edges = quartiles(np.concatenate(weeks))
    (bound,) = chance_bounds([one_each(week, edges) for week in weeks], QUARTERS[None], 10, 0.02, 5000, seed=3)
    undisturbed = np.array([psi(QUARTERS, one_each(week, edges).sum(axis=(0, 1))) for week in fleets(random, 2000, 10, common=0)])
    assert (undisturbed > MAJOR).mean() > 0.2
    assert 0.005 < (undisturbed > bound).mean() < 0.035


def test_what_the_compressors_of_a_week_do_together_is_within_chance() -> None:
    random = np.random.default_rng(4)
    weeks = fleets(random, 26, 90, common=0.5)
    edges = quartiles(np.concatenate(weeks))
    whole = [one_each(week, edges) for week in weeks]
    torn = [np.concatenate(whole)]  # as if every compressor had a week of its own
    bounds = [chance_bounds(blocks, QUARTERS[None], 30, 0.02, 5000, seed=5)[0] for blocks in (whole, torn)]
    later = np.array([psi(QUARTERS, one_each(week, edges).sum(axis=(0, 1))) for week in fleets(random, 1000, 30, common=0.5)])
    exceeds = [float((later > bound).mean()) for bound in bounds]
    assert exceeds[0] < 0.06
    assert exceeds[1] > 3 * exceeds[0]


def test_the_level_is_that_of_all_measures_together_whether_they_agree_or_not() -> None:
    random = np.random.default_rng(6)
    edges = np.array([-0.674, 0, 0.674])  # quartiles of the normal distribution

    def bounds(measures: int, *, alike: bool) -> Doubles:
        """Of 30 compressors out of ten weeks of 90."""
        weeks = [random.normal(0, 1, (90, 1 if alike else measures)) for _ in range(10)]
        shares = [np.stack([bin_shares(column[:, None], edges) for column in week.T], axis=1) for week in weeks]
        blocks = [np.repeat(week, measures, axis=1) if alike else week for week in shares]
        return chance_bounds(blocks, np.tile(QUARTERS, (measures, 1)), 30, 0.02, 5000, seed=7)

    (alone,) = bounds(1, alike=True)
    assert bounds(18, alike=True) == pytest.approx(np.full(18, alone), rel=0.1)
    assert bounds(18, alike=False).min() > 1.3 * alone


def test_the_same_seed_gives_the_same_bounds() -> None:
    week = one_each(np.arange(20.0), np.array([5.0, 10.0, 15.0]))
    first, second = (chance_bounds([week, week[:15]], QUARTERS[None], 8, 0.02, 1000, seed=1) for _ in range(2))
    assert first.tolist() == second.tolist()
