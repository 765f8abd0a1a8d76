"""A model beside its baseline by slice, on errors that are known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from config.loader import CONFIG_DIR, load_section
from config.sections.evaluation import EvaluationConfig
from monitoring.evaluation.comparison import BETTER
from monitoring.evaluation.event_metrics import WindowPredictions
from monitoring.evaluation.slices import measure_slices, not_better, thinly_covered

UNIT = np.repeat(np.arange(6), 4)  # six compressors with four windows each
TRUE = np.full(24, 10.0)
GROUP = np.where(UNIT < 5, "many", "one")
OFF = np.where(UNIT < 5, 1.0, -4.0)  # of the model


@pytest.fixture(scope="module")
def config() -> EvaluationConfig:
    return load_section(CONFIG_DIR / "evaluation.yaml", EvaluationConfig, {})


def _slices(config: EvaluationConfig, baseline_off: float = 3.0) -> dict[str, dict[str, dict[str, object]]]:
    rul = TRUE + OFF
    predictions = WindowPredictions(TRUE, rul, rul - 2, rul + 2, {"group": GROUP, "all": np.full(24, "all")})
    return measure_slices(predictions, TRUE + baseline_off, UNIT, config)


def test_a_slice_has_the_errors_coverage_and_compressors_of_its_windows(config: EvaluationConfig) -> None:
    many = _slices(config)["group"]["many"]
    assert (many["windows"], many["compressors"], many["rmse_days"], many["baseline_rmse_days"]) == (20, 5, 1.0, 3.0)
    assert (many["bias_days"], many["coverage_90"], many["mean_width_90_days"]) == (1.0, 1.0, 4.0)
    assert (many["difference_days"], many["interval_days"], many["verdict"]) == (-2.0, [-2.0, -2.0], BETTER)


def test_a_slice_of_too_few_compressors_has_no_interval(config: EvaluationConfig) -> None:
    one = _slices(config)["group"]["one"]
    assert (one["compressors"], one["interval_days"], one["verdict"]) == (1, None, None)
    assert (one["rmse_days"], one["bias_days"], one["coverage_90"]) == (4.0, -4.0, 0.0)


def test_every_window_is_in_one_slice_of_each_grouping(config: EvaluationConfig) -> None:
    assert [sum(int(str(one["windows"])) for one in slices.values()) for slices in _slices(config).values()] == [24, 24]


def test_slices_that_are_not_won_and_those_whose_intervals_do_not_hold_are_named(config: EvaluationConfig) -> None:
    assert not_better(_slices(config)["group"]) == (["one"], [])
    assert not_better(_slices(config, baseline_off=5.0)["group"]) == ([], ["one"])  # smaller, but of one compressor
    assert not_better(_slices(config, baseline_off=1.0)["group"]) == (["many", "one"], [])  # as large is not smaller
    assert thinly_covered(_slices(config)["group"], 0.8) == ["one"]
