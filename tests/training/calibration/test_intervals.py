"""The interval on a fleet whose lives can be computed: most machines look healthy, and some of them fail without a sign."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from config.sections.model import CalibrationSection
from training.calibration.intervals import LEAST_WIDTH, PredictedLives, Widening, _Ends, equal_bands, fit_widening

CAP, LEVEL, LEAST = 30.0, 0.9, 0.82
DEMANDS = ("least_coverage", "least_life_coverage", "least_cap_coverage")
CONFIG = CalibrationSection(bands=6, least_windows=100, life_bands=[3, 7, 14, 21], **dict.fromkeys(DEMANDS, LEAST))
FREE = CONFIG.model_copy(update=dict.fromkeys(DEMANDS, 0.0))


def fleet(seed: int, n: int = 20_000) -> PredictedLives:
    """Half of the machines show their life, with an error; the others look alike whatever they have left."""
    random = np.random.default_rng(seed)
    true = np.minimum(random.uniform(0, 45, n), CAP)
    shows = random.random(n) < 0.5
    rul = np.where(shows, np.clip(true + random.normal(0, 0.5 + true / 8), 0.1, CAP), 20 + random.normal(0, 1, n))
    lower = np.where(shows, rul * 0.8, 6 + random.normal(0, 1, n))
    upper = np.where(shows, np.minimum(rul * 1.2, CAP), CAP)
    return PredictedLives(*(part.astype(np.float32) for part in (rul, np.minimum(lower, rul), upper, true)), np.arange(n))


def one_machine(windows: PredictedLives) -> PredictedLives:
    """The same windows of one machine: nothing is promised for others."""
    return replace(windows, unit=np.zeros(len(windows.true), np.intp))


def ends(widening: Widening, windows: PredictedLives) -> tuple[np.ndarray, np.ndarray]:
    width = windows.upper - windows.lower + LEAST_WIDTH * CAP
    below, above = (np.interp(windows.rul, widening.knots, shares) * width for shares in (widening.below, widening.above))
    return np.clip(windows.lower - below, 0, windows.rul), np.clip(windows.upper + above, windows.rul, CAP)


def life_bands(windows: PredictedLives) -> np.ndarray:
    """The band of true life of each window, that of the cap the last one."""
    return np.searchsorted([*CONFIG.life_bands, CAP], windows.true, side="right")


def inside(widening: Widening, windows: PredictedLives) -> np.ndarray:
    lower, upper = ends(widening, windows)
    return (lower <= windows.true) & (windows.true <= upper)


def width(widening: Widening, windows: PredictedLives) -> float:
    lower, upper = ends(widening, windows)
    return float((upper - lower).mean())


def test_the_interval_holds_over_all_and_in_every_band_of_true_and_of_predicted_life_on_another_fleet() -> None:
    fresh = fleet(2)
    held = inside(fit_widening(fleet(1), CAP, LEVEL, CONFIG), fresh)
    assert LEVEL - 0.01 < held.mean() < 0.96  # where the bands ask for more than the level does, it is more
    for band in (life_bands(fresh), np.searchsorted(CONFIG.life_bands, fresh.rul, side="right")):
        assert min(held[band == each].mean() for each in np.unique(band)) > LEAST - 0.02


@pytest.mark.parametrize("bands", [1, 3, 6, 12])
def test_the_promised_share_lies_inside_where_the_ends_come_to_lie_between_two_knots(bands: int) -> None:
    """However coarse the bands: what is interpolated between the shares of two bands holds neither band's share of lives."""
    windows = one_machine(fleet(1))
    held = inside(fit_widening(windows, CAP, LEVEL, FREE.model_copy(update={"bands": bands})), windows)
    assert LEVEL - 1e-4 <= held.mean() < LEVEL + 0.005  # float32 moves a life or two that lie on an end


def erring(seed: int, units: int, windows: int) -> PredictedLives:
    """Machines whose windows err nearly alike, each machine by an amount of its own."""
    random = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), windows)
    true = random.uniform(0, CAP, len(unit))
    rul = np.clip(true + random.normal(0, 3, units)[unit] + random.normal(0, 0.5, len(unit)), 0, CAP)
    return PredictedLives(*(part.astype(np.float32) for part in (rul, np.maximum(rul - 3, 0), np.minimum(rul + 3, CAP), true)), unit)


