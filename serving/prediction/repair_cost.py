"""The day a repair is due and what it saves: the least expected cost of the remaining life. Pure, numpy only.

**Life.** The remaining life T has a cumulative hazard H(t), piecewise linear through the three numbers of the prediction. Each number is the
quantile it was measured to be (features/model_file/quantile_levels.py). The hazard is scaled on both sides of the horizon. Then P(T <= horizon)
is the model's own probability. Among all distributions with that probability, this is the nearest to the quantiles' own. A quantile at the
cap only states that this share of the lives ends at or beyond it. The rest stays there.

**Costs.** A repair on day t costs `planned` if the machine lives until then. It costs `unplanned` if the machine fails before. Both begin
the next life, which costs g a day. Each day lived before saves that:

    J(t) = planned S(t) + unplanned (1 - S(t)) - g E[min(T, t)]

**Watching.** This is the cost from day t, when signs of wear need w more days to show:

    planned S(t + w) + unplanned (1 - S(t + w)) - g E[T]

A failure in these days is lost, and no other life is wasted. Without signs, the machine is left alone: J(cap). W(t) is the mean of both, by
the share of failures with signs. A repair is due from the first day whose best day within w costs at most W. An example is in
docs/concepts/repair-dates.md.

**Age.** With a known age and law of lives (features/model_file/weibull_lifetime.py), S(t) is that of a machine of its age, by Bayes' rule.

Sources: renewal-reward criterion, Barlow, Proschan, Mathematical Theory of Reliability, 1965, ch. 4. Piecewise exponential life, Friedman,
Annals of Statistics 10, 1982. Jeffrey's rule, Csiszar, Annals of Probability 3, 1975.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from config.errors import ModelError
from config.sections.costs import CostsConfig
from features.arrays import Doubles, Ints
from features.contract import WINDOW_STEP_HOURS, WINDOW_STEPS
from features.model_file.quantile_levels import NOMINAL, Levels
from features.model_file.weibull_lifetime import Ageing

NOT_DUE: Final = -1
WINDOW_DAYS: Final = WINDOW_STEPS * WINDOW_STEP_HOURS / 24  # the age from which a window holds no reading from before the renewal

_NEAREST_LEVEL: Final = 1e-3  # to 0 or 1 that a quantile counts as
_STEPS_PER_DAY: Final = 24  # of the grid that a life is integrated on
_LEAST_GAP: Final = 1 / _STEPS_PER_DAY  # d between two quantiles
_LEAST_PIECE: Final = 1e-9  # of a life; a smaller probability is rounding
_ROWS: Final = 4096  # lives in memory at a time


@dataclass(frozen=True)
class Forecast:
    """The predicted remaining lives of n compressors: days, every array [n]."""

    lower: Doubles
    point: Doubles
    upper: Doubles
    failure_probability: Doubles  # within horizon_days, 0..1
    age_days: Doubles  # since the last repair, service or failure; NaN where unknown
    horizon_days: float
    cap_days: float  # the longest life the model can predict
    levels: Levels = NOMINAL  # which quantiles lower, point and upper are
    ageing: Ageing | None = None  # the law of such lives; without it, ages have no effect

    def rows(self, which: slice | Ints) -> Forecast:
        """The forecast of some of the compressors."""
        arrays = (self.lower, self.point, self.upper, self.failure_probability, self.age_days)
        lower, point, upper, fails, ages = (item[which] for item in arrays)
        return replace(self, lower=lower, point=point, upper=upper, failure_probability=fails, age_days=ages)


@dataclass(frozen=True)
class Repairs:
    """The best day to repair each of n compressors, every array [n]."""

    due_days: Ints  # whole days from now; NOT_DUE where waiting is best on all days of the plan
    saving_usd: Doubles  # expected, against no repair up to the cap; NaN where nothing is due


def plan_repairs(forecast: Forecast, costs: CostsConfig) -> Repairs:
    """The whole day of least expected cost for each life. It is never earlier than parts can arrive.

    Nothing is due where watching costs less on every day up to `plan_days`. Nothing is due where the window reaches back before the last renewal.
    Raises ModelError when the cap is shorter than lead time and signs together.
    """
    if costs.planned.lead_days.value + costs.signs_days.value > forecast.cap_days:
        raise ModelError(
            f"a model that predicts at most {forecast.cap_days:g} days cannot plan repairs: lower lead_days or signs_days of costs.yaml, whose sum is more"
        )
    parts = [_plan(forecast.rows(slice(start, start + _ROWS)), costs) for start in range(0, max(len(forecast.lower), 1), _ROWS)]
    return Repairs(np.concatenate([part.due_days for part in parts]), np.concatenate([part.saving_usd for part in parts]))


def survival(forecast: Forecast, days: Doubles) -> Doubles:
    """P(T > day) for `days` [m] from 0 to the cap, without the ages -> [n, m]."""
    hazard = _cumulative_hazard(forecast, days)
    at_horizon = _cumulative_hazard(forecast, np.array([forecast.horizon_days]))
    fails = forecast.failure_probability[:, None]
    within = 1 - fails * np.expm1(-hazard) / np.expm1(-at_horizon)
    beyond = (1 - fails) * np.exp(np.minimum(at_horizon - hazard, 0.0))
    return np.where(days <= forecast.horizon_days, within, beyond)


def survival_at_age(forecast: Forecast, doubt: float) -> Doubles:
    """Survival in steps of an hour from 0 to the cap, at the age of each machine -> [n, steps + 1].

    The share of failures that come at any age is `doubt`. Bayes' rule: readings and age are independent given the life. So the probability of
    each piece is multiplied by its likelihood ratio, this age against any age. Then all are divided by their sum.
    """
    days = _hourly(forecast.cap_days)
    alive = survival(forecast, days)
    known = np.flatnonzero(np.isfinite(forecast.age_days))
    if forecast.ageing is None or not len(known):
        return alive
    at_age, at_any = _pieces(forecast.ageing.left(forecast.age_days[known], days)), _at_any_age(forecast.ageing, forecast.cap_days)
    likelier = np.divide(at_age, at_any, out=np.zeros_like(at_age), where=at_any > _LEAST_PIECE)
    weighed = _pieces(alive[known]) * ((1 - doubt) * likelier + doubt)
    left = np.cumsum(weighed[:, ::-1], axis=1)[:, ::-1]  # of each piece and all later ones
    possible = left[:, 0] > 0  # by law and doubt together
    alive[known[possible]] = left[possible] / left[possible, :1]
    return alive


@functools.cache
def _at_any_age(ageing: Ageing, cap_days: float) -> Doubles:
    """The pieces of the remaining life at any age. They are the same for every prediction of a model, and slow to compute."""
    return _pieces(ageing.left_at_any_age(_hourly(cap_days)))


def _hourly(cap_days: float) -> Doubles:
    """Days from 0 to the cap -> [steps + 1]."""
    return np.arange(int(cap_days * _STEPS_PER_DAY) + 1) / _STEPS_PER_DAY


def _pieces(alive: Doubles) -> Doubles:
    """Probabilities that a life ends between a day and the next, from P(T > day) [..., m] -> [..., m].

    The last one is the probability that it does not end.
    """
    return -np.diff(alive, append=0.0)


def expected_costs(forecast: Forecast, costs: CostsConfig) -> tuple[Doubles, Doubles]:
    """J(t) of a repair on each whole day up to the cap, USD -> [n, days]. W(t) of watching from it -> [n, days - signs_days].

    Only differences within a row have a meaning.
    """
    alive = survival_at_age(forecast, costs.age_doubt.value)  # [n, steps + 1]
    lived = np.zeros_like(alive)  # E[min(T, t)], by the trapezoidal rule
    np.cumsum((alive[:, 1:] + alive[:, :-1]) / (2 * _STEPS_PER_DAY), axis=1, out=lived[:, 1:])
    whole = slice(None, None, _STEPS_PER_DAY)
    ends = (costs.planned.repair_usd.value * alive + costs.unplanned.usd * (1 - alive))[:, whole]
    saved = costs.next_life_usd_per_day * lived
    repair = ends - saved[:, whole]
    shown, share = ends[:, int(costs.signs_days.value) :] - saved[:, -1:], costs.signs_share.value
    return repair, share * shown + (1 - share) * repair[:, -1:]


def waiting(forecast: Forecast, costs: CostsConfig) -> tuple[Doubles, Doubles]:
    """What waiting does, for each whole day up to the cap -> two of [n, days].

    The probability that the machine has failed by then, and the USD that a repair on that day is expected to cost more than on the best day.
    The best day is one on which parts can be there.
    """
    alive = survival_at_age(forecast, costs.age_doubt.value)[:, ::_STEPS_PER_DAY]
    repair, _ = expected_costs(forecast, costs)
    return 1 - alive, repair - repair[:, costs.planned.earliest_day :].min(axis=1, keepdims=True)


def _plan(forecast: Forecast, costs: CostsConfig) -> Repairs:
    repair, watch = expected_costs(forecast, costs)
    signs = int(costs.signs_days.value)
    earliest = costs.planned.earliest_day
    soon = np.lib.stride_tricks.sliding_window_view(repair, signs + 1, axis=1)  # [n, days - signs, signs + 1]
    pays = (soon.min(axis=2) <= watch)[:, earliest:]
    first = earliest + pays.argmax(axis=1)
    row = np.arange(len(first))
    due = first + soon[row, first].argmin(axis=1)
    young = forecast.age_days < WINDOW_DAYS  # readings from before the repair do not describe the new life
    waits = ~pays.any(axis=1) | (due > costs.plan_days.value) | young
    return Repairs(np.where(waits, NOT_DUE, due), np.where(waits, np.nan, repair[:, -1] - repair[row, due]))


def _cumulative_hazard(forecast: Forecast, days: Doubles) -> Doubles:
    """H(day) of the quantiles alone -> [n, m]. Where the next quantile is the cap, the hazard continues at its rate, within its bound."""
    cap = forecast.cap_days
    start = np.zeros((len(forecast.lower), 1))
    rate = np.full_like(start, np.inf)  # per day
    total = np.zeros((len(start), len(days)))
    shares = np.clip(forecast.levels.at(forecast.point), _NEAREST_LEVEL, 1 - _NEAREST_LEVEL)  # [n, 3]
    rises = np.diff(-np.log1p(-shares), prepend=0.0, axis=1)
    for quantile, rise in zip((forecast.lower, forecast.point, forecast.upper), rises.T, strict=True):
        end = np.minimum(np.maximum(quantile[:, None], start + _LEAST_GAP), cap)
        slope = rise[:, None] / np.maximum(end - start, _LEAST_GAP)
        rate = np.where(quantile[:, None] >= cap, np.minimum(rate, slope), slope)
        total += rate * np.clip(days - start, 0.0, end - start)
        start = end
    return np.asarray(total + rate * np.maximum(days - start, 0.0))
