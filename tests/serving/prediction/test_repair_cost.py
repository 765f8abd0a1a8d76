"""The remaining life behind a prediction, and the day of least expected cost, on lives computed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from config.errors import ModelError
from config.sections.costs import CostsConfig
from features.model_file.quantile_levels import Levels
from features.model_file.weibull_lifetime import Ageing
from serving.prediction.repair_cost import NOT_DUE, Forecast, expected_costs, plan_repairs, survival, survival_at_age
from tests.serving.gold import COSTS

G = COSTS.next_life_usd_per_day
CAP = 30.0


def with_share(share: float) -> CostsConfig:
    """Costs where watching shows `share` of the machines' ends."""
    return COSTS.model_copy(update={"signs_share": COSTS.signs_share.model_copy(update={"value": share})})


SHOWN = with_share(1.0)
LAW = Ageing(3.3, 42.0, 70.0)


def forecast(lower: float, median: float, upper: float, fails: float, horizon: float = 3.0) -> Forecast:
    return Forecast(*(np.array([value]) for value in (lower, median, upper, fails, np.nan)), horizon_days=horizon, cap_days=CAP)  # type: ignore[misc]


def alive(life: Forecast, *days: float) -> list[float]:
    return [float(share) for share in survival(life, np.array(days))[0]]


def sharp(days: float) -> Forecast:
    """A failure in `days`, known to the hour except for the 5 % below any interval."""
    return forecast(days, days, days, 1.0 if days <= 3 else 0.0)


def test_life_has_the_quantiles_that_were_predicted_when_the_probability_agrees_with_them() -> None:
    life = forecast(6, 12, 18, fails=1 - 0.95 ** (3 / 6))
    assert alive(life, 0, 3, 6, 12, 18) == pytest.approx([1, 0.95**0.5, 0.95, 0.5, 0.05])
    assert alive(life, 9) == pytest.approx([(0.95 * 0.5) ** 0.5])  # constant hazard between two quantiles


def test_life_has_the_quantiles_that_the_numbers_were_seen_to_be() -> None:
    levels = Levels.of([10.0, 14.0], [[0.02, 0.4, 0.9], [0.04, 0.6, 1.0]])  # half way at 12: 3, 50 and 95 %
    life = replace(forecast(6, 12, 18, fails=1 - 0.97 ** (3 / 6)), levels=levels)
    assert alive(life, 3, 6, 12, 18) == pytest.approx([0.97**0.5, 0.97, 0.5, 0.05])
    several = Forecast(
        *(np.array([one, other]) for one, other in ((6, 1), (12, 4), (18, 9), (0.02, 0.4), (np.nan, np.nan))), 3.0, CAP, levels
    )  # type: ignore[misc]
    assert survival(several.rows(slice(1, 2)), np.array([5.0]))[0] == pytest.approx(survival(several, np.array([5.0]))[1])


def test_probability_within_the_horizon_is_kept_and_the_rest_keeps_its_proportions() -> None:
    life = forecast(6, 12, 18, fails=0.4)
    at = alive(life, 1.5, 3, 6, 12, 18)
    assert at[1] == pytest.approx(0.6)
    assert at[0] == pytest.approx(1 - 0.4 * (1 - 0.95**0.25) / (1 - 0.95**0.5))
    assert (at[3] / at[2], at[4] / at[3]) == (pytest.approx(0.5 / 0.95), pytest.approx(0.1))


def test_a_quantile_at_the_cap_leaves_at_least_its_share_beyond_it() -> None:
    assert alive(forecast(10, 20, 30, 1 - 0.95**0.3), 20, 30) == pytest.approx([0.5, 0.5 * 0.5 / 0.95])  # the hazard goes on
    assert alive(forecast(10, 30, 30, 1 - 0.95**0.3), 10, 30) == pytest.approx([0.95, 0.95**3])
    fails = 1 - 0.95 * (0.5 / 0.95) ** (1 / 28)
    assert alive(forecast(2, 30, 30, fails), 2, 30) == pytest.approx([0.95, 0.5])  # 0.95 ** 15 would be less than the half
    assert alive(forecast(30, 30, 30, 1 - 0.95**0.1), 30) == pytest.approx([0.95])