def test_with_few_units_it_promises_as_much_more_as_others_are_held_less() -> None:
    """Forty machines with thirty windows each: an interval that holds nine in ten of their own lives holds fewer of others."""
    loose, fresh = FREE.model_copy(update={"bands": 3}), erring(1, 500, 20)
    held: dict[str, list[float]] = {"promised": [], "own alone": []}
    for seed in range(2, 22):
        own = erring(seed, 40, 30)
        held["promised"].append(inside(fit_widening(own, CAP, LEVEL, loose), fresh).mean())
        held["own alone"].append(inside(fit_widening(one_machine(own), CAP, LEVEL, loose), fresh).mean())
    assert np.mean(held["own alone"]) < LEVEL - 0.02
    assert abs(np.mean(held["promised"]) - LEVEL) < 0.015


def test_the_fewest_windows_that_calibrate_promise_for_others_too() -> None:
    """A fifth of them less would be too few by themselves, and the whole range holds everybody."""
    fresh = erring(1, 2000, 50)
    held = [inside(fit_widening(erring(seed, 40, 3), CAP, LEVEL, FREE), fresh).mean() for seed in range(2, 12)]
    assert abs(np.mean(held) - LEVEL) < 0.03


def test_a_single_window_may_be_enough_for_a_band() -> None:
    windows = erring(3, 40, 3)
    assert inside(fit_widening(windows, CAP, LEVEL, FREE.model_copy(update={"least_windows": 1})), windows).mean() >= LEVEL - 1e-3


def test_machines_too_few_to_tell_of_others_are_promised_nothing() -> None:
    own = erring(3, 24, 30)
    ours, one = (fit_widening(windows, CAP, LEVEL, FREE) for windows in (own, one_machine(own)))
    assert (ours.below == one.below).all()
    assert (ours.above == one.above).all()


def test_a_band_beside_calmer_ones_is_held_as_well() -> None:
    """Lives far below what is said of them, between bands that need next to nothing: what is interpolated towards those must reach them all the same."""
    random = np.random.default_rng(5)
    rul = random.uniform(0, CAP, 6000).astype(np.float32)
    true = np.clip(rul + random.uniform(-0.2, 0.2, 6000), 0, CAP)
    early = equal_bands(rul, CONFIG.bands) == 2
    true[early] = random.uniform(0, 1, early.sum())
    windows = PredictedLives(
        *(part.astype(np.float32) for part in (rul, np.maximum(rul - 0.5, 0), np.minimum(rul + 0.5, CAP), true)), np.zeros(6000, np.intp)
    )
    held = inside(fit_widening(windows, CAP, LEVEL, CONFIG), windows)
    assert held[early].mean() >= LEAST - 0.001
    assert held[windows.true < CONFIG.life_bands[0]].mean() >= LEAST - 0.001


@pytest.mark.parametrize("demand", DEMANDS)
def test_each_demand_holds_its_own_bands(demand: str) -> None:
    """Bands of predicted and of true life, and the cap, are asked for by themselves: without its own demand one of them falls short."""
    windows = one_machine(fleet(1))
    predicted, true = equal_bands(windows.rul, CONFIG.bands), life_bands(windows)
    group = {
        "least_coverage": predicted,
        "least_life_coverage": np.where(true < len(CONFIG.life_bands) + 1, true, -1),
        "least_cap_coverage": np.where(true == len(CONFIG.life_bands) + 1, 0, -1),
    }[demand]

    def worst(config: CalibrationSection) -> float:
        held = inside(fit_widening(windows, CAP, LEVEL, config), windows)
        return float(min(held[group == each].mean() for each in np.unique(group[group >= 0])))

    asked = 0.99 if demand == "least_cap_coverage" else 0.88
    others = FREE.model_copy(update={other: LEAST for other in DEMANDS if other != demand})
    assert worst(others) < asked - 0.01
    assert worst(others.model_copy(update={demand: asked})) >= asked - 0.001


@pytest.mark.parametrize(("cap", "bands"), [(29.9, [3, 7, 14, 21]), (CAP, [3, 7, 14, 21, 40, 50])])
def test_lives_at_the_cap_are_found_whatever_it_is(cap: float, bands: list[float]) -> None:
    """One that float32 rounds down, and one that a band of true life would begin beyond."""
    windows = one_machine(fleet(1))
    capped = PredictedLives(
        *(np.minimum(part, np.float32(cap)) for part in (windows.rul, windows.lower, windows.upper, windows.true)), windows.unit
    )
    config = CONFIG.model_copy(update={"life_bands": bands, "least_cap_coverage": 0.99})
    held = fit_widening(capped, cap, LEVEL, config).holds(capped, capped.true, cap)
    assert held[capped.true >= np.float32(cap)].mean() >= 0.99 - 0.001


