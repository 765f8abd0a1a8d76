"""Whether first reasons are the right ones, on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from config.sections.evaluation import EvaluationConfig
from features.contract import DISCHARGE_PRESSURE, DISCHARGE_TEMP, FEATURES, GAS_FLOW, VIBRATION
from monitoring.evaluation.reason_metrics import Truth, agreement, first_named, hits, largest_change, mode_truth, sanity

COOLING = Truth(frozenset({DISCHARGE_TEMP, DISCHARGE_PRESSURE}), frozenset({DISCHARGE_TEMP}))
BEARING = Truth(frozenset({VIBRATION, DISCHARGE_TEMP}), frozenset({VIBRATION}))


def test_a_mode_moves_what_it_has_an_effect_on_and_is_led_by_what_it_moves_most() -> None:
    changes = {VIBRATION: 0.32, DISCHARGE_TEMP: 0.4, DISCHARGE_PRESSURE: -0.2, GAS_FLOW: -0.9}  # the model does not see the flow
    assert mode_truth(changes, 0.75) == Truth(
        frozenset({VIBRATION, DISCHARGE_TEMP, DISCHARGE_PRESSURE}), frozenset({VIBRATION, DISCHARGE_TEMP})
    )
    assert mode_truth({GAS_FLOW: -0.9}, 0.75) == Truth(frozenset(), frozenset())


def test_first_is_the_sensor_that_takes_most_days_and_none_below_the_least() -> None:
    assert first_named(np.array([[-5.0, -6.0, 1.0], [3.0, 2.0, -1.0], [-0.9, 9.0, 0.0]]), 1.0) == [DISCHARGE_TEMP, DISCHARGE_PRESSURE, ""]


def test_largest_change_is_relative_to_where_the_hour_mean_began() -> None:
    windows = np.full((3, 24, len(FEATURES)), 100.0, np.float32)
    windows[0, -1, FEATURES.index("pressure_1hr_mean")] = 130.0
    windows[0, -1, FEATURES.index("temp_1hr_mean")] = 60.0
    windows[1, -1, FEATURES.index("vibration_1hr_mean")] = 110.0
    windows[2, :, FEATURES.index("vibration_1hr_mean")] = np.nan
    windows[2, -1, FEATURES.index("pressure_1hr_mean")] = 101.0
    assert largest_change(windows) == [DISCHARGE_TEMP, VIBRATION, DISCHARGE_PRESSURE]


def test_hits_are_counted_over_all_cases_and_by_mode(evaluation: EvaluationConfig) -> None:
    modes = ["cooling", "cooling", "bearing", "bearing"]
    named_by_method = {
        "reasons": [DISCHARGE_TEMP, DISCHARGE_PRESSURE, VIBRATION, ""],
        "naive": [VIBRATION, VIBRATION, DISCHARGE_TEMP, DISCHARGE_PRESSURE],
    }
    restored = np.array([[1.0, 8.0, 2.0], [1.0, 9.0, 3.0], [6.0, 4.0, 0.0], [5.0, 4.0, -1.0]])
    result = hits(modes, named_by_method, restored, {"cooling": COOLING, "bearing": BEARING, "unseen": BEARING}, evaluation)
    assert result["cases"] == 4
    assert result["methods"]["reasons"] == {
        "hits": 3,
        "share": 0.75,
        "interval": [0.3006, 0.9544],  # Wilson, 3 of 4, 95 %
        "leading": 0.5,
        "restored_days": 4.25,  # 8, 3, 6 and none
        "named": {DISCHARGE_PRESSURE: 1, DISCHARGE_TEMP: 1, "none": 1, VIBRATION: 1},
    }
    assert set(result["by_mode"]) == {"bearing", "cooling"}
    cooling, bearing = (result["by_mode"][mode] for mode in ("cooling", "bearing"))
    assert (cooling["cases"], cooling["methods"]["reasons"]["share"], cooling["methods"]["reasons"]["leading"]) == (2, 1.0, 0.5)
    assert (cooling["methods"]["naive"]["share"], bearing["methods"]["naive"]["share"]) == (0.0, 0.5)
    assert (bearing["methods"]["naive"]["leading"], bearing["methods"]["naive"]["restored_days"]) == (0.0, 1.5)


def test_without_a_case_there_is_no_share(evaluation: EvaluationConfig) -> None:
    result = hits([], {"reasons": []}, np.empty((0, 3)), {}, evaluation)
    assert (result["cases"], result["by_mode"], result["methods"]["reasons"]["share"]) == (0, {}, None)


def test_agreement_is_one_with_itself_minus_one_turned_around_and_blind_to_scale() -> None:
    one = np.array([[1.0, -2.0, 3.0, 0.5], [0.0, 1.0, -5.0, 2.0]])
    assert agreement(one, one * 7) == {"rank_correlation": 1.0, "rank_correlation_of_sizes": 1.0, "same_first": 1.0}
    assert agreement(one, -one) == {"rank_correlation": -1.0, "rank_correlation_of_sizes": 1.0, "same_first": 0.0}


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([[2.0, 1.0, 3.0, 4.0]], 0.8),  # 1 - 6 x 2 / (4 x 15)
        ([[4.0, 3.0, 2.0, 1.0]], -1.0),
        ([[1.0, 1.0, 2.0, 2.0]], 0.8944),  # ties share their rank: 4 / sqrt(5 x 4)
        ([[1.0, 1.0, 1.0, 1.0]], None),
    ],
)
def test_rank_correlation_is_spearmans(other: list[list[float]], expected: float | None) -> None:
    assert agreement(np.array([[1.0, 2.0, 3.0, 4.0]]), np.array(other))["rank_correlation"] == expected


def test_sanity_sets_the_champion_beside_what_the_input_alone_brings_about() -> None:
    champion = np.array([[1.0, 2.0, -3.0, -4.0]])
    random = [np.array([[1.0, 2.0, -3.0, -4.0]]), np.array([[-1.0, -2.0, 3.0, 4.0]]), np.array([[0.0, 0.0, 0.0, 0.0]])]
    assert sanity(champion, random) == {
        "models": 3,
        "rank_correlation": 0.0,  # 1, -1, and one that says nothing
        "rank_correlation_of_sizes": 1.0,
        "same_first": 0.5,
        "rank_correlation_range": [-1.0, 1.0],
        "among_randomised": {"rank_correlation": -1.0, "rank_correlation_of_sizes": 1.0, "same_first": 0.0},
    }
    assert sanity(champion, random[2:])["rank_correlation_range"] is None