@pytest.mark.parametrize("life", [forecast(0, 0, 0, 1.0), forecast(0, 0, 30, 0.0), forecast(30, 30, 30, 0.0), forecast(0, 30, 30, 1.0)])
def test_extreme_answers_still_are_distributions(life: Forecast) -> None:
    share = survival(life, np.linspace(0, CAP, 721))[0]
    assert np.isfinite(share).all()
    assert (np.diff(share) <= 1e-12).all()
    assert (share[0], share.min() >= 0) == (1.0, True)


def test_a_failure_known_to_the_hour_is_repaired_on_the_last_whole_day_before_it() -> None:
    repairs = plan_repairs(sharp(6.5), SHOWN)
    assert repairs.due_days.tolist() == [6]
    reached = 0.95 ** (3 / 6.5)  # day 6, from day 3: before it, no failure is predicted
    assert repairs.saving_usd[0] == pytest.approx(reached * (87_500 - 15_000 - 0.5 * G), abs=60)  # half a day of life is forgone


def test_who_may_be_shown_nothing_does_not_wait_longer_than_watching_would() -> None:
    """The best of the first day and the two days of watching, although the failure comes later. Without signs, the machine is left alone until then."""
    assert plan_repairs(sharp(6.5), COSTS).due_days.tolist() == [5]


def test_every_day_that_a_repair_comes_too_early_costs_a_day_of_the_next_life() -> None:
    at = expected_costs(sharp(6.5), COSTS)[0][0]
    assert np.diff(at[:4]) == pytest.approx(np.full(3, -G))
    assert (at[4] > at[5] > at[6], at[7] - at[6] > 70_000) == (True, True)


def test_nothing_is_due_for_a_healthy_compressor_or_later_than_the_plan_reaches() -> None:
    for life, costs in ((forecast(20, 29, 30, 0.001), COSTS), (forecast(30, 30, 30, 0.0), COSTS), (sharp(8.5), SHOWN)):
        repairs = plan_repairs(life, costs)
        assert repairs.due_days.tolist() == [NOT_DUE]
        assert np.isnan(repairs.saving_usd).all()


def test_the_last_day_of_the_plan_is_still_planned() -> None:
    assert COSTS.plan_days.value == 7
    assert plan_repairs(sharp(7.5), SHOWN).due_days.tolist() == [7]


def test_what_fails_before_parts_can_come_is_due_at_once_and_saves_nothing() -> None:
    repairs = plan_repairs(sharp(2.0), COSTS)
    assert (repairs.due_days.tolist(), repairs.saving_usd.tolist()) == ([3], [0.0])


@pytest.mark.parametrize(("share", "below", "above"), [(1.0, 0.067, 0.072), (0.9, 0.047, 0.052)])
def test_a_repair_is_due_once_the_risk_of_watching_costs_more_than_the_life_that_a_repair_wastes(
    share: float, below: float, above: float
) -> None:
    """With a constant hazard h: 72,500 (share (1 - exp(-2 h)) + (1 - share) (1 - exp(-27 h))) against g (1 - exp(-27 h)) / h."""
    for hazard, due in ((below, NOT_DUE), (above, 3)):
        fails = share * -np.expm1(-2 * hazard) + (1 - share) * -np.expm1(-27 * hazard)
        assert (72_500 * fails > G * -np.expm1(-27 * hazard) / hazard) == (due == 3)
        lower = -np.log(0.95) / hazard
        median, upper = (lower * np.log(left) / np.log(0.95) for left in (0.5, 0.05))
        life = Forecast(*(np.array([value]) for value in (lower, median, upper, 1 - 0.95 ** (3 / lower), np.nan)), 3.0, CAP)
        assert plan_repairs(life, with_share(share)).due_days.tolist() == [due]