def test_no_end_can_come_nearer_without_breaking_a_demand() -> None:
    windows, least = one_machine(fleet(1)), 0.9
    widening = fit_widening(windows, CAP, LEVEL, CONFIG.model_copy(update=dict.fromkeys(DEMANDS, least)))
    bands = [equal_bands(windows.rul, CONFIG.bands), life_bands(windows)]
    tried = 0
    for side, knot in itertools.product(("below", "above"), range(CONFIG.bands)):
        shares = getattr(widening, side).copy()
        shares[knot] -= 0.2
        nearer = replace(widening, **{side: shares})
        if width(nearer, windows) > width(widening, windows) - 0.01:
            continue  # a part of the range that the ends have left already
        held = inside(nearer, windows)
        assert any(held[band == each].mean() < least for band in bands for each in np.unique(band)), (side, knot)
        tried += 1
    assert tried >= CONFIG.bands


def test_one_level_for_all_leaves_those_who_fail_without_a_sign_outside() -> None:
    """What the demand on every band is for: it alone is taken away here."""
    fresh = fleet(2)
    held = inside(fit_widening(fleet(1), CAP, LEVEL, CONFIG.model_copy(update={"life_bands": [CAP * 2]})), fresh)
    soon = (fresh.true >= 3) & (fresh.true < 7)
    assert held[soon].mean() < LEAST - 0.05


def test_an_end_that_nothing_lies_beyond_may_move_in() -> None:
    windows = fleet(1)
    wide = PredictedLives(windows.rul, np.zeros_like(windows.rul), np.full_like(windows.rul, CAP), windows.true, windows.unit)
    widening = fit_widening(wide, CAP, LEVEL, CONFIG)
    assert (widening.below <= 0).all()
    assert widening.below.min() < -0.01
    held = inside(widening, wide)
    assert LEVEL - 0.01 <= held.mean() < 0.97


def test_too_few_windows_make_it_the_whole_range() -> None:
    windows = fleet(3, 5)
    widening = fit_widening(windows, CAP, LEVEL, CONFIG)
    assert len(widening.knots) == CONFIG.bands
    assert inside(widening, windows).all()
    assert (widening.below * (windows.upper - windows.lower + LEAST_WIDTH * CAP)[:, None] >= windows.rul.min()).all()


def test_a_predictor_with_smaller_errors_gets_a_narrower_interval_that_still_holds() -> None:
    """Twenty networks that err by themselves, and their mean: it errs less, and an interval learned on one of them is too wide for it."""
    random = np.random.default_rng(4)
    true = random.uniform(0, CAP, 8000)
    common = random.normal(0, 0.5, 8000)
    networks = true + common + random.normal(0, 0.5, (20, 8000))

    def windows(points: np.ndarray) -> PredictedLives:
        rul = np.clip(points, 0, CAP)
        return PredictedLives(
            *(part.astype(np.float32) for part in (rul, np.maximum(rul - 0.75, 0), np.minimum(rul + 0.75, CAP), true)), np.arange(8000)
        )

    ratio = (1 + 1 / 20) ** 0.5 / 2**0.5
    plain, shortened = (fit_widening(windows(networks[0]), CAP, LEVEL, CONFIG, share) for share in (1.0, ratio))
    held = [inside(widening, windows(networks.mean(axis=0))).mean() for widening in (plain, shortened)]
    assert held[0] > 0.96
    assert held[1] == pytest.approx(LEVEL, abs=0.02)


def test_labels_at_the_cap_stay_there_however_small_the_error() -> None:
    windows = PredictedLives(*(np.array(part, np.float32) for part in ([20, 10], [10, 5], [25, 15], [CAP, 20])), np.arange(2))
    assert windows.nearer(0.5, CAP).tolist() == [CAP, 15.0]


def test_ends_reach_as_far_as_each_window_by_itself_and_exactly_as_far_where_none_moves() -> None:
    random = np.random.default_rng(7)
    n, steps = 500, np.sort(random.uniform(-20, 0, 51))
    width, inner, outer, moved, part = random.uniform([[0.3], [0], [0], [0], [0.01]], [[30], [15], [15], [10], [1]], (5, n))
    every = np.arange(n)
    one_by_one = np.clip(inner[:, None] + width[:, None] * (moved[:, None] + part[:, None] * steps), 0, (inner + outer)[:, None]).sum(
        axis=0
    )
    assert _Ends(steps, every, width, inner, outer).reach(every, moved, part, steps) == pytest.approx(one_by_one, rel=1e-12)
    arriving = outer / width - part * random.uniform(steps[0], steps[10], n)  # at the end of the range by the tenth step
    still = _Ends(steps, every, width, inner, outer).reach(every, arriving, part, steps)[10:]
    assert set(still) == {still[-1]}
    assert still[-1] == pytest.approx((inner + outer).sum())
