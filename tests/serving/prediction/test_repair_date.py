from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from features.model_file.weibull_lifetime import Ageing
from serving.prediction.repair_cost import Forecast
from serving.prediction.repair_date import Due, ages_at, due_repairs
from tests.serving.gold import COSTS

AS_OF = datetime(2026, 3, 9, 5, 50, tzinfo=UTC)
WARNING = 14.0
SUSPECT = Forecast(*(np.array([number]) for number in (8.0, 14.0, 29.0, 0.01, np.nan)), 3.0, 30.0, ageing=Ageing(3.3, 42.0, 70.0))  # type: ignore[misc]


def one(age_days: float, explained_below_days: float = WARNING) -> Due:
    (due,) = due_repairs(replace(SUSPECT, age_days=np.array([age_days])), AS_OF, COSTS, explained_below_days)
    return due


def test_a_date_that_the_age_takes_away_is_explained() -> None:
    blind = one(np.nan)
    assert (blind.act_by is None, blind.by_age) == (False, None)
    word = "no repair date yet: 5 days since the last failure, repair or service; 2% of machines of that age fail within 7 days"
    assert one(5.0) == Due(None, None, word)
    assert str(one(1.2).by_age).startswith("no repair date yet: 1 day since the last")
    assert one(30.0).act_by is not None


def test_ages_are_not_explained_where_there_is_nothing_to_plan() -> None:
    assert one(5.0, explained_below_days=13.9) == Due(None, None, None)


def test_ages_count_from_the_beginning_of_each_life() -> None:
    ages = ages_at(AS_OF, [None, datetime(2026, 3, 7, 17, 50, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)])
    assert ages == pytest.approx(np.array([np.nan, 1.5, 0.0]), nan_ok=True)
