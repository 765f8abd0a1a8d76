"""Lives between two renewals, some of them cut short: how long they last, and when age alone is reason enough for a repair. Pure; days.

A life is complete when it was seen from its renewal to its failure. Cut lives still say "at least this long": the product-limit estimate
(Kaplan and Meier, J. Am. Statist. Assoc. 53, 1958) takes them into account.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from config.sections.costs import CostsConfig
from features.arrays import Bools, Doubles


def product_limit(days: Doubles, ended: Bools) -> tuple[Doubles, Doubles]:
    """Survival of lives [n] that ended, or were only seen until then: the times at which one of both came, ascending, and the share left after each."""
    found = stats.ecdf(stats.CensoredData(days[ended], right=days[~ended])).sf
    return found.quantiles, found.probabilities


def complete_weights(days: Doubles, complete: Bools) -> Doubles:
    """Weight of each life [n], sum 1: those of the complete ones make up for the lives as long as they that were cut; a cut one has 0.

    Inverse probability of having been seen to the end (Satten and Datta, Am. Statistician 55, 2001): without it long lives, which are cut
    more often, would be too rare.
    """
    times, kept = product_limit(days, ~complete)
    before = np.concatenate([[1.0], kept])[np.searchsorted(times, days, side="left")]  # share not cut before `days`
    weights = np.where(complete, 1 / np.where(complete, before, 1.0), 0.0)
    return np.asarray(weights / weights.sum())


def replacement_age(days: Doubles, failed: Bools, costs: CostsConfig) -> float | None:
    """The age, in days, at which repairing every machine costs least per day; None when running to failure costs no more, or none failed.

    Age replacement (Barlow and Hunter, Operations Research 8, 1960): cost of a cycle over its mean length, standstill included. Ages beyond
    the longest life seen are not considered; who still runs then fails as often as machines did before (the exponential tail of Brown, Hollander and
    Korwar, in Reliability and Biometry, SIAM, 1974), else the end of the data would make an age look cheaper than no repair.
    """
    if not failed.any():
        return None
    times, left = product_limit(days, failed)
    ages = np.concatenate([times, [days.max()]])  # just before a failure is always better than between two
    alive = np.concatenate([[1.0], left])  # until the failure at each age
    lived = np.cumsum(alive * np.diff(ages, prepend=0.0))  # E[min(T, age)]
    planned, unplanned = costs.planned, costs.unplanned
    usd = planned.repair_usd.value * alive + unplanned.usd * (1 - alive)
    rate = usd / (lived + planned.repair_days.value * alive + unplanned.days * (1 - alive))
    beyond = alive[-1] * ages[-1] / -np.log(alive[-1]) if alive[-1] > 0 else 0.0  # days lived beyond the longest life seen
    to_failure = unplanned.usd / (lived[-1] + beyond + unplanned.days)
    best = int(rate.argmin())
    return float(ages[best]) if rate[best] < to_failure else None
