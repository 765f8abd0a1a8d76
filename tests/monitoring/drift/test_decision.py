"""From measured distances to drift, retraining and the reasons, number by number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from config.sections.monitoring import DecisionSection
from config.settings import Settings
from monitoring.drift.decision import decide, is_drifted
from monitoring.drift.distances import Distances, FeatureDistance

STILL = FeatureDistance(
    "temp_1hr_mean",
    psi=0.1,
    psi_by_chance=0.6,
    ks=0.2,
    p_value=0.3,
    p_adjusted=0.9,
    effect=0.2,
    outside=0.1,
    fleet_shift=1.5,
    fleet_effect=0.3,
    fleet_p_adjusted=0.8,
)
SOME = replace(STILL, psi=0.9, outside=0.34)
QUIET = Distances(
    compressors=30,
    compared=26,
    current_days=7,
    baseline_days=21,
    reference_weeks=14,
    features=[STILL, replace(STILL, name="vibration_1hr_mean")],
    prediction_psi=0.1,
    prediction_psi_by_chance=0.32,
)


@pytest.fixture(scope="module")
def config(settings: Settings) -> DecisionSection:
    return settings.monitoring.decision


def test_without_drift_nothing_follows_and_the_reasons_name_what_was_compared(config: DecisionSection) -> None:
    decision = decide(QUIET, config)
    assert (decision.drift, decision.retrain, decision.drifted_features) == (False, False, [])
    assert decision.reasons == [
        "prediction PSI 0.100 is not above 0.25",
        "no feature drifted (the last 7 days against the 21 before, 26 compressors)",
    ]


@pytest.mark.parametrize(
    ("psi", "by_chance", "retrain", "reason"),
    [
        (0.25, 0.1, False, "prediction PSI 0.250 is not above 0.25"),
        (0.251, 0.1, True, "prediction PSI 0.251 is above 0.25 and above the 0.100 that 30 compressors of the reference reach by chance"),
        (0.3, 0.32, False, "prediction PSI 0.300 is above 0.25, but 30 compressors of the reference reach 0.320 by chance"),
        (0.33, 0.32, True, "prediction PSI 0.330 is above 0.25 and above the 0.320 that 30 compressors of the reference reach by chance"),
    ],
)
def test_a_prediction_psi_above_the_limit_and_above_chance_calls_for_a_retraining(
    config: DecisionSection, psi: float, by_chance: float, retrain: bool, reason: str
) -> None:
    decision = decide(replace(QUIET, prediction_psi=psi, prediction_psi_by_chance=by_chance), config)
    assert (decision.drift, decision.prediction_drifted, decision.retrain) == (retrain, retrain, retrain)
    assert decision.reasons[0] == reason


def test_some_compressors_that_moved_are_drift_and_the_feature_is_named(config: DecisionSection) -> None:
    decision = decide(replace(QUIET, features=[SOME, QUIET.features[1]]), config)
    assert (decision.drift, decision.retrain, decision.drifted_features) == (True, True, ["temp_1hr_mean"])
    assert decision.reasons[1] == (
        "drifted: temp_1hr_mean (PSI 0.90, by chance up to 0.60; 34% of compressors beyond the reference's outer bins; fleet shift +1.5) "
        "(the last 7 days against the 21 before, 26 compressors)"
    )


def test_a_reason_names_the_four_strongest_and_counts_the_others(config: DecisionSection) -> None:
    features = [replace(SOME, name=f"f{number}", psi=1.0 + number) for number in range(6)]
    reason = decide(replace(QUIET, features=features), config).reasons[1]
    assert [reason.index(f"f{number} ") for number in (5, 4, 3, 2)] == sorted(reason.index(f"f{number} ") for number in (5, 4, 3, 2))
    assert "and 2 more (the last" in reason


@pytest.mark.parametrize(("psi", "by_chance", "drifted"), [(0.25, 0.1, False), (0.26, 0.1, True), (0.6, 0.6, False), (0.61, 0.6, True)])
def test_a_features_psi_must_matter_and_be_beyond_chance(config: DecisionSection, psi: float, by_chance: float, drifted: bool) -> None:
    assert is_drifted(replace(STILL, psi=psi, psi_by_chance=by_chance), config) is drifted


@pytest.mark.parametrize(("p_adjusted", "effect", "drifted"), [(0.001, 0.39, False), (0.02, 0.4, False), (0.019, 0.4, True)])
def test_a_different_distribution_must_differ_by_enough(config: DecisionSection, p_adjusted: float, effect: float, drifted: bool) -> None:
    assert is_drifted(replace(STILL, p_adjusted=p_adjusted, effect=effect), config) is drifted


def test_a_shift_too_small_to_matter_is_no_drift_however_many_rows_show_it(config: DecisionSection) -> None:
    random = np.random.default_rng(1)
    past, now = random.normal(0, 1, 100_000), random.normal(0.02, 1, 100_000)
    p_value = float(stats.ks_2samp(now, past).pvalue)
    effect = float(stats.wasserstein_distance(now, past))
    assert p_value < 0.001
    assert effect < 0.03
    assert not is_drifted(replace(STILL, p_adjusted=p_value, effect=effect), config)


@pytest.mark.parametrize(
    ("effect", "p_adjusted", "drifted"), [(1.0, 0.019, True), (0.9, 0.001, False), (3.0, 0.02, False), (None, None, False)]
)
def test_a_fleet_that_moves_as_one_must_move_far_and_unlike_its_weeks(
    config: DecisionSection, effect: float | None, p_adjusted: float | None, drifted: bool
) -> None:
    assert is_drifted(replace(STILL, fleet_effect=effect, fleet_p_adjusted=p_adjusted), config) is drifted


def test_drift_that_is_configured_to_call_for_nothing_is_reported_and_calls_for_nothing(config: DecisionSection) -> None:
    decision = decide(replace(QUIET, features=[SOME]), config.model_copy(update={"retrain_on": ["prediction"]}))
    assert (decision.drift, decision.retrain) == (True, False)
    assert decision.reasons[-1] == "feature drift calls for no retraining here (decision.retrain_on in monitoring.yaml)"


NOT_COMPARED = replace(QUIET, features=[FeatureDistance("temp_1hr_mean")])


@pytest.mark.parametrize(
    ("distances", "reason"),
    [
        (
            replace(NOT_COMPARED, compared=4),
            "features cannot be compared: 4 compressors ran healthy long enough in the last 7 days and the 21 before, 5 are needed",
        ),
        (
            replace(NOT_COMPARED, compared=0, current_days=1.5, baseline_days=0),
            "features cannot be compared yet: the fleet's history of 1.5 days is too short to compare it with itself",
        ),
        (
            replace(NOT_COMPARED, reference_weeks=2),
            "features cannot be compared: the model's reference holds 2 stretches of 7 days with the 21 before, "
            "3 are needed to show what happens by chance",
        ),
    ],
)
def test_features_that_cannot_be_compared_are_no_drift_and_the_reason_is_given(
    config: DecisionSection, distances: Distances, reason: str
) -> None:
    decision = decide(distances, config)
    assert (decision.drift, decision.retrain, decision.reasons[1]) == (False, False, reason)


@pytest.mark.parametrize(
    ("compressors", "reason"),
    [
        (4, "predictions cannot be compared: 4 compressors have predictions, 5 are needed"),
        (30, "predictions cannot be compared: the model's reference is too short to show what happens by chance"),
    ],
)
def test_predictions_that_cannot_be_compared_give_the_reason(config: DecisionSection, compressors: int, reason: str) -> None:
    decision = decide(replace(QUIET, compressors=compressors, prediction_psi=None, prediction_psi_by_chance=None), config)
    assert (decision.retrain, decision.reasons[0]) == (False, reason)
