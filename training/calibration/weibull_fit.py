"""Learns the law of lives (features/model_file/weibull_lifetime.py) from a fleet's maintenance events, some of the lives cut short."""

from __future__ import annotations

import warnings
from typing import Final

from scipy import stats

from config.sections.model import AgeingSection
from features.arrays import Bools, Doubles, Int32s
from features.model_file.weibull_lifetime import Ageing
from features.reference_tables.renewals import lives_between
from training.data.labelled_fleet import LabelledFleet

_SHARPEST: Final = 20.0  # shape: nine lives in ten within 12 % of each other; what few lives say beyond that is chance


def fleet_ageing(fleet: LabelledFleet, units: Int32s, config: AgeingSection) -> Ageing | None:
    """The law of the lives of some compressors of `fleet`, by its events up to the last hour each was seen in; None where they are too few."""
    history = fleet.history
    seen = {history.compressor_ids[unit]: history.hours_with_data(unit) for unit in units}
    until = {name: history.mark(int(hours[-1])) for name, hours in seen.items() if len(hours)}
    return fit_ageing(*lives_between(fleet.events, until), config)


def fit_ageing(days: Doubles, failed: Bools, config: AgeingSection) -> Ageing | None:
    """The likeliest Weibull law of lives [n] that `failed`, or were only seen until then; None where fewer than `least_failures` failed.

    A life that was cut says "at least this long" (maximum likelihood under right censoring: Lawless, Statistical Models and Methods for Lifetime Data, 2003, ch. 5).
    """
    if failed.sum() < config.least_failures:
        return None
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of lives that are all alike
        shape, _, scale = stats.weibull_min.fit(stats.CensoredData(days[failed], right=days[~failed]), floc=0)
    return Ageing(min(float(shape), _SHARPEST), float(scale), float(days.max()))