def test_expected_cost_is_the_mean_over_drawn_lives() -> None:
    life = forecast(4, 9, 17, 0.03)
    grid = np.linspace(0, CAP, 30_001)
    share = survival(life, grid)[0]
    drawn = np.random.default_rng(5).uniform(size=200_000)
    ends = np.interp(drawn, 1 - share, grid, right=np.inf)
    for day in (3, 5, 12, 30):
        cost = np.where(ends > day, 15_000, 87_500) - G * np.minimum(ends, day)
        assert expected_costs(life, COSTS)[0][0, day] == pytest.approx(cost.mean(), abs=4 * cost.std() / 200_000**0.5)
    watched = np.where(ends > 5, 15_000, 87_500) - G * np.minimum(ends, CAP)  # from day 3 on, for two days
    alone = np.where(ends > CAP, 15_000, 87_500) - G * np.minimum(ends, CAP)  # whom watching shows nothing
    share = COSTS.signs_share.value
    waited = share * watched + (1 - share) * alone
    assert expected_costs(life, COSTS)[1][0, 3] == pytest.approx(waited.mean(), abs=4 * waited.std() / 200_000**0.5)


def test_a_model_that_cannot_see_beyond_the_lead_time_is_refused() -> None:
    with pytest.raises(ModelError, match="at most 4 days cannot plan repairs"):
        plan_repairs(Forecast(np.ones(1), np.ones(1), np.ones(1), np.ones(1), np.ones(1), 3.0, 4.0), COSTS)


def test_many_lives_are_planned_as_each_alone() -> None:
    random = np.random.default_rng(1)
    quantiles = np.sort(random.uniform(0, CAP, (3, 5000)), axis=0)
    many = Forecast(*quantiles, random.uniform(size=5000), random.uniform(0, 90, size=5000), 3.0, CAP, ageing=LAW)
    repairs = plan_repairs(many, COSTS)
    for row in (0, 4095, 4096, 4999):
        alone = plan_repairs(many.rows(slice(row, row + 1)), COSTS)
        assert alone.due_days[0] == repairs.due_days[row]
        assert alone.saving_usd[0] == pytest.approx(repairs.saving_usd[row], nan_ok=True)
    assert (repairs.saving_usd[repairs.due_days != NOT_DUE] >= 0).all()
    assert plan_repairs(many.rows(slice(0, 0)), COSTS).due_days.shape == (0,)


def aged(life: Forecast, *ages: float, law: Ageing | None = LAW) -> Forecast:
    """The same life of machines of several ages."""
    return replace(life.rows(np.zeros(len(ages), np.int64)), age_days=np.array(ages), ageing=law)


GRID = np.arange(24 * 30 + 1) / 24
HEALTHY = forecast(14, 28, 30, fails=0.02)


def test_an_age_that_is_not_known_and_a_law_that_is_not_known_change_nothing() -> None:
    without_age = survival(HEALTHY, GRID)[0]
    for life in (aged(HEALTHY, np.nan), aged(HEALTHY, 40.0, law=None)):
        assert survival_at_age(life, 0.2)[0].tolist() == without_age.tolist()
    assert survival_at_age(aged(HEALTHY, 40.0), 1.0)[0] == pytest.approx(without_age)  # nothing of it is believed
    both = survival_at_age(aged(HEALTHY, 40.0, np.nan), 0.2)
    assert both[1].tolist() == without_age.tolist() != both[0].tolist()


def test_where_machines_do_not_age_an_age_changes_nothing() -> None:
    for age in (0.0, 15.0, 60.0):
        assert survival_at_age(aged(HEALTHY, age, law=Ageing(1.0, 38.0, 200.0)), 0.0)[0] == pytest.approx(
            survival(HEALTHY, GRID)[0], abs=1e-4
        )


