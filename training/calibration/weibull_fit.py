"""Fits the distribution of lives (features/model_file/weibull_lifetime.py) to a fleet's maintenance events."""

from __future__ import annotations

import warnings
from typing import Final

from scipy import stats

from config.sections.model import AgeingSection
from features.arrays import Bools, Doubles, Int32s
from features.model_file.weibull_lifetime import Ageing
from features.reference_tables.renewals import lives_between
from training.data.labelled_fleet import LabelledFleet

_SHARPEST: Final = 20.0  # shape: nine lives in ten within 12 % of each other; with few lives, a sharper shape is chance


def fleet_ageing(fleet: LabelledFleet, units: Int32s, config: AgeingSection) -> Ageing | None:
    """The distribution of the lives of `units`, by events up to the last hour with data. None where there are too few."""
    history = fleet.history
    seen = {history.compressor_ids[unit]: history.hours_with_data(unit) for unit in units}
    until = {name: history.mark(int(hours[-1])) for name, hours in seen.items() if len(hours)}
    return fit_ageing(*lives_between(fleet.events, until), config)


def fit_ageing(days: Doubles, failed: Bools, config: AgeingSection) -> Ageing | None:
    """The maximum-likelihood Weibull distribution of lives [n] that `failed` or are right-censored. None below `least_failures` failures.

    Source: Lawless, Statistical Models and Methods for Lifetime Data, 2003, ch. 5.
    """
    if failed.sum() < config.least_failures:
        return None
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of lives that are all alike
        shape, _, scale = stats.weibull_min.fit(stats.CensoredData(days[failed], right=days[~failed]), floc=0)
    return Ageing(min(float(shape), _SHARPEST), float(scale), float(days.max()))
