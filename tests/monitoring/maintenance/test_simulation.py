"""Policies over lives that can be worked out by hand, and what must hold whatever the lives are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from config.sections.costs import CostsConfig
from config.settings import Settings
from features.arrays import Bools
from monitoring.maintenance.complete_lives import Episodes, HourlyPredictions
from monitoring.maintenance.policies import CRITICAL, FORESIGHT, INTERVAL, LIFE, OURS, TO_FAILURE, WARNING, lasting, policies
from monitoring.maintenance.simulation import Lives, PolicyOutcome, draw_fleets, simulate, summarise
from serving.prediction.repair_cost import Forecast, plan_repairs
from tests.serving.gold import COSTS

DAY = 24
FALSE_ABOVE_DAYS = 14.0


def changed(costs: CostsConfig, simulation: dict[str, Any], **planned: float) -> CostsConfig:
    predictions = costs.model_dump()
    for section, values in (("simulation", simulation), ("planned", planned)):
        for name, value in values.items():
            was = predictions[section][name]
            predictions[section][name] = was | {"value": value} if isinstance(was, dict) else value
    return CostsConfig.model_validate(predictions)


@pytest.fixture(scope="module")
def costs(settings: Settings) -> CostsConfig:
    """The shipped costs, over two years of a fleet."""
    return changed(settings.costs, {"years": 2})


def lives_of(*days: float) -> Lives:
    hours = np.array([round(DAY * length) for length in days], np.int64)
    first = np.concatenate([[0], np.cumsum(hours)[:-1]])
    return Lives(first, hours, np.arange(len(days)), np.full(len(days), 1 / len(days)))


def run(lives: Lives, asks: Bools, costs: CostsConfig, slots: int = 10) -> PolicyOutcome:
    return simulate(lives, asks, *draw_fleets(lives, slots, costs), costs, FALSE_ABOVE_DAYS)


def at_age(lives: Lives, days: float) -> Bools:
    return lives.age_hours >= DAY * days


def random_episodes(seed: int, lives: int = 40) -> Episodes:
    """Lives of 10 to 70 days whose every hour is told with an error of a fifth, an interval of twice that, and statuses near the end."""
    random = np.random.default_rng(seed)
    own = lives_of(*random.uniform(10, 70, lives))
    left = own.left_days
    predicted = np.clip(left * np.repeat(random.uniform(0.8, 1.2, lives), own.hours), 0, 30)
    lower, upper = predicted * 0.6, np.minimum(predicted * 1.5, 30)
    repairs = plan_repairs(
        Forecast(lower, predicted, upper, np.clip((4 - predicted) / 4, 0, 1), np.full(len(predicted), np.nan), 3.0, 30.0), COSTS
    )
    status = np.where(left < np.repeat(random.uniform(0, 6, lives), own.hours), 1.0, 0.0).astype(np.float32)
    return Episodes(own, HourlyPredictions(repairs.due_days, predicted, status), {})


def exact(episodes: Episodes) -> Episodes:
    """The same lives, told by who knows when they end."""
    left = np.minimum(episodes.lives.left_days, 30)
    repairs = plan_repairs(Forecast(left, left, left, (left <= 3).astype(float), np.full(len(left), np.nan), 3.0, 30.0), COSTS)
    return Episodes(episodes.lives, HourlyPredictions(repairs.due_days, left, episodes.predictions.status), {})


def test_run_to_failure_never_repairs_and_pays_every_life_in_full(costs: CostsConfig) -> None:
    lives = lives_of(20.0)
    found = run(lives, np.zeros(20 * DAY, bool), costs)
    assert (found.repairs.sum(), found.wasted_days.sum(), found.most_crews) == (0, 0, 0)
    assert found.days.sum() == 2 * 10 * 365
    assert found.failures.sum() == pytest.approx(2 * 10 * 365 / 21.75, abs=20)  # a cycle is 20 days and a standstill of 1.75
    assert found.cost_usd.sum() == 87_500 * found.failures.sum()
    assert found.standstill_days.sum() == pytest.approx(1.75 * found.failures.sum(), abs=2 * 20)


def test_an_order_is_carried_out_when_parts_have_come_and_wastes_the_life_that_is_left(costs: CostsConfig) -> None:
    lives = lives_of(20.0)
    found = run(lives, at_age(lives, 2.0), changed(costs, {}, crews=10))
    assert found.failures.sum() == 0
    assert found.repairs.sum() == pytest.approx(2 * 10 * 365 * DAY / (5 * DAY + 8), abs=20)  # at 5 days of age, and 8 h of standstill
    assert found.wasted_days.sum() == pytest.approx(15 * found.repairs.sum())
    assert found.false_repairs.sum() == found.repairs.sum()
    assert found.cost_usd.sum() == 15_000 * found.repairs.sum()
    later = run(lives, at_age(lives, 3.0), changed(costs, {}, crews=10))
    assert later.false_repairs.sum() == 0  # exactly 14 days were left


def test_what_fails_before_parts_come_is_a_failure(costs: CostsConfig) -> None:
    lives = lives_of(20.0)
    assert run(lives, at_age(lives, 17.0 + 1 / DAY), costs).repairs.sum() == 0
    assert run(lives, at_age(lives, 17.0 - 1 / DAY), changed(costs, {}, crews=10)).failures.sum() == 0


def test_crews_are_never_exceeded_and_who_is_not_served_fails(costs: CostsConfig) -> None:
    lives = lives_of(12.0)
    one = changed(costs, {"stagger_days": 0}, crews=1)  # thirty that ask at the same hour, one repair a day
    found = run(lives, at_age(lives, 5.0), one, slots=30)
    assert found.most_crews == 1
    assert found.repairs.sum() <= 2 * (365 + 1)
    assert found.repairs.sum() >= 2 * 300
    assert found.failures.sum() > 0
    many = run(lives, at_age(lives, 5.0), changed(costs, {"stagger_days": 0}, crews=30), slots=30)
    assert (many.most_crews, many.failures.sum()) == (30, 0)


@pytest.mark.parametrize(("starts", "failures"), [([0, 1, 2], [0, 0, 1]), ([0, 2, 1], [0, 1, 0])])
@pytest.mark.parametrize("name", [INTERVAL, WARNING, CRITICAL, LIFE, OURS, FORESIGHT])
def test_who_has_waited_longest_is_served_first_under_every_policy(
    name: str, costs: CostsConfig, starts: list[int], failures: list[int]
) -> None:
    """All ask at 14 days of age and could be repaired at 17; the crew comes to the second two days later, to the third too late.

    Whatever is told of the lives differs, and counts for nothing.
    """
    lives = lives_of(20.0, 20.0, 20.0)
    told_from = np.tile(np.arange(20 * DAY) >= 14 * DAY, 3)
    which = np.repeat([0, 1, 2], 20 * DAY)
    predictions = HourlyPredictions(
        np.where(told_from, 1 + which, -1), np.where(told_from, 4.0 + which, 25.0), np.where(told_from, 2, 0).astype(np.float32)
    )
    short = changed(costs, {"years": 1, "warm_up_days": 0, "year_days": 22}, crew_days=2 if name != FORESIGHT else 3, crews=1)
    drawn = np.broadcast_to(np.arange(3)[None, :, None], (1, 3, 5))
    found = simulate(
        lives, policies(Episodes(lives, predictions, {}), 17.0, 1, short)[name], drawn, np.array([starts]), short, FALSE_ABOVE_DAYS
    )
    assert (found.failures.tolist(), found.repairs.tolist()) == (failures, [1 - failed for failed in failures])


@pytest.mark.parametrize("seed", [1, 2])
def test_costs_add_up_crews_hold_and_a_perfect_predictor_beats_all(seed: int, costs: CostsConfig) -> None:
    episodes = random_episodes(seed)
    drawn, starts = draw_fleets(episodes.lives, 30, costs)

    def outcome(asks: Bools) -> PolicyOutcome:
        return simulate(episodes.lives, asks, drawn, starts, costs, FALSE_ABOVE_DAYS)

    found = {name: outcome(asks) for name, asks in policies(episodes, 25.0, 3, costs).items()}
    perfect = outcome(policies(exact(episodes), 25.0, 3, costs)[OURS])
    for item in (*found.values(), perfect):
        assert item.cost_usd == pytest.approx(15_000 * item.repairs + 87_500 * item.failures)
        assert item.most_crews <= costs.planned.crews.value
        assert item.days.sum() == 2 * 30 * 365
        assert (item.false_repairs <= item.repairs).all()
    assert found[TO_FAILURE].repairs.sum() == 0
    for name in (TO_FAILURE, INTERVAL, WARNING, CRITICAL, LIFE, OURS):
        assert perfect.cost_usd.sum() < found[name].cost_usd.sum(), name
        assert found[FORESIGHT].cost_usd.sum() < found[name].cost_usd.sum(), name


def test_every_policy_meets_the_same_lives_and_the_same_seed_the_same_years(costs: CostsConfig) -> None:
    episodes = random_episodes(4)
    first, second = (draw_fleets(episodes.lives, 5, costs) for _ in range(2))
    assert all(np.array_equal(*pair) for pair in zip(first, second, strict=True))
    asks = policies(episodes, None, 3, costs)[OURS]
    once, twice = (simulate(episodes.lives, asks, *drawn, costs, FALSE_ABOVE_DAYS) for drawn in (first, second))
    assert once.cost_usd.tolist() == twice.cost_usd.tolist()


def test_signals_must_last_within_one_life_and_dates_lie_within_the_time_that_parts_take() -> None:
    lives = lives_of(2.0, 2.0)
    due = np.full(4 * DAY, -1)
    due[[30, 31, 32, 33, 40, 41, 42]] = [3, 3, 3, 4, 2, 2, 2]  # hours 30 to 42 of the first life
    due[46 : 2 * DAY + 30] = 3  # the end of the first life, and the second one's first 30 hours
    status = np.zeros(4 * DAY, np.float32)
    status[2 * DAY - 2 : 2 * DAY + 2] = 1
    rules = policies(
        Episodes(lives, HourlyPredictions(due, np.full(4 * DAY, np.nan), status), {}),
        5.0,
        3,
        changed(COSTS, {"threshold_warning_hours": 3}),
    )
    assert np.flatnonzero(rules[OURS]).tolist() == [32, 42, *range(2 * DAY + 26, 2 * DAY + 30)]
    assert not rules[WARNING].any()
    assert np.flatnonzero(rules[INTERVAL]).tolist() == []  # 5 days less the 3 that parts take are not reached in lives of 2
    assert lasting(np.array([True, True, False, True]), 2).tolist() == [False, True, False, False]


def test_every_policy_asks_at_its_own_hours_of_one_life_of_thirty_days() -> None:
    hour = np.arange(30 * DAY)
    status = np.zeros(30 * DAY, np.float32)
    status[[100, *range(500, 504)]] = 1
    status[650:] = 1
    status[[600, 601, *range(700, 30 * DAY)]] = 2
    due = np.where((hour < 27) | (hour >= 580), 3, -1)
    due[550:580] = 4
    life = np.where(hour < 28, 2.0, 20.0)  # of the life before, up to hour 23
    life[400:] = 15.0
    life[390:400] = 15.1
    life[500] = np.nan
    episodes = Episodes(lives_of(30.0), HourlyPredictions(due, life, status), {})
    costs = changed(COSTS, {"threshold_warning_hours": 2, "threshold_critical_hours": 3, "predicted_life_days": 15})
    asked = {name: np.flatnonzero(asks).tolist() for name, asks in policies(episodes, 20.0, 3, costs).items()}
    assert asked == {
        TO_FAILURE: [],
        INTERVAL: [*range(17 * DAY, 30 * DAY)],  # parts are there at 20 days
        WARNING: [501, 502, 503, 601, *range(651, 30 * DAY)],
        CRITICAL: [*range(702, 30 * DAY)],
        LIFE: [26, 27, *range(402, 500), *range(503, 30 * DAY)],
        OURS: [26, *range(582, 30 * DAY)],
        FORESIGHT: [*range(26 * DAY, 30 * DAY)],
    }
    never = policies(episodes, None, 3, costs)
    assert not never[INTERVAL].any()
    once = policies(episodes, None, 1, changed(costs, {"threshold_warning_hours": 1, "threshold_critical_hours": 1}))
    assert np.flatnonzero(once[WARNING]).tolist() == [100, *range(500, 504), 600, 601, *range(650, 30 * DAY)]
    assert np.flatnonzero(once[CRITICAL]).tolist() == [600, 601, *range(700, 30 * DAY)]


@pytest.mark.parametrize(("lead_days", "due_days", "first_hour"), [(2.0, 2, 457), (2.5, 3, 433), (3.0, 3, 433)])
def test_a_repair_is_ordered_on_the_first_whole_day_that_parts_can_be_there(
    lead_days: float, due_days: int, first_hour: int, costs: CostsConfig
) -> None:
    lives = lives_of(22.0)
    left = lives.left_days
    costs = changed(costs, {}, lead_days=lead_days, crews=10)
    due = plan_repairs(Forecast(left, left, left, (left <= 3).astype(float), np.full(len(left), np.nan), 3.0, 30.0), costs).due_days
    assert due[due >= 0].min() == due_days  # no date is earlier
    predictions = HourlyPredictions(np.floor(left).astype(np.int64), left, np.zeros(22 * DAY, np.float32))  # days count down
    asks = policies(Episodes(lives, predictions, {}), None, 1, costs)[OURS]
    assert np.flatnonzero(asks)[0] == first_hour
    found = run(lives, policies(Episodes(lives, HourlyPredictions(due, left, predictions.status), {}), None, 1, costs)[OURS], costs)
    assert (found.failures.sum(), found.repairs.sum() > 0) == (0, True)


def test_lives_are_drawn_as_often_as_they_weigh(costs: CostsConfig) -> None:
    equal = lives_of(20.0, 20.0, 20.0)
    lives = Lives(equal.first, equal.hours, equal.source, np.array([0.7, 0.3, 0.0]))
    drawn, starts = draw_fleets(lives, 30, costs)
    assert np.bincount(drawn.ravel(), minlength=3) / drawn.size == pytest.approx([0.7, 0.3, 0.0], abs=0.02)
    nothing = HourlyPredictions(np.full(60 * DAY, -1), np.full(60 * DAY, np.nan), np.zeros(60 * DAY, np.float32))
    asks = policies(Episodes(lives, nothing, {}), None, 3, costs)[TO_FAILURE]
    failures = simulate(lives, asks, drawn, starts, costs, FALSE_ABOVE_DAYS).failures
    assert failures / failures.sum() == pytest.approx([0.7, 0.3, 0.0], abs=0.03)


def outcome_of(days: list[float], cost: list[float]) -> PolicyOutcome:
    none = np.zeros(len(days), np.int64)
    return PolicyOutcome(np.array(days), none, none, none, none.astype(float), none.astype(float), np.array(cost), 0)


def test_cost_of_a_year_is_all_cost_over_all_days_and_differences_are_paired(costs: CostsConfig) -> None:
    ours, other = outcome_of([100.0, 265.0], [1_000.0, 2_000.0]), outcome_of([100.0, 265.0], [2_000.0, 4_650.0])
    report = summarise({OURS: ours, "other": other}, OURS, costs, 0.95)
    assert report["policies"][OURS]["usd_per_compressor_year"] == 3_000
    # resampled are two compressors: one of them twice, or both
    assert report["policies"][OURS]["interval"] == [round(365 * 2_000 / 265), 3_650]
    assert report["differences"]["other"] == {"usd_per_compressor_year": -3_650, "interval": [-3_650, -3_650]}  # 10 a day on either
