from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from config.sections.model import AgeingSection
from features.grid import History
from features.model_file.weibull_lifetime import Ageing
from features.reference_tables.tables import EVENT_SCHEMA
from training.calibration.weibull_fit import fit_ageing, fleet_ageing
from training.data.dataset import WindowIndex
from training.data.labelled_fleet import LabelledFleet

CONFIG = AgeingSection(least_failures=30)


@pytest.mark.parametrize("law", [Ageing(3.3, 42.0, 1.0), Ageing(1.0, 38.0, 1.0), Ageing(0.7, 20.0, 1.0)])
def test_the_law_that_lives_were_drawn_from_is_found_though_many_are_cut(law: Ageing) -> None:
    random = np.random.default_rng(7)
    lives, cuts = law.scale_days * random.weibull(law.shape, 6000), random.uniform(5, 60, 6000)
    days, failed = np.minimum(lives, cuts), lives <= cuts
    assert 0.3 < failed.mean() < 0.8
    fitted = fit_ageing(days, failed, CONFIG)
    assert fitted is not None
    assert (fitted.shape, fitted.scale_days) == (pytest.approx(law.shape, rel=0.05), pytest.approx(law.scale_days, rel=0.05))
    assert fitted.longest_days == days.max()


def test_too_few_failures_give_no_law() -> None:
    days = np.linspace(5, 50, 60)
    assert fit_ageing(days, np.arange(60) < 29, CONFIG) is None
    assert fit_ageing(days, np.arange(60) < 30, CONFIG) is not None
    assert fit_ageing(days[:0], days[:0] > 0, CONFIG) is None


def test_lives_that_all_lasted_the_same_stop_nothing() -> None:
    fitted = fit_ageing(np.full(40, 20.0), np.ones(40, np.bool_), CONFIG)
    assert fitted is not None
    assert fitted.mean_days == pytest.approx(20.0, rel=0.05)


START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 70


def fleet(lives: dict[str, tuple[float, float]], seen_days: dict[str, float]) -> LabelledFleet:
    """Compressors that fail again and again for 200 days, after lives drawn between the given bounds, with readings up to `seen_days`."""
    random = np.random.default_rng(4)
    rows = []
    for name, bounds in lives.items():
        moment = START
        while moment < START + timedelta(days=200):
            moment += timedelta(days=float(random.uniform(*bounds)))
            rows.append((name, moment, "failure", 0.0))
    events = pl.DataFrame(rows, schema=["compressor_id", "event_date", "event_type", "downtime_hours"], orient="row").cast(
        {name: EVENT_SCHEMA[name] for name in ("event_date", "downtime_hours")}
    )
    values = np.full((len(lives), 24 * DAYS, 24), np.nan, np.float32)
    for unit, name in enumerate(lives):
        values[unit, : int(24 * seen_days[name]) + 1] = 1.0
    nothing = np.zeros(0, np.int64)
    index = WindowIndex(nothing.astype(np.int32), nothing, nothing, nothing.astype(np.float32), nothing > 0)
    return LabelledFleet(History(values.reshape(-1, 24), list(lives), START, 24 * DAYS), index, [], events)


def test_only_lives_of_the_compressors_asked_for_count() -> None:
    names = [f"C-{unit}" for unit in range(40)]
    both = fleet({name: (18, 22) if unit < 20 else (2, 4) for unit, name in enumerate(names)}, dict.fromkeys(names, 69.0))
    fitted = fleet_ageing(both, np.arange(20), CONFIG)
    assert fitted is not None
    assert 18 < fitted.mean_days < 22


def test_a_life_is_cut_when_its_compressor_was_last_seen_and_later_events_do_not_count() -> None:
    """Half of the compressors were seen for 30 days only. Their last lives are cut there, not at the end of the history."""
    names = [f"C-{unit}" for unit in range(60)]
    seen = {name: 30.0 if unit < 30 else 69.0 for unit, name in enumerate(names)}
    fitted = fleet_ageing(fleet(dict.fromkeys(names, (8, 12)), seen), np.arange(60), CONFIG)
    assert fitted is not None
    assert fitted.longest_days < 12
    assert 9 < fitted.mean_days < 11
    assert fitted.shape > 5