def test_a_life_at_an_age_is_what_bayes_rule_makes_of_lives_that_show_the_same() -> None:
    """Machines at random times of their lives. Signs depend on the remaining life alone: below 10 days, or not."""
    random = np.random.default_rng(11)
    lives = LAW.scale_days * random.weibull(LAW.shape, 2_000_000)
    met = random.choice(lives, size=2_000_000, p=lives / lives.sum())
    age = met * random.uniform(size=len(met))
    left = met - age
    shows = left < 10
    seen = np.array([(left[shows] > day).mean() for day in GRID])  # the prediction of a model without ages where that is shown
    model = aged(HEALTHY, 8.0, 30.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("serving.prediction.repair_cost.survival", lambda forecast, days: np.tile(seen, (len(forecast.point), 1)))
        found = survival_at_age(model, 0.0)
    for row, years in enumerate((8.0, 30.0)):
        alike = shows & (np.abs(age - years) < 0.5)
        for day in (2, 5, 8):
            assert found[row, 24 * day] == pytest.approx((left[alike] > day).mean(), abs=0.015)


@pytest.mark.parametrize("doubt", [0.0, 0.2])
@pytest.mark.parametrize("life", [forecast(0, 0, 0, 1.0), forecast(30, 30, 30, 0.0), forecast(0, 30, 30, 1.0), forecast(5, 9, 14, 0.1)])
@pytest.mark.parametrize("law", [LAW, Ageing(80.0, 20.0, 25.0), Ageing(0.5, 10.0, 300.0), Ageing(5.0, 0.5, 1.0)])
def test_any_life_at_any_age_still_is_a_distribution(life: Forecast, doubt: float, law: Ageing) -> None:
    share = survival_at_age(aged(life, 0.0, 1.5, 40.0, 5000.0, law=law), doubt)
    assert np.isfinite(share).all()
    assert share[:, 0] == pytest.approx(np.ones(4))
    assert (np.diff(share) <= 1e-12).all()
    assert (share >= -1e-12).all()


def test_a_life_that_no_machine_of_its_age_has_left_is_not_made_likelier_by_its_age() -> None:
    sharp_law = Ageing(20.0, 20.0, 25.0)
    assert sharp_law.left(np.array([19.0]), np.array([25.0]))[0, 0] == 0.0
    life = aged(forecast(8, 20, 30, fails=0.02), 19.0, math.nan, law=sharp_law)
    believed, blind = survival_at_age(life, 0.2)[:, 24 * 25]
    assert believed < blind
    assert survival_at_age(life, 0.0)[0, 24 * 25] == 0.0


def test_an_old_machine_is_repaired_that_a_young_one_with_the_same_readings_is_not() -> None:
    life = forecast(8, 24, 30, fails=0.01)
    assert plan_repairs(life, COSTS).due_days.tolist() == [NOT_DUE]
    assert (plan_repairs(aged(life, 3.0, 10.0, 30.0, 45.0, 60.0), COSTS).due_days).tolist() == [NOT_DUE, NOT_DUE, 7, 4, 3]


def test_doubt_leaves_readings_that_leave_none_their_date_however_young_the_machine_is() -> None:
    """By the law alone, hardly a machine fails within four days of its repair. One in five failures at any age is enough to keep the date."""
    certain = forecast(4, 5, 6, fails=0.1)
    assert 1 - LAW.left(np.array([1.0]), np.array([6.0]))[0, 0] < 0.003
    assert (plan_repairs(aged(certain, 1.0), COSTS).due_days != NOT_DUE).all()


def test_nothing_is_due_while_the_window_begins_before_the_repair() -> None:
    due = plan_repairs(aged(sharp(6.5), 0.0, 23 / 24, 1.0, math.nan), SHOWN).due_days != NOT_DUE
    assert due.tolist() == [False, False, True, True]
    assert (plan_repairs(aged(sharp(6.5), 0.5, law=None), SHOWN).due_days == NOT_DUE).all()  # whether or not the law is known
