"""The interval on a fleet whose lives can be computed: most machines look healthy, and some of them fail without a sign."""

from __future__ import annotations

import numpy as np
import pytest

from config.model import CalibrationSection
from training.intervals import LEAST_WIDTH, Said, Widening, learn_widening

CAP, LEVEL, LEAST = 30.0, 0.9, 0.82
CONFIG = CalibrationSection(bands=6, least_windows=100, life_bands=[3, 7, 14, 21], least_coverage=LEAST)


def fleet(seed: int, n: int = 20_000) -> Said:
    """Half of the machines show their life, with an error; the others look alike whatever they have left."""
    random = np.random.default_rng(seed)
    true = np.minimum(random.uniform(0, 45, n), CAP)
    shows = random.random(n) < 0.5
    rul = np.where(shows, np.clip(true + random.normal(0, 0.5 + true / 8), 0.1, CAP), 20 + random.normal(0, 1, n))
    lower = np.where(shows, rul * 0.8, 6 + random.normal(0, 1, n))
    upper = np.where(shows, np.minimum(rul * 1.2, CAP), CAP)
    return Said(*(part.astype(np.float32) for part in (rul, np.minimum(lower, rul), upper, true)))


def inside(widening: Widening, said: Said) -> np.ndarray:
    width = said.upper - said.lower + LEAST_WIDTH * CAP
    below, above = (np.interp(said.rul, widening.knots, shares) * width for shares in (widening.below, widening.above))
    lower, upper = np.clip(said.lower - below, 0, said.rul), np.clip(said.upper + above, said.rul, CAP)
    return (lower <= said.true) & (said.true <= upper)


def test_the_interval_holds_over_all_and_in_every_band_of_true_and_of_predicted_life_on_another_fleet() -> None:
    fresh = fleet(2)
    held = inside(learn_widening(fleet(1), CAP, LEVEL, CONFIG), fresh)
    assert LEVEL - 0.01 < held.mean() < 0.96  # where the bands ask for more than the level does, it is more
    for lives in (fresh.true, fresh.rul):
        band = np.searchsorted(CONFIG.life_bands, lives, side="right")
        assert min(held[band == each].mean() for each in np.unique(band)) > LEAST - 0.02


def test_one_level_for_all_leaves_those_who_fail_without_a_sign_outside() -> None:
    """What the demand on every band is for: it alone is taken away here."""
    fresh = fleet(2)
    held = inside(learn_widening(fleet(1), CAP, LEVEL, CONFIG.model_copy(update={"life_bands": [CAP * 2]})), fresh)
    soon = (fresh.true >= 3) & (fresh.true < 7)
    assert held[soon].mean() < LEAST - 0.05


def test_an_end_that_nothing_lies_beyond_may_move_in() -> None:
    said = fleet(1)
    wide = Said(said.rul, np.zeros_like(said.rul), np.full_like(said.rul, CAP), said.true)
    widening = learn_widening(wide, CAP, LEVEL, CONFIG)
    assert (widening.below <= 0).all()
    assert widening.below.min() < -0.01
    held = inside(widening, wide)
    assert LEVEL - 0.01 <= held.mean() < 0.97


def test_too_few_windows_make_it_the_whole_range() -> None:
    said = fleet(3, 5)
    widening = learn_widening(said, CAP, LEVEL, CONFIG)
    assert len(widening.knots) == CONFIG.bands
    assert inside(widening, said).all()
    assert (widening.below * (said.upper - said.lower + LEAST_WIDTH * CAP)[:, None] >= said.rul.min()).all()


def test_an_end_that_has_reached_the_cap_moves_no_further() -> None:
    """Between two bands a share that is larger than it need be would reach into the other one."""
    widening = learn_widening(fleet(1), CAP, LEVEL, CONFIG)
    assert widening.above[-1] < 1


def test_a_predictor_with_smaller_errors_gets_a_narrower_interval_that_still_holds() -> None:
    """Twenty networks that err by themselves, and their mean: it errs less, and an interval learned on one of them is too wide for it."""
    random = np.random.default_rng(4)
    true = random.uniform(0, CAP, 8000)
    common = random.normal(0, 0.5, 8000)
    networks = true + common + random.normal(0, 0.5, (20, 8000))

    def said(points: np.ndarray) -> Said:
        rul = np.clip(points, 0, CAP)
        return Said(*(part.astype(np.float32) for part in (rul, np.maximum(rul - 0.75, 0), np.minimum(rul + 0.75, CAP), true)))

    ratio = (1 + 1 / 20) ** 0.5 / 2**0.5
    plain, shortened = (learn_widening(said(networks[0]), CAP, LEVEL, CONFIG, share) for share in (1.0, ratio))
    held = [inside(widening, said(networks.mean(axis=0))).mean() for widening in (plain, shortened)]
    assert held[0] > 0.96
    assert held[1] == pytest.approx(LEVEL, abs=0.02)


def test_labels_at_the_cap_stay_there_however_small_the_error() -> None:
    said = Said(*(np.array(part, np.float32) for part in ([20, 10], [10, 5], [25, 15], [CAP, 20])))
    assert said.nearer(0.5, CAP).tolist() == [CAP, 15.0]
