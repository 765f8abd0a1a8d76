"""Lengths of lives between two renewals, and the age at which a repair pays. Pure; days.

A life is complete when it was observed from renewal to failure. Cut lives are lower bounds. The product-limit estimate accounts for
them (Kaplan and Meier, J. Am. Statist. Assoc. 53, 1958).
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from config.sections.costs import CostsConfig
from features.arrays import Bools, Doubles


def product_limit(days: Doubles, ended: Bools) -> tuple[Doubles, Doubles]:
    """Survival of lives [n] that ended or were cut: times, ascending, and the share left after each."""
    found = stats.ecdf(stats.CensoredData(days[ended], right=days[~ended])).sf
    return found.quantiles, found.probabilities


def complete_weights(days: Doubles, complete: Bools) -> Doubles:
    """Weight of each life [n], sum 1. A cut life has 0; complete lives make up for cut ones of their length.

    It is the inverse probability of being observed to the end (Satten and Datta, Am. Statistician 55, 2001). Long lives are cut more
    often, so without it they would be too rare.
    """
    times, kept = product_limit(days, ~complete)
    before = np.concatenate([[1.0], kept])[np.searchsorted(times, days, side="left")]  # share not cut before `days`
    weights = np.where(complete, 1 / np.where(complete, before, 1.0), 0.0)
    return np.asarray(weights / weights.sum())


def replacement_age(days: Doubles, failed: Bools, costs: CostsConfig) -> float | None:
    """The age, in days, at which repairing every machine costs least per day.

    None when running to failure costs no more, or none failed. Age replacement (Barlow and Hunter, Operations Research 8, 1960) is cost of
    a cycle over its mean length, standstill included. Ages beyond the longest observed life are not considered. Machines still running then
    fail at the rate before (exponential tail: Brown, Hollander, Korwar, Reliability and Biometry, SIAM, 1974). Otherwise the end of the
    data would make an age seem cheaper than no repair.
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
