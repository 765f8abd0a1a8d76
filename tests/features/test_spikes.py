from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.sections.etl import OutlierConfig
from features.build import Rules
from features.rolling import MICROSECONDS_PER_HOUR
from features.spikes import find_isolated_spikes

STEP_US = MICROSECONDS_PER_HOUR // 6
CALM = [3.0, 3.1, 2.9, 3.05, 2.95, 3.0, 3.1, 2.9, 3.0, 3.05]


@pytest.fixture(scope="module")
def rule(rules: Rules) -> OutlierConfig:
    return rules.etl.outliers


def _spikes(values: list[float], rule: OutlierConfig, step_us: int = STEP_US) -> list[int]:
    """Positions of the spikes of one compressor that reports every `step_us`."""
    time_us = np.arange(len(values), dtype=np.int64) * step_us
    marked = find_isolated_spikes(np.zeros(len(values), np.int64), time_us, np.array(values), rule)
    return np.flatnonzero(marked).tolist()


def test_isolated_spike_is_removed_but_a_lasting_level_is_kept(rule: OutlierConfig) -> None:
    assert _spikes([*CALM, 12.0, *CALM], rule) == [10]
    lasting = _spikes([*CALM, *[12.0] * 10], rule)
    assert lasting == [10]  # the first reading of a new level cannot be told from a spike yet; every later one is kept


def test_spike_downwards_is_a_spike(rule: OutlierConfig) -> None:
    assert _spikes([*CALM, 0.1, 3.0], rule) == [10]


def test_slow_rise_to_four_times_the_level_is_kept_whole(rule: OutlierConfig) -> None:
    assert _spikes([*CALM, *np.linspace(3, 12, 200)], rule) == []


def test_two_spikes_on_opposite_sides_are_two_spikes(rule: OutlierConfig) -> None:
    assert _spikes([*CALM, 12.0, 0.1, 3.0], rule) == [10, 11]


def test_first_readings_are_never_judged(rule: OutlierConfig) -> None:
    assert _spikes([3.0, 30.0, 3.0, 3.0, 3.0, 30.0], rule) == []
    assert _spikes([3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 30.0], rule) == [6]


def test_readings_older_than_the_spread_are_no_evidence(rule: OutlierConfig) -> None:
    time_us = np.r_[np.arange(10), 10 + 25 * 6].astype(np.int64) * STEP_US  # the last comes 25 hours later
    marked = find_isolated_spikes(np.zeros(11, np.int64), time_us, np.array([*CALM, 30.0]), rule)
    assert not marked.any()


def test_stuck_sensor_that_wakes_up_within_the_floor_is_kept(rule: OutlierConfig) -> None:
    stuck = [3.0] * 150  # no spread at all: the floor is 4 x 2 % of the level
    assert _spikes([*stuck, 3.2, 2.8, 3.1], rule) == []
    assert _spikes([*stuck, 3.3, 3.0], rule) == [150]


def test_missing_value_is_no_spike_and_no_evidence(rule: OutlierConfig) -> None:
    assert _spikes([*CALM, np.nan, 12.0, np.nan, 3.0], rule) == [11]


def test_compressors_are_judged_on_their_own(rule: OutlierConfig) -> None:
    values = np.array([*CALM, *(np.array(CALM) * 4), 12.0])
    group = np.repeat([0, 1], [10, 11])
    time_us = np.r_[np.arange(10), np.arange(11)].astype(np.int64) * STEP_US
    assert not find_isolated_spikes(group, time_us, values, rule).any()


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.floats(0.5, 20), min_size=1, max_size=60), data=st.data())
def test_verdict_never_depends_on_later_readings(rule: OutlierConfig, values: list[float], data: st.DataObject) -> None:
    known = data.draw(st.integers(1, len(values)))
    assert _spikes(values[:known], rule) == [position for position in _spikes(values, rule) if position < known]


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.floats(0.5, 20), min_size=1, max_size=60), data=st.data())
def test_verdict_needs_no_more_past_than_two_spreads(rule: OutlierConfig, values: list[float], data: st.DataObject) -> None:
    step_us = data.draw(st.sampled_from([3, 5, 12])) * MICROSECONDS_PER_HOUR
    start = data.draw(st.integers(0, len(values)))
    reach = int(2 * rule.spread_hours * MICROSECONDS_PER_HOUR / step_us)
    whole = [position for position in _spikes(values, rule, step_us) if position >= start + reach]
    part = [position + start for position in _spikes(values[start:], rule, step_us) if position >= reach]
    assert part == whole
