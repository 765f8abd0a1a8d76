"""The day on which each repair is due, and the sentence about the age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt

from config.sections.costs import CostsConfig
from features.contract import USD_DIGITS
from serving.prediction.reasons import old_reason, renewed_reason, young_reason
from serving.prediction.repair_cost import NOT_DUE, WINDOW_DAYS, Forecast, plan_repairs

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Due:
    """The repair of one compressor. Date and saving are None while none is due."""

    act_by: date | None
    saving_usd: float | None
    by_age: str | None  # the sentence about the age, where the age decides


def ages_at(as_of: datetime, renewed: Sequence[datetime | None]) -> npt.NDArray[np.float64]:
    """Age of each machine in days [n]: NaN where unknown, 0 while it stands still."""
    return np.array([np.nan if begun is None else max((as_of - begun) / _DAY, 0.0) for begun in renewed], np.float64)


def due_repairs(forecast: Forecast, as_of: datetime, costs: CostsConfig, explained_below_days: float) -> list[Due]:
    """The repair of each machine, in UTC days from `as_of`.

    The age is explained only with a date, or with a predicted life of at most `explained_below_days`.
    """
    repairs = plan_repairs(forecast, costs)
    is_due = repairs.due_days != NOT_DUE
    sentences = _by_age(forecast, is_due, is_due | (forecast.point <= explained_below_days), costs)
    today = as_of.astimezone(UTC).date()
    return [
        Due(today + int(days) * _DAY, round(float(usd), USD_DIGITS), sentence) if due else Due(None, None, sentence)
        for due, days, usd, sentence in zip(is_due, repairs.due_days, repairs.saving_usd, sentences, strict=True)
    ]


def _by_age(forecast: Forecast, is_due: npt.NDArray[np.bool_], explained: npt.NDArray[np.bool_], costs: CostsConfig) -> list[str | None]:
    """A sentence for each machine of `explained` whose age changes whether a repair is due."""
    sentences: list[str | None] = [None] * len(is_due)
    known = np.flatnonzero(np.isfinite(forecast.age_days) & explained)
    ageless = plan_repairs(replace(forecast.rows(known), age_days=np.full(len(known), np.nan)), costs)
    for row in known[(ageless.due_days != NOT_DUE) != is_due[known]]:
        age = forecast.age_days[row : row + 1]
        if forecast.ageing is None or age[0] < WINDOW_DAYS:
            sentences[row] = renewed_reason()
            continue
        within = costs.plan_days.value
        fails = 1 - float(forecast.ageing.left(age, np.array([within]))[0, 0])
        sentences[row] = (old_reason if is_due[row] else young_reason)(float(age[0]), fails, within)
    return sentences
